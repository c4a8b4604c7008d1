"""Announcements of the operator to chosen tenants, and who of them confirmed one.

A tenant sees an announcement by its row among the recipients; one that it did not get is not there for it.
"""

import sqlalchemy as sa
from alembic import op

from admin.migrations.protection import APP_ROLE, allow_tenants, protect, written_by_operator

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "announcement",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("asks_confirmation", sa.Boolean(), nullable=False),
        sa.Column("shown_until", sa.Date(), nullable=False),
        sa.Column("published_by", sa.String(), nullable=False),
        sa.Column("published_at", moment, nullable=False),
        sa.Column("withdrawn_by", sa.String(), nullable=True),
        sa.Column("withdrawn_at", moment, nullable=True),
        sa.Column("withdrawn_reason", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(withdrawn_at IS NULL) = (withdrawn_by IS NULL) AND (withdrawn_at IS NULL) = (withdrawn_reason IS NULL)",
            name=op.f("ck_announcement_withdrawn_whole"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_announcement_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcement")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_announcement_tenant_id_id")),
    )
    op.create_table(
        "announcement_recipient",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("operator_id", sa.Uuid(), nullable=False),
        sa.Column("announcement_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_announcement_recipient_tenant_id")),
        sa.ForeignKeyConstraint(
            ["operator_id", "announcement_id"],
            ["announcement.tenant_id", "announcement.id"],
            name=op.f("fk_announcement_recipient_operator_id_announcement_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcement_recipient")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_announcement_recipient_tenant_id_id")),
        sa.UniqueConstraint(
            "tenant_id", "announcement_id", name=op.f("uq_announcement_recipient_tenant_id_announcement_id")
        ),
    )
    op.create_index("ix_announcement_recipient_announcement_id", "announcement_recipient", ["announcement_id"])
    op.create_table(
        "announcement_confirmation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("recipient_id", sa.Uuid(), nullable=False),
        sa.Column("confirmed_by", sa.String(), nullable=False),
        sa.Column("confirmed_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_announcement_confirmation_tenant_id")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "recipient_id"],
            ["announcement_recipient.tenant_id", "announcement_recipient.id"],
            name=op.f("fk_announcement_confirmation_tenant_id_recipient_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcement_confirmation")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_announcement_confirmation_tenant_id_id")),
        sa.UniqueConstraint(
            "tenant_id", "recipient_id", name=op.f("uq_announcement_confirmation_tenant_id_recipient_id")
        ),
    )
    protect("announcement")
    written_by_operator("announcement")
    # What was said never changes; that it was withdrawn is added.
    op.execute(f"REVOKE UPDATE, DELETE ON announcement FROM {APP_ROLE}")
    op.execute(f"GRANT UPDATE (withdrawn_by, withdrawn_at, withdrawn_reason) ON announcement TO {APP_ROLE}")
    protect("announcement_recipient", append_only=True)
    written_by_operator("announcement_recipient")
    protect("announcement_confirmation", append_only=True)
    # The subquery sees what the scope sees of the recipients: itself.
    op.execute(
        "CREATE POLICY recipients_read ON announcement FOR SELECT USING (EXISTS ("
        "SELECT FROM announcement_recipient r WHERE r.announcement_id = announcement.id))"
    )
    allow_tenants()
