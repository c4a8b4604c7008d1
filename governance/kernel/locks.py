"""Advisory locks: one transaction at a time where there is no row to lock yet, such as a code about to be taken."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('moyai.' || :what, 0))")


def advisory_lock(session: Session, name: str) -> None:
    """Wait until no other transaction holds the turn for `what`, and hold it to the end of this one."""
    session.execute(_LOCK, {"what": name})
