"""Authenticated encryption (Fernet) of cookies and stored tokens with a key of the installation.

The key is derived from the installation's session secret, so every process can decrypt what another encrypted.
"""

from __future__ import annotations

import base64
from hashlib import blake2b

from cryptography.fernet import Fernet, InvalidToken


class TextCipher:
    """Encrypts and decrypts texts. Thread-safe."""

    def __init__(self, secret: str) -> None:
        key = blake2b(secret.encode(), digest_size=32, person=b"moyai seal").digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def encrypt(self, text: str) -> str:
        """The encrypted text, with the present time inside."""
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, encrypted: str, *, seconds: int | None = None) -> str | None:
        """The text, or None when it was not encrypted with this key, was changed, or is older than `seconds`."""
        try:
            return self._fernet.decrypt(encrypted.encode(), ttl=seconds).decode()
        except (InvalidToken, ValueError):
            return None
