"""A cache of a realm's public keys (JWKS), so that tokens verify without a request to Keycloak.

Keys are fetched again when they are old or a token names an unknown key id, at most every 30 seconds, or two seconds
after a request that failed. While Keycloak is unreachable the cached keys stay in use, or those that another process of
this installation was given and kept in the database, whichever are newer: for ten hours at most.
"""

from __future__ import annotations

import json
import threading
from time import monotonic
from typing import Final

import httpx
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from admin.identity.kept_keys import TRUSTED_FOR, KeptKeySet, KeyStore
from governance.kernel import clock
from governance.kernel.digest import canonical
from governance.kernel.errors import DependencyUnavailable, message

log = structlog.get_logger(__name__)

TTL_SECONDS: Final = 300.0
BACKOFF_SECONDS: Final = 30.0
FAILED_BACKOFF_SECONDS: Final = 2.0
TIMEOUT: Final = httpx.Timeout(1.5, connect=1.0)
_OF_A_KEY: Final = ("kid", "kty", "use", "alg", "n", "e")

KEYCLOAK_AWAY = message(
    "token.keys_unavailable",
    ja="ただいまトークンを確認できません。",
    en="Tokens cannot be verified right now.",
    hint_ja="しばらくしてから、もう一度お試しください。",
    hint_en="Try again in a moment.",
)


class JwksCache:
    """The signing keys at one address. Thread-safe: one thread fetches, the others use the cached keys."""

    def __init__(self, address: str, store: KeyStore) -> None:
        self.address = address
        self._store = store
        self._keys: dict[str, RSAKey] = {}
        self._fetched_at = float("-inf")
        self._fetch_again_at = float("-inf")
        self._fetching = threading.Lock()

    def find(self, kid: str) -> KeySet | None:
        """The key of that id, alone in a set, or None when neither cache nor Keycloak has it.

        Raises DependencyUnavailable while there is no key at all, because Keycloak has not answered for too long.
        """
        if kid not in self._keys:
            self._fetch()
        elif monotonic() - self._fetched_at > TTL_SECONDS and self._fetching.acquire(blocking=False):
            # Who comes meanwhile uses the key that is there.
            self._fetching.release()
            self._fetch()
        if not self.has_keys:
            raise DependencyUnavailable(KEYCLOAK_AWAY)
        key = self._keys.get(kid)
        return None if key is None else KeySet([key])

    @property
    def has_keys(self) -> bool:
        """Whether any key is cached that still counts."""
        return bool(self._keys) and monotonic() - self._fetched_at <= TRUSTED_FOR.total_seconds()

    def _fetch(self) -> None:
        with self._fetching:
            if monotonic() < self._fetch_again_at:
                return
            self._fetch_again_at = monotonic() + BACKOFF_SECONDS
            given = self._ask_keycloak()
            if given is not None:
                self._use(given)
                self._store.save(given)
                return
            self._fetch_again_at = monotonic() + FAILED_BACKOFF_SECONDS
            kept = self._store.load(self.address)
            if kept is not None:
                self._use(kept)

    def _ask_keycloak(self) -> KeptKeySet | None:
        """The signing keys as Keycloak gives them; None where it does not, or names none."""
        try:
            answer = httpx.get(self.address, timeout=TIMEOUT, follow_redirects=False)
            answer.raise_for_status()
            found = [
                {name: str(jwk[name]) for name in _OF_A_KEY if name in jwk}
                for jwk in answer.json()["keys"]
                if jwk.get("kty") == "RSA" and jwk.get("use") == "sig"
            ]
            _imported(found)
        except (httpx.HTTPError, JoseError, ValueError, LookupError, TypeError, AttributeError) as failure:
            log.warning("jwks.fetch_failed", address=self.address, exc_info=failure)
            return None
        if not found:
            log.warning("jwks.fetch_failed", address=self.address, reason="no signing key")
            return None
        return KeptKeySet(self.address, canonical({"keys": found}).decode(), clock.now())

    def _use(self, one: KeptKeySet) -> None:
        """Take these keys in place of the cached ones, unless those are newer."""
        fetched_at = monotonic() - max(0.0, (clock.now() - one.fetched_at).total_seconds())
        if fetched_at > self._fetched_at:
            self._keys = _imported(json.loads(one.jwks)["keys"])
            self._fetched_at = fetched_at


def _imported(keys: list[dict[str, str]]) -> dict[str, RSAKey]:
    return {key["kid"]: RSAKey.import_key(dict(key)) for key in keys}
