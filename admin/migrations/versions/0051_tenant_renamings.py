"""Changes of a tenant's name or code from a day to come, and what they replaced."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from admin.migrations.protection import APP_ROLE, allow_tenants, protect, written_by_operator

revision = "0051"
down_revision = "0050"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "tenant_renaming",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kana", sa.String(), nullable=False),
        sa.Column("name_en", sa.String(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("planned_by", sa.String(), nullable=False),
        sa.Column("planned_at", moment, nullable=False),
        sa.Column("former", postgresql.JSONB(astext_type=sa.Text(), none_as_null=True), nullable=True),
        sa.Column("carried_out_at", moment, nullable=True),
        sa.Column("undone_at", moment, nullable=True),
        sa.CheckConstraint("code ~ '^[0-9]{6}$'", name=op.f("ck_tenant_renaming_code_form")),
        sa.CheckConstraint("carried_out_at IS NULL OR undone_at IS NULL", name=op.f("ck_tenant_renaming_ended_once")),
        sa.CheckConstraint(
            "(carried_out_at IS NULL) = (former IS NULL)", name=op.f("ck_tenant_renaming_former_when_carried_out")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_tenant_renaming_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenant_renaming")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_tenant_renaming_tenant_id_id")),
    )
    op.create_index(
        "uq_tenant_renaming_planned",
        "tenant_renaming",
        ["tenant_id"],
        unique=True,
        postgresql_where=sa.text("carried_out_at IS NULL AND undone_at IS NULL"),
    )
    protect("tenant_renaming")
    written_by_operator("tenant_renaming")
    # What was planned never changes; what became of it is added.
    op.execute(f"REVOKE UPDATE, DELETE ON tenant_renaming FROM {APP_ROLE}")
    op.execute(f"GRANT UPDATE (former, carried_out_at, undone_at) ON tenant_renaming TO {APP_ROLE}")
    allow_tenants()
