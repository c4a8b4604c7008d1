"""The one clock. Instants are aware UTC; effective dates and fiscal years are read in Asia/Tokyo.

Order in the record is a sequence, never this clock: clocks go backwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

JST = ZoneInfo("Asia/Tokyo")

_stopped_at: ContextVar[datetime | None] = ContextVar("clock_stopped_at", default=None)


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return _stopped_at.get() or datetime.now(UTC)


def stopped_at() -> datetime | None:
    """The instant at which `at` has stopped the clock; None while it goes."""
    return _stopped_at.get()


def today() -> date:
    """The present date in Japan, which decides what is in force. In a command's handler: `ctx.today`."""
    return jst_date(now())


def jst_date(instant: datetime) -> date:
    """The date in Japan at an aware instant."""
    return instant.astimezone(JST).date()


@contextmanager
def at(instant: datetime) -> Iterator[None]:
    """Stop the clock at an aware instant, for replaying a fiscal year or testing a border of it."""
    if instant.tzinfo is None:
        raise ValueError("the clock stops at aware instants only")
    token = _stopped_at.set(instant.astimezone(UTC))
    try:
        yield
    finally:
        _stopped_at.reset(token)
