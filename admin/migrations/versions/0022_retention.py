"""When a job ended; and what may be deleted: jobs done 90 days ago, idempotency keys used 14 months ago, nothing else.

Of jobs that ended before, it is not known when: they count from when they were made.
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

_OPERATOR = "nullif(current_setting('moyai.scope', true), '') = 'operator'"


def upgrade() -> None:
    op.execute("SELECT set_config('moyai.scope', 'operator', true)")
    op.add_column("job", sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE job SET ended_at = created_at WHERE state IN ('done', 'failed')")
    op.create_check_constraint(
        op.f("ck_job_ended_at_when_ended"), "job", "(ended_at IS NOT NULL) = (state IN ('done', 'failed'))"
    )
    op.create_index("ix_job_done", "job", ["ended_at"], postgresql_where="state = 'done'")
    op.create_index("ix_job_failed", "job", ["name"], postgresql_where="state = 'failed'")
    _delete_only("job", "state = 'done' AND ended_at < now() - interval '90 days'")
    _delete_only("idempotency_key", "claimed_at < now() - interval '14 months'")


def _delete_only(table: str, what: str) -> None:
    """Of its rows let nobody delete any but these, and let the operator's scope alone delete them."""
    op.execute(f"CREATE POLICY kept ON {table} AS RESTRICTIVE FOR DELETE USING ({_OPERATOR} AND {what})")
