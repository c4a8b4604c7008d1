"""Columns of lists that people leave out, each for themselves."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from admin.migrations.protection import allow_tenants, protect

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    op.create_table(
        "hidden_columns",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("list_name", sa.String(), nullable=False),
        sa.Column("columns", postgresql.JSONB(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_hidden_columns_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hidden_columns")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_hidden_columns_tenant_id_id")),
        sa.UniqueConstraint(
            "tenant_id", "person_id", "list_name", name=op.f("uq_hidden_columns_tenant_id_person_id_list_name")
        ),
    )
    protect("hidden_columns")
    allow_tenants()
