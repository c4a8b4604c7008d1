"""Secrets of others that Moyai must hand on: sealed with a key outside the database, so that no row reads as one."""

from __future__ import annotations

import base64
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken

from governance.derived_secrets import derive


def seal(key: bytes, form: str, of: UUID, secret: str) -> str:
    """The secret, encrypted and authenticated for this form and id; `key` is `secrets_key()`."""
    return _fernet(key, form, of).encrypt(secret.encode()).decode()


def unseal(key: bytes, form: str, of: UUID, sealed: str) -> str | None:
    """The secret, or None where it was sealed with another key, for something else, or was changed."""
    try:
        return _fernet(key, form, of).decrypt(sealed.encode()).decode()
    except (InvalidToken, ValueError):
        return None


def _fernet(key: bytes, form: str, of: UUID) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(derive(key, form, of, 0)))
