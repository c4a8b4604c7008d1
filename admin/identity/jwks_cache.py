"""The public keys of a realm, kept here so that no request waits for Keycloak and Keycloak may be away.

Keys are asked for again when they are old or when a token names one we do not know, but not more often than every 30
seconds, however many unknown keys are named. What was held stays held while no answer comes.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import Final

import httpx
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

log = structlog.get_logger(__name__)

TTL_SECONDS: Final = 300.0
BACKOFF_SECONDS: Final = 30.0
TIMEOUT: Final = httpx.Timeout(2.0, connect=1.0)


class JwksCache:
    """The signing keys at one address. Safe for threads: one of them fetches, the others go on with what is held."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._keys: dict[str, RSAKey] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._fetching = threading.Lock()

    def find(self, kid: str) -> KeySet | None:
        """The key of that id, alone in a set, or None when the realm has no such key as far as can be known now."""
        if kid not in self._keys or monotonic() - self._fetched_at > TTL_SECONDS:
            self._fetch()
        key = self._keys.get(kid)
        return None if key is None else KeySet([key])

    @property
    def has_keys(self) -> bool:
        """Whether any key is held, so that tokens can be verified without Keycloak."""
        return bool(self._keys)

    def _fetch(self) -> None:
        with self._fetching:
            if monotonic() - self._tried_at < BACKOFF_SECONDS:
                return
            self._tried_at = monotonic()
            try:
                answer = httpx.get(self.address, timeout=TIMEOUT, follow_redirects=False)
                answer.raise_for_status()
                found = {
                    jwk["kid"]: RSAKey.import_key(jwk)
                    for jwk in answer.json()["keys"]
                    if jwk.get("kty") == "RSA" and jwk.get("use") == "sig"
                }
            except (httpx.HTTPError, JoseError, ValueError, LookupError, TypeError) as failure:
                log.warning("jwks.fetch_failed", address=self.address, exc_info=failure)
                return
            if found:
                self._keys = found
                self._fetched_at = monotonic()
