"""Deadlines of our own around every wait for another server.

A server that is frozen, or a network that drops packets, answers nothing and closes nothing: only the side that waits
can end the wait. Each wait asks here how long it may take: what the caller allows for one wait, and what is left of
the time that a request may wait in all. A server that let a wait run out is not asked for a second: the requests
behind it get their answer at once, and one caller a second asks whether it is back.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic
from typing import Final

PROBE_INTERVAL_SECONDS: Final = 1.0
"""How long a silent server is left alone before one caller asks it again."""

_SHORTEST_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class WaitLimits:
    """How long one wait may take, and all waits of a request or job together, in seconds."""

    one: float
    total: float


REQUEST_LIMITS: Final = WaitLimits(one=3.0, total=4.0)
"""For a request that declares no others: it is answered within five seconds whatever stands still."""


class WaitTimeExceeded(Exception):
    """The waits of this request have used up their time, or the server has let one of them run out already."""


class WaitBudget:
    """What is left of the waiting time of one request. Threads that wait side by side use it up once, not each."""

    def __init__(self, limits: WaitLimits, *, spent: float = 0.0, until: float | None = None) -> None:
        """`spent` seconds are used up already; no wait lasts beyond `until`, by the clock `monotonic`."""
        self.limits = limits
        self._silent: set[str] = set()
        self._spent = spent
        self._until = until
        self._waiting = 0
        self._since = 0.0
        self._guard = threading.Lock()

    def allow_longer(self) -> None:
        """Work that has limits of its own begins: what follows it is not too late because of it."""
        with self._guard:
            self._until = None

    def begin(self, server: str) -> float:
        """A wait for this server begins; the seconds it may take. Raises WaitTimeExceeded when it should not."""
        now = monotonic()
        with self._guard:
            if server in self._silent:
                raise WaitTimeExceeded
            left = self.limits.total - self._spent - (now - self._since if self._waiting else 0.0)
            if self._until is not None:
                left = min(left, self._until - now)
            if left < _SHORTEST_SECONDS:
                raise WaitTimeExceeded
            if not self._waiting:
                self._since = now
            self._waiting += 1
        return min(self.limits.one, left)

    def ran_out(self, server: str) -> None:
        """A wait for this server ran out: the request does not wait for it again, to render its error page say."""
        with self._guard:
            self._silent.add(server)

    def end(self) -> None:
        """A wait that began has ended, with or without an answer."""
        now = monotonic()
        with self._guard:
            self._waiting -= 1
            if not self._waiting:
                self._spent += now - self._since


_budget: ContextVar[WaitBudget | None] = ContextVar("wait_budget", default=None)


def current_budget() -> WaitBudget | None:
    """The budget in force; None outside a request and `wait_limits`: there each connection has a limit of its own."""
    return _budget.get()


@contextmanager
def wait_limits(limits: WaitLimits, *, spent: float = 0.0, until: float | None = None) -> Iterator[None]:
    """Allow the waits inside so much, counted anew, whatever was allowed outside. `spent`, `until`: see WaitBudget."""
    outside = _budget.get()
    if outside is not None:
        outside.allow_longer()
    token = _budget.set(WaitBudget(limits, spent=spent, until=until))
    try:
        yield
    finally:
        _budget.reset(token)


class CircuitBreaker:
    """Whether a server is worth asking: open for a second after a wait for it ran out, then for all but one caller.

    Connections that are refused do not open it: they cost no time.
    """

    def __init__(self, server: str) -> None:
        """`server` names the server for operators and logs: `PostgreSQL 127.0.0.1:5432`."""
        self.server = server
        self._retry_at: float | None = None
        self._asking: int | None = None
        self._guard = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether the server let a wait run out and has not answered since."""
        return self._retry_at is not None

    @property
    def allows(self) -> bool:
        """Whether the caller may ask the server now. While it is silent, True for one caller a second."""
        if self._retry_at is None:
            return True
        with self._guard:
            now = monotonic()
            if self._retry_at is None or (now < self._retry_at and self._asking == threading.get_ident()):
                return True  # Whoever asks may need more than one wait to hear something.
            if now < self._retry_at:
                return False
            self._retry_at = now + PROBE_INTERVAL_SECONDS
            self._asking = threading.get_ident()
            return True

    def timed_out(self) -> None:
        """A wait for the server ran out."""
        with self._guard:
            self._retry_at = monotonic() + PROBE_INTERVAL_SECONDS
            self._asking = None

    def answered(self) -> None:
        """The server answered, with whatever."""
        if self._retry_at is not None:
            with self._guard:
                self._retry_at = self._asking = None


_breakers: dict[str, CircuitBreaker] = {}


def breaker_of(server: str) -> CircuitBreaker:
    """The breaker of this server, shared by all threads of the process."""
    found = _breakers.get(server)
    return found if found is not None else _breakers.setdefault(server, CircuitBreaker(server))
