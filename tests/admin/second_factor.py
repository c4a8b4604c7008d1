"""The code that an authenticator app shows: TOTP (RFC 6238) as Keycloak has it, SHA-1, six digits, 30 seconds."""

from __future__ import annotations

import time
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

STEP: Final = 30
"""Seconds that a code lasts. Keycloak also takes that of the step before and after, each once."""


def code(secret: str, *, at: float | None = None, steps: int = 0) -> str:
    """The code at this Unix time, now unless given, or so many steps later."""
    moment = (time.time() if at is None else at) + steps * STEP
    # Keycloak's secrets are 160 random bits and more, but RFC 6238's own examples are allowed, too.
    return TOTP(secret.encode(), 6, SHA1(), STEP).generate(int(moment)).decode()
