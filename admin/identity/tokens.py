"""Verification of Keycloak's JWTs (RFC 7519, RFC 8725) without a request: signature first, then each claim.

Only RS256, only keys of the two realms, only tokens of the right kind. tests/admin/test_tokens.py
fails without any one of the checks. Whether the person and the role are still in force is decided elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError

from admin.identity.jwks_cache import JwksCache
from admin.identity.kept_keys import KeyStore
from admin.identity.realms import RealmEndpoints
from governance.kernel import clock
from tenancy.keycloak.port import CONSOLE_CLIENT, PERSON_CLIENTS, Realm
from tenancy.keycloak.representations import API_CLIENT

TOKEN_BYTES: Final = 8 * 1024
LEEWAY_SECONDS: Final = 5
LOGOUT_TOKEN_SECONDS: Final = 120
LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
MAX_CACHED_TOKENS: Final = 4_096
CACHED_TOKEN_SECONDS: Final = 60

Claims = Mapping[str, Any]


class TokenRejected(Exception):
    """The token is not accepted. The text names the check for the log; the caller does not see it."""


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """Claims that Keycloak signed, and the realm whose key it was."""

    realm: Realm
    claims: Claims


class TokenVerifier:
    """Verifies tokens of both realms. Thread-safe. `store` keeps the realms' keys beyond this process."""

    def __init__(self, realms: Mapping[Realm, RealmEndpoints], store: KeyStore) -> None:
        self._realms = {address.issuer: realm for realm, address in realms.items()}
        self._jwks_caches = {realm: JwksCache(address.keys, store) for realm, address in realms.items()}
        self._verified: OrderedDict[bytes, tuple[VerifiedToken, float]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def jwks_caches(self) -> Mapping[Realm, JwksCache]:
        return self._jwks_caches

    def verify_access_token(self, token: str) -> VerifiedToken:
        """An access token meant for Moyai. One seen a minute ago is not verified again."""
        name = sha256(token.encode()).digest()
        now = clock.now().timestamp()
        with self._lock:
            known = self._verified.get(name)
        if known is not None and now < known[1]:
            return known[0]
        verified = self._verify(token)
        _require(API_CLIENT in _audience(verified.claims), "aud")
        _require(verified.claims.get("typ") == "Bearer", "typ")
        self._cache_verified(name, verified, now)
        return verified

    def verify_id_token(self, token: str, realm: Realm, nonce: str) -> Claims:
        """The ID token of a sign-in that we began with this nonce in this realm."""
        verified = self._verify(token)
        claims = verified.claims
        _require(verified.realm is realm, "iss")
        _require(_audience(claims) == [CONSOLE_CLIENT], "aud")
        _require(claims.get("azp", CONSOLE_CLIENT) == CONSOLE_CLIENT, "azp")
        _require(claims.get("typ") == "ID", "typ")
        _require(claims.get("nonce") == nonce, "nonce")
        return claims

    def verify_logout_token(self, token: str) -> VerifiedToken:
        """What Keycloak posts when one of its sessions ended (OpenID Connect Back-Channel Logout 1.0)."""
        verified = self._verify(token)
        claims = verified.claims
        _require(not PERSON_CLIENTS.isdisjoint(_audience(claims)), "aud")
        _require(claims.get("typ") == "Logout", "typ")
        _require(isinstance(claims.get("events"), dict) and LOGOUT_EVENT in claims["events"], "events")
        _require("nonce" not in claims, "nonce")
        _require(bool(claims.get("sid") or claims.get("sub")), "sid")
        issued = claims.get("iat")
        _require(isinstance(issued, int) and clock.now().timestamp() - issued <= LOGOUT_TOKEN_SECONDS, "iat")
        return verified

    def _verify(self, token: str) -> VerifiedToken:
        """Signature, issuer and time: what every token must pass."""
        _require(len(token) <= TOKEN_BYTES, "size")
        _require(token.count(".") == 2, "form")
        header, unproven = (_unverified_claims(part) for part in token.split(".")[:2])
        realm = self._realms.get(str(unproven.get("iss")))
        if realm is None:
            raise TokenRejected("iss")
        key = self._jwks_caches[realm].find(str(header.get("kid")))
        if key is None:
            raise TokenRejected("kid")
        try:
            claims = jwt.decode(token, key, algorithms=["RS256"]).claims
        except (JoseError, ValueError) as forged:
            raise TokenRejected("signature") from forged
        now = clock.now().timestamp()
        expires, begins, issued = claims.get("exp"), claims.get("nbf", 0), claims.get("iat")
        _require(isinstance(expires, int) and now < expires + LEEWAY_SECONDS, "exp")
        _require(isinstance(begins, int) and begins <= now + LEEWAY_SECONDS, "nbf")
        _require(isinstance(issued, int) and issued <= now + LEEWAY_SECONDS, "iat")
        _require(isinstance(claims.get("sub"), str) and bool(claims["sub"]), "sub")
        return VerifiedToken(realm, claims)

    def _cache_verified(self, name: bytes, verified: VerifiedToken, now: float) -> None:
        until = min(float(verified.claims["exp"]), now + CACHED_TOKEN_SECONDS)
        with self._lock:
            self._verified[name] = (verified, until)
            while len(self._verified) > MAX_CACHED_TOKENS:
                self._verified.popitem(last=False)


def account_named(token: str) -> str:
    """Whose a rejected token says it is (`sub`), for counting failures only; empty where it cannot be read."""
    parts = token.split(".")
    try:
        return str(_unverified_claims(parts[1]).get("sub", ""))[:64] if len(token) <= TOKEN_BYTES else ""
    except (IndexError, TokenRejected):
        return ""


def claims_of_kept(token: str) -> Claims:
    """The claims of a token that was verified when it came and sealed since; none of what is no token."""
    parts = token.split(".")
    return _unverified_claims(parts[1]) if len(parts) == 3 else {}


def _require(holds: bool, word: str) -> None:
    if not holds:
        raise TokenRejected(word)


def _audience(claims: Claims) -> list[str]:
    found = claims.get("aud")
    return [found] if isinstance(found, str) else [str(one) for one in found] if isinstance(found, list) else []


def _unverified_claims(part: str) -> dict[str, Any]:
    """The claims of a part of the token, without verification."""
    try:
        value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, binascii.Error, RecursionError) as broken:
        raise TokenRejected("form") from broken
    if not isinstance(value, dict):
        raise TokenRejected("form")
    return value
