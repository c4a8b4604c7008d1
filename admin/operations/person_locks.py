"""One writer a person at a time in Keycloak, across processes: session locks of PostgreSQL.

Keycloak answers two writers of one user with errors of its own (an optimistic lock), and a representation that one
read is written over the other's. Who waits for the lock waits here, where the wait is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import psycopg

from governance.kernel.deadline_connection import DeadlineConnection
from governance.kernel.errors import DependencyUnavailable, message

LOCK_SECONDS: Final = 10

_LOCK: Final = """
    SELECT pg_advisory_lock(hashtextextended('moyai.keycloak.person.' || name, 0))
    FROM (SELECT unnest(%s::text[]) AS name ORDER BY 1) AS people
"""

PERSON_BUSY = message(
    "keycloak.person_busy",
    ja="同じ利用者を別の処理が変更しています。",
    en="The same person is being changed by another process.",
    hint_ja="しばらくして自動で再実行します。",
    hint_en="Moyai retries automatically.",
)


class PersonLocks:
    """Locks on people, each held over a connection of its own: no transaction stays open while Keycloak is asked."""

    def __init__(self, database_url: Callable[[], str]) -> None:
        """`database_url` gives SQLAlchemy's address as the application's role, when it is first needed."""
        self._database_url = database_url

    @contextmanager
    def hold(self, people: Collection[UUID]) -> Iterator[None]:
        """Hold the locks of these people inside, taken in one order everywhere.

        Raises DependencyUnavailable when another process holds one for ten seconds, or PostgreSQL does not answer.
        """
        address = self._database_url().replace("postgresql+psycopg://", "postgresql://", 1)
        try:
            connection = DeadlineConnection.connect(address, autocommit=True)
        except psycopg.OperationalError as away:
            raise DependencyUnavailable(PERSON_BUSY) from away
        connection.own_limit_seconds = LOCK_SECONDS + 3
        try:
            try:
                connection.execute(f"SET lock_timeout = '{LOCK_SECONDS:d}s'")
                connection.execute(_LOCK, [sorted(str(person) for person in people)])
            except psycopg.OperationalError as taken:
                raise DependencyUnavailable(PERSON_BUSY) from taken
            yield
        finally:
            # Closing the connection ends its locks.
            connection.close()
