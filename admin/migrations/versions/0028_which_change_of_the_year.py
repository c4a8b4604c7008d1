"""Which change of its year a run is: people call it 当初 or 第1回変更; its number also counts drafts and returned runs.

What was posted or decided does not move, so that the triggers that say so are off while the new column is filled. The
version before this one leaves the column at 0.
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"

_TABLES = ("allocation_run", "allocation_share")


def upgrade() -> None:
    op.execute("SELECT set_config('moyai.scope', 'operator', true)")
    for table in _TABLES:
        op.add_column(table, sa.Column("revision", sa.Integer(), nullable=False, server_default="0"))
        op.create_check_constraint(op.f(f"ck_{table}_revision_not_negative"), table, "revision >= 0")
        op.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    op.execute(
        """
        UPDATE allocation_run AS run SET revision = 1 + (
            SELECT count(*) FROM allocation_run AS earlier
                WHERE earlier.tenant_id = run.tenant_id AND earlier.fiscal_year = run.fiscal_year
                    AND earlier.number < run.number AND earlier.kind = 'revision' AND earlier.state = 'posted'
        )
            WHERE run.kind = 'revision'
        """
    )
    op.execute(
        """
        UPDATE allocation_share AS share SET revision = run.revision FROM allocation_run AS run
            WHERE run.tenant_id = share.operator_id AND run.id = share.run_id AND run.revision > 0
        """
    )
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
