"""When a person was last suspended or removed: what was opened before is over, also when they come back.

The version before this one leaves the column empty.
"""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"


def upgrade() -> None:
    op.add_column("member", sa.Column("withdrawn_at", sa.DateTime(timezone=True)))
