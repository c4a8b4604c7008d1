"""Transaction-level advisory locks, for inserts where there is no row to SELECT … FOR UPDATE."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('moyai.' || :what, 0))")


def advisory_lock(session: Session, name: str) -> None:
    """Wait for the lock named `what` and hold it to the end of this transaction (`lock_timeout` applies)."""
    session.execute(_LOCK, {"what": name})
