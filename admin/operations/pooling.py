"""Whether a connection pooler (PgBouncer) in front of PostgreSQL leaves each connection its own session.

Moyai sets limits of time for a connection, holds advisory locks over it and prepares statements on it. A pooler that
hands a session to whoever sends the next transaction gives them to others, and the others' to us.
"""

from __future__ import annotations

from typing import Any, Final

import psycopg

from admin.operations.settings import Settings, variable_of
from governance.kernel.deadline_connection import DeadlineConnection
from governance.kernel.errors import DependencyUnavailable, Invalid, message

_TIMEOUT_SECONDS: Final = 5
_ROUNDS: Final = 5

SESSIONS_SHARED: Final = message(
    "pooling.sessions_shared",
    ja="{name} の前にある接続プーラーは、セッションを接続どうしで共有しています（PgBouncer の transaction など）。",
    en="The connection pooler at {name} shares sessions among connections (as PgBouncer does in transaction mode).",
    hint_ja="pool_mode=session にするか、PostgreSQL に直接つないでください。",
    hint_en="Set pool_mode=session, or connect to PostgreSQL itself.",
)
POOL_TOO_SMALL: Final = message(
    "pooling.too_small",
    ja="{name} の前にある接続プーラーが、2 つ目のセッションを {seconds} 秒以内に渡しません。",
    en="The connection pooler at {name} gives no second session within {seconds} seconds.",
    hint_ja="プールの大きさ（PgBouncer の default_pool_size）を、プロセスと役割ごとに 20 以上にしてください。",
    hint_en="Let it hold 20 sessions for each role and process (PgBouncer's default_pool_size).",
)


def check_pooling(settings: Settings) -> None:
    """Look at the databases that the settings name, before anything serves from them.

    Raises Invalid where a pooler shares sessions, DependencyUnavailable where it has too few, or nothing answers.
    """
    if settings.database_url_given is None:
        return
    for field, url in (("database_url_given", settings.app_url), ("tenant_url_given", settings.tenant_url)):
        if url is None:
            continue
        name = variable_of(field)
        try:
            shared = shares_sessions(url.replace("postgresql+psycopg://", "postgresql://", 1))
        except psycopg.OperationalError as trouble:
            raise DependencyUnavailable(POOL_TOO_SMALL, field=name, name=name, seconds=_TIMEOUT_SECONDS) from trouble
        if shared:
            raise Invalid(SESSIONS_SHARED, field=name, name=name)


def shares_sessions(address: str) -> bool:
    """Whether two connections at libpq's `address` are given the same session of PostgreSQL, one after the other.

    A server that is asked directly announces itself with the number of its process; a pooler with one of its own, and
    only then two connections are compared. Raises psycopg.OperationalError where one is left unanswered.
    """
    with _connect(address) as one:
        if _session(one) == one.info.backend_pid:
            return False
        with _connect(address) as other:
            for _ in range(_ROUNDS):
                if _session(one) == _session(other):
                    return True
                with other.transaction():
                    # While it holds its session, the other connection is left the one it had.
                    before = _session(one)
                    if before == _session(other) or before != _session(one):
                        return True
    return False


def _connect(address: str) -> DeadlineConnection[tuple[Any, ...]]:
    connection = DeadlineConnection.connect(address, autocommit=True)
    connection.own_limit_seconds = _TIMEOUT_SECONDS
    # Where sessions are shared, a prepared statement is another's by the next time.
    connection.prepare_threshold = None
    return connection


def _session(connection: DeadlineConnection[tuple[Any, ...]]) -> int:
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return int(row[0]) if row is not None else 0
