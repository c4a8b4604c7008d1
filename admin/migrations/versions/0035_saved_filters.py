"""Filters of lists that people keep under a name, each for themselves."""

import sqlalchemy as sa
from alembic import op

from admin.migrations.protection import allow_tenants, protect

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    op.create_table(
        "saved_filter",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("query", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_saved_filter_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_filter")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_saved_filter_tenant_id_id")),
        sa.UniqueConstraint(
            "tenant_id", "person_id", "path", "name", name=op.f("uq_saved_filter_tenant_id_person_id_path_name")
        ),
    )
    protect("saved_filter")
    allow_tenants()
