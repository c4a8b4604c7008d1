"""A service client: networks it calls from (anywhere without one), its last call, warnings, secrets."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    op.add_column(
        "service_client",
        sa.Column("networks", postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default="[]"),
    )
    op.add_column(
        "service_client",
        sa.Column("warned", postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default="{}"),
    )
    op.add_column(
        "service_client",
        sa.Column("secret_ends", postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default="{}"),
    )
    op.add_column("service_client", sa.Column("secret_number", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("service_client", sa.Column("last_used_on", sa.Date(), nullable=True))
