"""A municipality's own directory: its tokens, and what it knows the people and groups by."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from admin.migrations.protection import APP_ROLE, allow_tenants, protect

revision = "0046"
down_revision = "0045"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "scim_token",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.Column("issued_by", sa.String(), nullable=False),
        sa.Column("issued_at", moment, nullable=False),
        sa.Column("withdrawn_by", sa.String(), nullable=True),
        sa.Column("withdrawn_at", moment, nullable=True),
        sa.Column("last_used_at", moment, nullable=True),
        sa.CheckConstraint(
            "(withdrawn_at IS NULL) = (withdrawn_by IS NULL)", name=op.f("ck_scim_token_withdrawn_whole")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_scim_token_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scim_token")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_scim_token_tenant_id_id")),
        sa.UniqueConstraint("tenant_id", "token_hash", name=op.f("uq_scim_token_tenant_id_token_hash")),
    )
    op.create_table(
        "scim_user",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("user_name", sa.String(), nullable=False),
        sa.Column("user_name_key", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("changed_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_scim_user_tenant_id")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"],
            ["member.tenant_id", "member.id"],
            name=op.f("fk_scim_user_tenant_id_member_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scim_user")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_scim_user_tenant_id_id")),
        sa.UniqueConstraint("tenant_id", "member_id", name=op.f("uq_scim_user_tenant_id_member_id")),
        sa.UniqueConstraint("tenant_id", "user_name_key", name=op.f("uq_scim_user_tenant_id_user_name_key")),
    )
    op.create_index("ix_scim_user_external_id", "scim_user", ["tenant_id", "external_id"])
    op.create_table(
        "scim_group",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("member_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("added_at", moment, nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_scim_group_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scim_group")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_scim_group_tenant_id_id")),
        sa.UniqueConstraint("tenant_id", "name_key", name=op.f("uq_scim_group_tenant_id_name_key")),
    )
    for table in ("scim_token", "scim_user", "scim_group"):
        protect(table)
    # A token's hash and its end never change; that it was used or withdrawn is added, and none is forgotten.
    op.execute(f"REVOKE UPDATE, DELETE ON scim_token FROM {APP_ROLE}")
    op.execute(f"GRANT UPDATE (withdrawn_by, withdrawn_at, last_used_at) ON scim_token TO {APP_ROLE}")
    allow_tenants()
