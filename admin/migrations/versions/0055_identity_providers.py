"""A tenant's own identity provider, and the people it may speak for."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from admin.migrations.protection import allow_tenants, protect

revision = "0055"
down_revision = "0054"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "identity_provider",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("metadata_url", sa.String(), nullable=True),
        sa.Column("metadata", sa.String(), nullable=True),
        sa.Column("client_id", sa.String(), nullable=True),
        sa.Column("sealed_secret", sa.String(), nullable=True),
        sa.Column("claim", sa.String(), nullable=False),
        sa.Column("domains", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("settings", postgresql.JSONB(), nullable=True),
        sa.Column("checked_at", moment, nullable=True),
        sa.Column("checked_version", sa.Integer(), nullable=True),
        sa.Column("check_problem", sa.String(), nullable=True),
        sa.Column("certificate_ends_on", sa.Date(), nullable=True),
        sa.Column("applied_version", sa.Integer(), nullable=True),
        sa.Column("registered_by", sa.String(), nullable=False),
        sa.Column("registered_at", moment, nullable=False),
        sa.CheckConstraint("kind IN ('oidc', 'saml')", name=op.f("ck_identity_provider_kind_known")),
        sa.CheckConstraint(
            "state IN ('registered', 'enabled', 'disabled')", name=op.f("ck_identity_provider_state_known")
        ),
        sa.CheckConstraint(
            "check_problem IN ('domain-of-another', 'name-unknown', 'not-public', 'unreachable', 'certificate', "
            "'too-slow', 'status', 'not-metadata', 'issuer-differs', 'no-keys', 'keys-over', 'client-refused', "
            "'no-secrets-key')",
            name=op.f("ck_identity_provider_check_problem_known"),
        ),
        sa.CheckConstraint(
            "(metadata_url IS NULL) <> (metadata IS NULL)", name=op.f("ck_identity_provider_metadata_once")
        ),
        sa.CheckConstraint(
            "(kind = 'oidc') = (client_id IS NOT NULL AND sealed_secret IS NOT NULL)",
            name=op.f("ck_identity_provider_client_of_oidc"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_identity_provider_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_provider")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_identity_provider_tenant_id_id")),
        sa.UniqueConstraint("tenant_id", name=op.f("uq_identity_provider_tenant_id")),
    )
    op.create_table(
        "identity_provider_link",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("keycloak_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("linked_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_identity_provider_link_tenant_id")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"],
            ["member.tenant_id", "member.id"],
            name=op.f("fk_identity_provider_link_tenant_id_member_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_provider_link")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_identity_provider_link_tenant_id_id")),
        sa.UniqueConstraint("tenant_id", "member_id", name=op.f("uq_identity_provider_link_tenant_id_member_id")),
    )
    protect("identity_provider")
    protect("identity_provider_link")
    allow_tenants()
