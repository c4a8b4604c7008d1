"""Identifiers: UUIDv7, made here and nowhere else, so that rows sort by the time they were made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import uuid_utils.compat


def new_id() -> UUID:
    """A fresh UUIDv7 (RFC 9562): milliseconds first, so indexes grow at their end."""
    return uuid_utils.compat.uuid7()


def first_id_at(instant: datetime) -> UUID:
    """A lower bound of the ids that are made at or after an instant."""
    milliseconds = (instant - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)
    return UUID(int=max(milliseconds, 0) << 80)
