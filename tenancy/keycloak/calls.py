"""Counting what is asked of the identity server: for tests, the bench and the console's progress.

An observer belongs to the work being done, not to the connection, so that tenants onboarded side by side over the same
connections are counted apart. Whoever hands work to another thread carries the context along (`contextvars`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request to the identity server, tokens included. `status` is None when no answer came."""

    account: str
    method: str
    path: str
    status: int | None
    seconds: float

    @property
    def is_token(self) -> bool:
        return self.path.endswith("/protocol/openid-connect/token")


CallObserver = Callable[[Call], None]
"""Told of every call after it ended, in the thread that made it; it must be quick and must not raise."""

_observers: ContextVar[tuple[CallObserver, ...]] = ContextVar("keycloak_call_observers", default=())


@dataclass(slots=True)
class CallLog:
    """An observer that keeps the calls it is told of, in the order they ended."""

    calls: list[Call] = field(default_factory=list)

    def __call__(self, call: Call) -> None:
        self.calls.append(call)

    def __len__(self) -> int:
        return len(self.calls)

    @property
    def writes(self) -> list[Call]:
        """Calls that may have changed something: all but reads and tokens."""
        return [call for call in self.calls if call.method != "GET" and not call.is_token]


@contextmanager
def observed_by(observer: CallObserver) -> Iterator[None]:
    """Tell `observer` of every call made inside, besides whoever is told already."""
    token = _observers.set((*_observers.get(), observer))
    try:
        yield
    finally:
        _observers.reset(token)


@contextmanager
def counted_calls() -> Iterator[CallLog]:
    """The calls made inside: `with counted_calls() as calls: …; len(calls)`."""
    log = CallLog()
    with observed_by(log):
        yield log


def notify_observers(call: Call) -> None:
    """Said by the connection after each call."""
    for observer in _observers.get():
        observer(call)
