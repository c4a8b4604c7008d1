"""A session says when a second factor was asked for at its sign-in.

Null in sessions of the version before this one: what needs a fresh second factor asks for it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0056"
down_revision = "0055"


def upgrade() -> None:
    op.add_column("web_session", sa.Column("second_factor_at", sa.DateTime(timezone=True)))
