"""Taking turns: one transaction at a time for what no row to lock stands for yet, such as a code about to be taken."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

_TAKE = text("SELECT pg_advisory_xact_lock(hashtextextended('moyai.' || :what, 0))")


def take_turn(session: Session, what: str) -> None:
    """Wait until no other transaction holds the turn for `what`, and hold it to the end of this one."""
    session.execute(_TAKE, {"what": what})
