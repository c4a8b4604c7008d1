"""Webhooks: where events of the audit log are sent, and how far each receiver is."""

import sqlalchemy as sa
from alembic import op

from admin.migrations.protection import APP_ROLE, allow_tenants, protect, written_by_operator

revision = "0021"
down_revision = "0020"

_CHANGED = (
    *(
        "url",
        "state",
        "version",
        "place",
        "secret_number",
        "secret_issued_at",
        "fence",
        "leased_until",
        "next_attempt_at",
    ),
    *("failures", "failing_since", "last_attempt_at", "last_success_at", "last_status", "last_problem"),
)


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "webhook",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("all_streams", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("secret_number", sa.Integer(), nullable=False),
        sa.Column("secret_issued_at", moment, nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("leased_until", moment, nullable=True),
        sa.Column("next_attempt_at", moment, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", moment, nullable=True),
        sa.Column("last_attempt_at", moment, nullable=True),
        sa.Column("last_success_at", moment, nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_problem", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_webhook_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_webhook_tenant_id_id")),
        sa.CheckConstraint("state IN ('active', 'paused', 'ended')", name=op.f("ck_webhook_state_known")),
        sa.CheckConstraint(
            "place >= 0 AND secret_number >= 0 AND failures >= 0", name=op.f("ck_webhook_counts_positive")
        ),
        sa.CheckConstraint(
            "(secret_number = 0) = (secret_issued_at IS NULL)", name=op.f("ck_webhook_secret_has_a_time")
        ),
    )
    protect("webhook")
    written_by_operator("webhook")
    # Whose events a webhook gets, and under which id, never changes; an ended one stays as a row.
    op.execute(f"REVOKE UPDATE, DELETE ON webhook FROM {APP_ROLE}")
    op.execute(f"GRANT UPDATE ({', '.join(_CHANGED)}) ON webhook TO {APP_ROLE}")
    allow_tenants()
