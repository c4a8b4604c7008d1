"""A cache of a realm's public keys (JWKS), so that tokens verify without a request to Keycloak.

Keys are fetched again when they are old or a token names an unknown key id, at most every 30 seconds. While Keycloak is
unreachable the cached keys stay in use.
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
    """The signing keys at one address. Thread-safe: one thread fetches, the others use the cached keys."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._keys: dict[str, RSAKey] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._fetching = threading.Lock()

    def find(self, kid: str) -> KeySet | None:
        """The key of that id, alone in a set, or None when neither cache nor Keycloak has it."""
        if kid not in self._keys or monotonic() - self._fetched_at > TTL_SECONDS:
            self._fetch()
        key = self._keys.get(kid)
        return None if key is None else KeySet([key])

    @property
    def has_keys(self) -> bool:
        """Whether any key is cached."""
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
