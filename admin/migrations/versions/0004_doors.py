"""The doors' own tables: the queue that carries job ids between processes."""

from alembic import op

from admin.migrations.protection import APP_ROLE, protect_machine

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    _make_queue()


def _make_queue() -> None:
    """As Huey 3.5 lays them out (`PostgresStorage`); the application's role may not make tables, so it finds them."""
    op.execute("CREATE TABLE huey_kv (queue text NOT NULL, key text NOT NULL, value bytea NOT NULL, PRIMARY KEY (queue, key))")
    op.execute(
        "CREATE TABLE huey_schedule (id bigserial PRIMARY KEY, queue text NOT NULL, data bytea NOT NULL, "
        "timestamp double precision NOT NULL)"
    )
    op.execute("CREATE INDEX huey_schedule_queue_timestamp ON huey_schedule (queue, timestamp)")
    op.execute(
        "CREATE TABLE huey_task (id bigserial PRIMARY KEY, queue text NOT NULL, data bytea NOT NULL, "
        "priority double precision NOT NULL DEFAULT 0.0)"
    )
    op.execute("CREATE INDEX huey_task_queue_priority_id ON huey_task (queue, priority DESC, id)")
    op.execute(
        "CREATE TABLE huey_counter (queue text NOT NULL, key text NOT NULL, value bigint NOT NULL DEFAULT 0, "
        "PRIMARY KEY (queue, key))"
    )
    for table in ("huey_kv", "huey_schedule", "huey_task", "huey_counter"):
        protect_machine(table)
    for sequence in ("huey_schedule_id_seq", "huey_task_id_seq"):
        op.execute(f"GRANT USAGE ON SEQUENCE {sequence} TO {APP_ROLE}")
