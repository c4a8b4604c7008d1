"""An onboarding says whether it brings a tenant in, or brings later changes of one to Keycloak.

Those that Moyai began by itself were begun for people and systems added later. The version before this one leaves the
column at 'joining'.
"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    op.execute("SELECT set_config('moyai.scope', 'operator', true)")
    op.add_column("onboarding", sa.Column("kind", sa.String(), nullable=False, server_default="joining"))
    op.create_check_constraint(op.f("ck_onboarding_kind_known"), "onboarding", "kind IN ('joining', 'sync')")
    op.execute("UPDATE onboarding SET kind = 'sync' WHERE requested_by = 'system:worker'")
