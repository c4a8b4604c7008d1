"""Comparisons of everything with Keycloak: when each was made and what it found."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from admin.migrations.protection import allow_tenants, protect, written_by_operator

revision = "0049"
down_revision = "0048"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "drift_check",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("night", sa.Date(), nullable=True),
        sa.Column("tried_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("looked_at", moment, nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("findings", postgresql.JSONB(astext_type=sa.Text(), none_as_null=True), nullable=True),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (findings IS NULL) AND (ended_at IS NULL) = (number IS NULL)"
            " AND (ended_at IS NULL) = (looked_at IS NULL)",
            name=op.f("ck_drift_check_ended_whole"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_drift_check_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drift_check")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_drift_check_tenant_id_id")),
        sa.UniqueConstraint("tenant_id", "night", name=op.f("uq_drift_check_tenant_id_night")),
    )
    op.create_index(
        "uq_drift_check_open", "drift_check", ["tenant_id"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_index("ix_drift_check_ended_at", "drift_check", ["ended_at"])
    protect("drift_check")
    written_by_operator("drift_check")
    allow_tenants()
