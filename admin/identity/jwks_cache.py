"""A cache of a realm's public keys (JWKS), so that tokens verify without a request to Keycloak.

Keys are fetched again when they are old or a token names an unknown key id, at most every 30 seconds, or two seconds
after a request that failed. While Keycloak is unreachable the cached keys stay in use.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import Final

import httpx
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from governance.kernel.errors import DependencyUnavailable, message

log = structlog.get_logger(__name__)

TTL_SECONDS: Final = 300.0
BACKOFF_SECONDS: Final = 30.0
FAILED_BACKOFF_SECONDS: Final = 2.0
TIMEOUT: Final = httpx.Timeout(1.5, connect=1.0)

KEYCLOAK_AWAY = message(
    "token.keys_unavailable",
    ja="ただいまトークンを確認できません。",
    en="Tokens cannot be verified right now.",
    hint_ja="しばらくしてから、もう一度お試しください。",
    hint_en="Try again in a moment.",
)


class JwksCache:
    """The signing keys at one address. Thread-safe: one thread fetches, the others use the cached keys."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._keys: dict[str, RSAKey] = {}
        self._fetched_at = float("-inf")
        self._fetch_again_at = float("-inf")
        self._fetching = threading.Lock()

    def find(self, kid: str) -> KeySet | None:
        """The key of that id, alone in a set, or None when neither cache nor Keycloak has it.

        Raises DependencyUnavailable while there is no key at all, because Keycloak has not answered yet.
        """
        if kid not in self._keys:
            self._fetch()
        elif monotonic() - self._fetched_at > TTL_SECONDS and self._fetching.acquire(blocking=False):
            # Who comes meanwhile uses the key that is there.
            self._fetching.release()
            self._fetch()
        if not self._keys:
            raise DependencyUnavailable(KEYCLOAK_AWAY)
        key = self._keys.get(kid)
        return None if key is None else KeySet([key])

    @property
    def has_keys(self) -> bool:
        """Whether any key is cached."""
        return bool(self._keys)

    def _fetch(self) -> None:
        with self._fetching:
            if monotonic() < self._fetch_again_at:
                return
            self._fetch_again_at = monotonic() + BACKOFF_SECONDS
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
                self._fetch_again_at = monotonic() + FAILED_BACKOFF_SECONDS
                return
            if found:
                self._keys = found
                self._fetched_at = monotonic()
