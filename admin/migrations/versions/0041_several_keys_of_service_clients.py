"""Keys of a service client end on a day: by kid, the first day on which one counts no more."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    op.add_column(
        "service_client",
        sa.Column("key_ends", postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default="{}"),
    )
