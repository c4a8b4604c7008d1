"""OpenID Connect sign-in: authorization code with PKCE S256 (RFC 7636) and private_key_jwt (RFC 7523).

State, nonce, verifier and target address are kept in an encrypted cookie for ten minutes, so an anonymous visitor
writes nothing to the database. This module knows no Flask request and no session.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from admin.identity.cipher import TextCipher
from admin.identity.persons import PersonClaims, read_person, second_factor_time
from admin.identity.realms import RealmEndpoints
from admin.identity.token_sessions import PersonTokens
from admin.identity.tokens import TokenRejected, TokenVerifier
from governance.kernel import clock
from governance.kernel.deadlines import breaker_of
from governance.kernel.errors import DependencyUnavailable, NotAllowed, message
from tenancy.keycloak.keys import ASSERTION_TYPE, Signer
from tenancy.keycloak.port import CONSOLE_CLIENT, SECOND_FACTOR_ACR, Realm, organization_alias

COOKIE: Final = "__Host-moyai-sign-in"
SECONDS: Final = 600
TIMEOUT: Final = (1.0, 3.0)
"""Seconds to connect and to read; a person is waiting."""
_ANSWERED_SECONDS: Final = 10.0
"""So long a realm that has answered counts as there."""

KEYCLOAK_AWAY = message(
    "sign_in.keycloak_away",
    ja="認証サービスに接続できないため、いまはログインできません。",
    en="You cannot log in right now: the identity service is unavailable.",
    hint_ja="1分ほど待ってから、もう一度お試しください。すでにログインしている方は、そのままお使いいただけます。",
    hint_en="Try again in about a minute. People who are already logged in can go on.",
)
NOT_OURS = message(
    "sign_in.not_ours",
    ja="ログインの手続を確認できませんでした。",
    en="This sign-in does not match one that was started here.",
    hint_ja="時間がたちすぎたか、別の画面でログインを始めた可能性があります。もう一度ログインしてください。",
    hint_en="It may have taken too long, or another sign-in was started since. Please sign in again.",
)
DECLINED = message(
    "sign_in.declined",
    ja="認証サービスがログインを受け付けませんでした（{answer}）。",
    en="The identity server did not accept the sign-in ({answer}).",
    hint_ja="団体コードを確かめて、もう一度ログインしてください。",
    hint_en="Check the municipality code and sign in again.",
)


@dataclass(frozen=True, slots=True)
class LoginState:
    """A sign-in in progress."""

    realm: Realm
    tenant_id: UUID
    state: str
    nonce: str
    verifier: str
    back_to: str
    is_step_up: bool = False
    """Whether a second factor is asked for by a person who is signed in."""
    action: str = ""
    """What Keycloak has the person do after the sign-in (`kc_action`); empty for nothing."""

    def encrypted(self, cipher: TextCipher) -> str:
        return cipher.encrypt(json.dumps(asdict(self), default=str))


@dataclass(frozen=True, slots=True)
class AuthenticatedIdentity:
    """The verified result of a sign-in: who it is, and the claims `sid` and `sub` of Keycloak's session."""

    person: PersonClaims
    sid: str
    sub: str
    id_token: str
    second_factor_at: datetime | None
    """When a second factor was asked for; None for a sign-in without one."""


def decrypt_login_state(cipher: TextCipher, cookie: str | None) -> LoginState:
    """The sign-in in the cookie. Raises NotAllowed when it is missing, does not decrypt, or is too old."""
    text = cipher.decrypt(cookie or "", seconds=SECONDS)
    if text is None:
        raise NotAllowed(NOT_OURS)
    values: dict[str, Any] = json.loads(text)
    values.update(realm=Realm(values["realm"]), tenant_id=UUID(values["tenant_id"]))
    return LoginState(**values)


class OidcLogin:
    """Signs people in at both realms with the console's key."""

    def __init__(
        self,
        realms: dict[Realm, RealmEndpoints],
        token_verifier: TokenVerifier,
        person_tokens: PersonTokens,
        key: Signer,
        public_url: str,
    ) -> None:
        self._realms = realms
        self._token_verifier = token_verifier
        self._person_tokens = person_tokens
        self._key = key
        self._public_url = public_url
        self._answered_at: dict[Realm, float] = {}

    def begin(
        self,
        realm: Realm,
        tenant_id: UUID,
        back_to: str,
        *,
        language: str,
        anew: bool = False,
        action: str | None = None,
        identity_provider: str | None = None,
        step_up_of: str | None = None,
    ) -> tuple[LoginState, str]:
        """A new sign-in and the address to redirect to.

        `anew` asks for the password again (prompt=login); `action` is what Keycloak has the person do after the sign-in
        (`kc_action`); `identity_provider` is the alias of the one to sign in at (`kc_idp_hint`). `step_up_of` is
        the e-mail address of whom it asks for a second factor now (`acr_values`).
        """
        login_state = LoginState(
            realm,
            tenant_id,
            secrets.token_urlsafe(24),
            secrets.token_urlsafe(24),
            secrets.token_urlsafe(48),
            back_to,
            is_step_up=step_up_of is not None,
            action=action or "",
        )
        more = {"nonce": login_state.nonce, "ui_locales": language} | ({"prompt": "login"} if anew else {})
        if step_up_of is not None:
            more |= {"acr_values": SECOND_FACTOR_ACR, "login_hint": step_up_of}
        if action is not None:
            more["kc_action"] = action
        if identity_provider is not None:
            more["kc_idp_hint"] = identity_provider
        with self._client(realm, tenant_id) as client:
            address, _ = client.create_authorization_url(
                self._realms[realm].authorize, state=login_state.state, code_verifier=login_state.verifier, **more
            )
        return login_state, str(address)

    def require_reachable(self, realm: Realm) -> None:
        """Raise DependencyUnavailable where the realm does not answer: a browser sent there would see no page of ours.

        One that answered a moment ago is not asked again.
        """
        if time.monotonic() - self._answered_at.get(realm, -_ANSWERED_SECONDS) < _ANSWERED_SECONDS:
            return
        breaker = breaker_of(f"Keycloak {self._realms[realm].keycloak_url}")
        if not breaker.allows:
            raise DependencyUnavailable(KEYCLOAK_AWAY)
        try:
            answer = requests.get(self._realms[realm].keys, timeout=TIMEOUT)
        except requests.Timeout as silent:
            breaker.timed_out()
            raise DependencyUnavailable(KEYCLOAK_AWAY) from silent
        except requests.RequestException as away:
            raise DependencyUnavailable(KEYCLOAK_AWAY) from away
        breaker.answered()
        if answer.status_code >= 500:
            raise DependencyUnavailable(KEYCLOAK_AWAY)
        self._answered_at[realm] = time.monotonic()

    def finish(self, login_state: LoginState, answer: dict[str, str]) -> AuthenticatedIdentity:
        """Exchange the code and verify both tokens.

        Raises NotAllowed when the answer is not to this attempt, when Keycloak declines, or when the person does not
        belong to the tenant; DependencyUnavailable when Keycloak does not answer.
        """
        address = self._realms[login_state.realm]
        if not secrets.compare_digest(answer.get("state", ""), login_state.state):
            raise NotAllowed(NOT_OURS)
        if answer.get("iss", address.issuer) != address.issuer:
            raise NotAllowed(NOT_OURS)
        if "error" in answer or not answer.get("code"):
            raise NotAllowed(DECLINED, answer=_sanitize(answer.get("error", "no code")))
        # They are no older than this. The claim has whole seconds only, and who is resumed may log in within the
        # second.
        asked_at = clock.now()
        tokens = self._exchange(login_state, answer["code"])
        try:
            about_person = self._token_verifier.verify_id_token(
                str(tokens["id_token"]), login_state.realm, login_state.nonce
            )
            access = self._token_verifier.verify_access_token(str(tokens["access_token"]))
            claims = access.claims
            same = (access.realm, claims.get("azp"), claims["sub"]) == (
                login_state.realm,
                CONSOLE_CLIENT,
                about_person["sub"],
            )
            if not same or not claims.get("sid"):
                raise NotAllowed(NOT_OURS)
            person = replace(read_person(access, login_state.tenant_id), since=asked_at)
            # A mapper added to the console's own client could have both tokens name somebody else.
            self._person_tokens.require_issued(access)
        except (TokenRejected, KeyError) as refused:
            raise NotAllowed(DECLINED, answer=_sanitize(f"token: {refused}")) from refused
        return AuthenticatedIdentity(
            person,
            str(claims["sid"]),
            str(claims["sub"]),
            str(tokens["id_token"]),
            second_factor_time(about_person),
        )

    def sign_out_address(self, realm: Realm, id_token: str) -> str:
        """Where to send a browser so that Keycloak's session ends too; with the ID token it asks nothing."""
        query = {
            "id_token_hint": id_token,
            "client_id": CONSOLE_CLIENT,
            "post_logout_redirect_uri": f"{self._public_url}/",
        }
        return f"{self._realms[realm].end_session}?{urlencode(query)}"

    def _exchange(self, login_state: LoginState, code: str) -> dict[str, Any]:
        breaker = breaker_of(f"Keycloak {self._realms[login_state.realm].keycloak_url}")
        if not breaker.allows:
            raise DependencyUnavailable(KEYCLOAK_AWAY)
        try:
            with self._client(login_state.realm, login_state.tenant_id) as client:
                tokens: dict[str, Any] = client.fetch_token(
                    self._realms[login_state.realm].token,
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=login_state.verifier,
                )
            breaker.answered()
        except OAuthError as declined:
            raise NotAllowed(DECLINED, answer=_sanitize(declined.error)) from declined
        except requests.Timeout as silent:
            breaker.timed_out()
            raise DependencyUnavailable(KEYCLOAK_AWAY) from silent
        except requests.RequestException as away:
            raise DependencyUnavailable(KEYCLOAK_AWAY) from away
        return tokens

    def _client(self, realm: Realm, tenant_id: UUID) -> OAuth2Session:
        scope = "openid" if realm is Realm.OPERATORS else f"openid organization:{organization_alias(tenant_id)}"
        issuer, key = self._realms[realm].issuer, self._key

        def prove(auth: Any, method: str, uri: str, headers: Any, body: str) -> tuple[str, Any, str]:
            proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": key.assertion(CONSOLE_CLIENT, issuer)}
            return uri, headers, f"{body}&{urlencode({'client_id': CONSOLE_CLIENT, **proof})}"

        return OAuth2Session(
            CONSOLE_CLIENT,
            token_endpoint_auth_method=prove,
            scope=scope,
            redirect_uri=f"{self._public_url}/login/callback",
            code_challenge_method="S256",
            default_timeout=TIMEOUT,
        )


def _sanitize(text: str) -> str:
    """The server's error code, shortened and stripped for a page."""
    return "".join(letter for letter in str(text)[:60] if letter.isalnum() or letter in " _:-.")
