"""An invitation is sent again and cancelled.

`replaced_keycloak_id` is the account that the old link belongs to until it is deleted. The version before this one
leaves both columns empty.
"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    op.add_column("member", sa.Column("replaced_keycloak_id", sa.String()))
    op.add_column("member", sa.Column("invitation_cancelled_at", sa.DateTime(timezone=True)))
    op.create_check_constraint(
        op.f("ck_member_cancelled_is_removed"), "member", "invitation_cancelled_at IS NULL OR state = 'removed'"
    )
