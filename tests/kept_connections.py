"""Connections to the kept database that outlive the engine that closed them: a new one costs more than most tests."""

from __future__ import annotations

from collections import defaultdict
from select import POLLIN, poll
from typing import Any, ClassVar, Self

from psycopg.pq import TransactionStatus

from governance.kernel.deadline_connection import DeadlineConnection

KEPT_DATABASE = "moyai_test"


class KeptConnection(DeadlineConnection[Any]):
    """Whoever closes it outside a transaction hands it to the next one who connects with the same parameters.

    PostgreSQL starts a process for each connection, and each process reads the catalogue anew.
    """

    _idle: ClassVar[dict[str, list[KeptConnection]]] = defaultdict(list)
    _key: str = ""

    @classmethod
    def connect(cls, conninfo: str = "", **parameters: Any) -> Self:
        """As DeadlineConnection's; one that was closed before, if PostgreSQL has not ended it since."""
        # Each engine's adapters (`context`) are an object of its own, and alike.
        key = repr((conninfo, sorted((name, value) for name, value in parameters.items() if name != "context")))
        idle = cls._idle[key]
        while idle:
            kept = idle.pop()
            if isinstance(kept, cls) and not kept._is_over():
                return kept
        made = super().connect(conninfo, **parameters)
        if made.info.dbname == KEPT_DATABASE:
            made._key = key
        return made

    def close(self) -> None:
        """Keep it, if it is at rest and of the kept database."""
        if self._key and not self.closed and self.pgconn.transaction_status == TransactionStatus.IDLE:
            self._idle[self._key].append(self)
        else:
            super().close()

    def _is_over(self) -> bool:
        if self.closed:
            return True
        poller = poll()
        poller.register(self.fileno(), POLLIN)
        return bool(poller.poll(0))
