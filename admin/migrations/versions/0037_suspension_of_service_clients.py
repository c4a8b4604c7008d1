"""A service client is suspended and resumed, and belongs to its tenant or to a person of it."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    op.add_column("service_client", sa.Column("owner_member_id", sa.Uuid(), nullable=True))
    op.add_column("service_client", sa.Column("suspension_cause", sa.String(), nullable=True))
    op.create_foreign_key(
        op.f("fk_service_client_tenant_id_owner_member_id"),
        "service_client",
        "member",
        ["tenant_id", "owner_member_id"],
        ["tenant_id", "id"],
    )
    op.drop_constraint(op.f("ck_service_client_state_known"), "service_client")
    op.create_check_constraint(
        op.f("ck_service_client_state_known"),
        "service_client",
        "state IN ('registered', 'active', 'suspended', 'stopped')",
    )
    op.create_check_constraint(
        op.f("ck_service_client_suspension_cause_known"),
        "service_client",
        "suspension_cause IN ('decided', 'with-owner')",
    )
    op.create_check_constraint(
        op.f("ck_service_client_suspension_has_a_cause"),
        "service_client",
        "(state = 'suspended') = (suspension_cause IS NOT NULL)",
    )
