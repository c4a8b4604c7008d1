"""Sessions of Keycloak that bearer tokens name; and one person of a tenant for one user of Keycloak."""

import sqlalchemy as sa
from alembic import op

from admin.migrations.protection import allow_tenants, protect

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_index("uq_member_keycloak_id", "member", ["keycloak_id", "tenant_id"], unique=True)
    op.create_table(
        "token_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("realm", sa.String(), nullable=False),
        sa.Column("sid", sa.String(), nullable=False),
        sa.Column("sub", sa.String(), nullable=False),
        sa.Column("is_live", sa.Boolean(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("realm IN ('moyai', 'moyai-operators')", name=op.f("ck_token_session_realm_known")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_token_session_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token_session")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_token_session_tenant_id_id")),
        sa.UniqueConstraint("tenant_id", "realm", "sid", "sub", name=op.f("uq_token_session_tenant_id_realm_sid_sub")),
    )
    op.create_index("ix_token_session_sid", "token_session", ["realm", "sid"], unique=False)
    op.create_index("ix_token_session_sub", "token_session", ["realm", "sub"], unique=False)
    op.create_index("ix_token_session_ends_at", "token_session", ["ends_at"], unique=False)
    protect("token_session")
    allow_tenants()
