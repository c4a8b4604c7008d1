"""Whose roles Keycloak has as of which instant: what began or ended after it is brought there by the worker.

The version before this one leaves the column at the time a person is added.
"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    op.add_column(
        "member", sa.Column("roles_synced_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())
    )
