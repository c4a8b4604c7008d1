"""How many owners a tenant always has at least, and when a person last signed in.

The last sign-in of those who are here already is read from the audit log. The version before this one leaves both as
they are.
"""

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"

_FILL = """
UPDATE member SET last_sign_in_at = opened.at
FROM (
    SELECT acting_tenant_id, actor, max(recorded_at) AS at FROM audit_event
    WHERE event = 'session.opened' AND outcome = 'done' GROUP BY acting_tenant_id, actor
) AS opened
WHERE opened.acting_tenant_id = member.tenant_id AND opened.actor = member.person_id::text
"""


def upgrade() -> None:
    op.add_column("tenant", sa.Column("fewest_owners", sa.String(), nullable=False, server_default="one"))
    op.create_check_constraint(op.f("ck_tenant_fewest_owners_known"), "tenant", "fewest_owners IN ('one', 'two')")
    op.add_column("member", sa.Column("last_sign_in_at", sa.DateTime(timezone=True)))
    # The table's owner, too, sees only the rows of a scope.
    op.execute("SELECT set_config('moyai.scope', 'operator', true)")
    op.execute(_FILL)
