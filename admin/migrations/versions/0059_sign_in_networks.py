"""A tenant may let its people sign in from its own networks only."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from admin.migrations.protection import allow_tenants, protect

revision = "0059"
down_revision = "0058"


def upgrade() -> None:
    op.create_table(
        "sign_in_networks",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("networks", JSONB(), nullable=False),
        sa.Column("set_by", sa.String(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_sign_in_networks_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_sign_in_networks")),
    )
    protect("sign_in_networks")
    allow_tenants()
