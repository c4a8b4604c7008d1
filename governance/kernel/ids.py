"""Identifiers: UUIDv7, made here and nowhere else, so that rows sort by the time they were made."""

from __future__ import annotations

from uuid import UUID

import uuid_utils.compat


def new_id() -> UUID:
    """A fresh UUIDv7 (RFC 9562): milliseconds first, so indexes grow at their end."""
    return uuid_utils.compat.uuid7()
