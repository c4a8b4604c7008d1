"""The doors' own tables: people's sessions, and the queue that carries job ids between processes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from admin.migrations.protection import APP_ROLE, protect, protect_machine

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    _make_sessions()
    _make_queue()


def _make_sessions() -> None:
    op.create_table(
        "web_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("realm", sa.String(), nullable=False),
        sa.Column("sid", sa.String(), nullable=False),
        sa.Column("sub", sa.String(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("roles", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("id_token_sealed", sa.String(), nullable=False),
        sa.Column("csrf_secret", sa.String(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("realm IN ('moyai', 'moyai-operators')", name=op.f("ck_web_session_realm_known")),
        sa.CheckConstraint("length(secret_hash) = 64", name=op.f("ck_web_session_secret_hash_whole")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_web_session_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_session")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_web_session_tenant_id_id")),
        sa.UniqueConstraint("tenant_id", "secret_hash", name=op.f("uq_web_session_tenant_id_secret_hash")),
    )
    op.create_index("ix_web_session_sid", "web_session", ["realm", "sid"], unique=False)
    op.create_index("ix_web_session_sub", "web_session", ["realm", "sub"], unique=False)
    op.create_index("ix_web_session_ends_at", "web_session", ["ends_at"], unique=False)
    protect("web_session")


def _make_queue() -> None:
    """As Huey 3.5 lays them out (`PostgresStorage`); the application's role may not make tables, so it finds them."""
    op.execute(
        "CREATE TABLE huey_kv (queue text NOT NULL, key text NOT NULL, value bytea NOT NULL, PRIMARY KEY (queue, key))"
    )
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
