"""A psycopg connection whose waits end: by the request's budget, or by a limit of its own outside one.

`statement_timeout`, `connect_timeout` and the TCP settings do not suffice. The first is kept by the server, which may
be frozen; the kernel of a machine whose PostgreSQL is frozen goes on acknowledging packets for it (tcp(7)).
"""

from __future__ import annotations

import math
from time import monotonic
from typing import Any, Final, Self, TypeVar, cast

import psycopg
from psycopg.abc import PQGen
from psycopg.errors import ConnectionTimeout, _WaitTimeout
from psycopg.pq import TransactionStatus
from psycopg.rows import Row
from psycopg.waiting import READY_R

from governance.kernel.deadlines import CircuitBreaker, WaitBudget, WaitTimeExceeded, breaker_of, current_budget

CONNECT_SECONDS: Final = 3.0
_PSYCOPG_LEAST_SECONDS: Final = 2
"""psycopg raises a shorter `connect_timeout` to this."""

STATEMENT_GRACE_SECONDS: Final = 3.0
"""How much longer than `statement_timeout` we wait: a server that lives has ended the statement by itself by then."""

BACKGROUND_SECONDS: Final = 10.0
"""The limit of one wait where neither a request nor a statement timeout gives one."""

_LOOK_SECONDS: Final = 2.0
"""After how long a statement that may take its time is asked for: whether its server still answers others."""

RV = TypeVar("RV")


class ServerSilent(psycopg.OperationalError):
    """PostgreSQL did not answer in time, or was not asked because it did not answer a moment ago."""


class DeadlineConnection(psycopg.Connection[Row]):
    """A connection that is closed when the server leaves a wait unanswered: where it stands nobody knows any more."""

    own_limit_seconds: float = BACKGROUND_SECONDS
    statement_seconds: float = 0.0
    """The server's own `statement_timeout`: who waited less cannot say that the server is silent."""
    long_statement_seconds: float | None = None
    """Set for a transaction that reads everything there is (`database.allow_long_statements`)."""
    _breaker: CircuitBreaker | None = None
    _parameters: tuple[str, dict[str, Any]] = ("", {})

    @classmethod
    def connect(cls, conninfo: str = "", **parameters: Any) -> Self:
        """As psycopg's, within the time that is left. Raises ServerSilent, and OperationalError for other failures."""
        address = psycopg.conninfo.conninfo_to_dict(conninfo, **parameters)
        where = f"{address.get('host', 'localhost')}:{address.get('port', 5432)}"
        # Its own breaker: where only new connections are left unanswered, those that are open go on.
        server = f"PostgreSQL {where}"
        breaker = breaker_of(f"{server} (new connections)")
        budget = current_budget()
        seconds = _begin(breaker, server, CONNECT_SECONDS, budget)
        parameters["connect_timeout"] = max(_PSYCOPG_LEAST_SECONDS, math.ceil(min(seconds, CONNECT_SECONDS)))
        try:
            connection = super().connect(conninfo, **parameters)
        except ConnectionTimeout as silent:
            _ran_out(breaker, server)
            raise ServerSilent(f"{server} does not answer") from silent
        finally:
            if budget is not None:
                budget.end()
        breaker.answered()
        connection._breaker = breaker_of(server)
        connection._parameters = (conninfo, parameters)
        return connection

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """As psycopg's; closes the connection and raises ServerSilent when the time is over."""
        breaker = self._breaker
        if breaker is None:  # Not connected yet.
            return super().wait(gen, interval, timeout)
        # A long statement has its own limit: it uses up nothing of the request's, nor do those that follow it.
        budget = current_budget() if self.long_statement_seconds is None else None
        try:
            seconds = _begin(breaker, breaker.server, self.own_limit_seconds, budget)
        except ServerSilent:
            self._close_inside_a_transaction()
            raise
        if breaker.is_open:
            # Not every wait hears from the server: the first ones of a pipeline only send.
            gen = _noting_an_answer(gen, breaker)
        if self.long_statement_seconds is not None:
            seconds = self.long_statement_seconds
        try:
            if self.long_statement_seconds is not None:
                found = self._wait_while_it_lives(gen, interval, seconds)
            else:
                found = super().wait(gen, interval, seconds if timeout is None else min(seconds, timeout))
        except _WaitTimeout as silent:
            if timeout is not None and timeout <= seconds:
                raise
            self.pgconn.finish()
            if seconds > self.statement_seconds:
                _ran_out(breaker, breaker.server)
            raise ServerSilent(f"{breaker.server} does not answer") from silent
        finally:
            if budget is not None:
                budget.end()
        return found

    def rollback(self) -> None:
        """As psycopg's; without a transaction there is nothing to wait for, whatever the server does."""
        if self.closed or self.pgconn.transaction_status != TransactionStatus.IDLE:
            super().rollback()

    def _wait_while_it_lives(self, gen: PQGen[RV], interval: float, seconds: float) -> RV:
        """Wait so long as the server answers a connection beside this one. Raises _WaitTimeout."""
        end = monotonic() + seconds
        while True:
            try:
                return super().wait(gen, interval, _LOOK_SECONDS)
            except _WaitTimeout:
                if monotonic() > end or not self._others_are_answered():
                    raise

    def _others_are_answered(self) -> bool:
        conninfo, parameters = self._parameters
        try:
            psycopg.connect(conninfo, **parameters | {"connect_timeout": _PSYCOPG_LEAST_SECONDS}).close()
        except psycopg.OperationalError:
            return False
        return True

    def _close_inside_a_transaction(self) -> None:
        # A rollback would have to wait as well; the server rolls back by itself what loses its client.
        if not self.closed and self.pgconn.transaction_status != TransactionStatus.IDLE:
            self.pgconn.finish()


def _noting_an_answer(gen: PQGen[RV], breaker: CircuitBreaker) -> PQGen[RV]:
    """The same waits; the breaker closes as soon as the server has sent something."""
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if ready and ready & READY_R:
                breaker.answered()
            wanted = gen.send(ready)
    except StopIteration as done:
        return cast(RV, done.value)


def _begin(breaker: CircuitBreaker, server: str, own_limit: float, budget: WaitBudget | None) -> float:
    if not breaker.allows:
        raise ServerSilent(f"{server} does not answer")
    if budget is None:
        return own_limit
    try:
        return budget.begin(server)
    except WaitTimeExceeded as over:
        raise ServerSilent("the request has waited long enough") from over


def _ran_out(breaker: CircuitBreaker, server: str) -> None:
    breaker.timed_out()
    budget = current_budget()
    if budget is not None:
        budget.ran_out(server)
