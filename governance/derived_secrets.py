"""Secrets that are derived and not stored: from a key outside the database, so that no row and no backup holds one."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final
from uuid import UUID

from governance.kernel.application import ApplicationValue

SECRETS_KEY: Final = ApplicationValue[Callable[[], bytes | None]]("secrets_key", lambda: None)
"""Reads the installation's key outside the database, from which the secrets are derived: that of the audit log. None
where there is none; raises ValueError where it cannot be read."""


def secrets_key() -> bytes | None:
    """The key; None where there is none or it cannot be read."""
    try:
        return SECRETS_KEY.get()()
    except ValueError:
        return None


def derive(key: bytes, form: str, of: UUID, number: int) -> bytes:
    """32 bytes: the same for the same key, form, id and number, and of no use to find others."""
    return hmac.digest(key, f"{form}\n{of}\n{number}".encode(), "sha256")
