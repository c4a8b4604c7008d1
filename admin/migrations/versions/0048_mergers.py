"""Mergers of municipalities: which ended on which day, and which goes on, with the codes they had."""

import sqlalchemy as sa
from alembic import op

from admin.migrations.protection import allow_tenants, protect, written_by_operator

revision = "0048"
down_revision = "0047"


def upgrade() -> None:
    op.create_table(
        "merger",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("successor_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("successor_code", sa.String(), nullable=True),
        sa.Column("successor_name", sa.String(), nullable=False),
        sa.Column("merged_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("successor_id <> tenant_id", name=op.f("ck_merger_two_tenants")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_merger_tenant_id")),
        sa.ForeignKeyConstraint(["successor_id"], ["tenant.id"], name=op.f("fk_merger_successor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merger")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_merger_tenant_id_id")),
    )
    op.create_index("ix_merger_successor_id", "merger", ["successor_id"])
    protect("merger", append_only=True)
    written_by_operator("merger")
    allow_tenants()
