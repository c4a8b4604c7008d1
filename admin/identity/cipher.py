"""What we hand out or keep and want nobody to read or change, sealed with a key of the installation (Fernet).

The key is derived from the installation's session secret, so that every process of it opens what another one sealed.
"""

from __future__ import annotations

import base64
from hashlib import blake2b

from cryptography.fernet import Fernet, InvalidToken


class TextCipher:
    """Seals and opens texts. Safe for threads."""

    def __init__(self, secret: str) -> None:
        key = blake2b(secret.encode(), digest_size=32, person=b"moyai seal").digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def encrypt(self, text: str) -> str:
        """The text, sealed with the present time."""
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, encrypted: str, *, seconds: int | None = None) -> str | None:
        """The text, or None when it was not sealed by us, was changed, or is older than `seconds`."""
        try:
            return self._fernet.decrypt(encrypted.encode(), ttl=seconds).decode()
        except (InvalidToken, ValueError):
            return None
