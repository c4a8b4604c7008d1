"""Signing in from a command line: the device authorization grant (RFC 8628) with PKCE S256 (RFC 7636).

The person confirms a short code in a browser, on this machine or any other; the command line asks Keycloak meanwhile
whether that has happened. It is a public client and holds no secret. This module knows no file and no terminal.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from admin.identity.saved_login import DeviceEndpoints, DeviceTokens, Login, is_loopback
from governance.kernel.errors import DependencyUnavailable, Invalid, NotAllowed, message

DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
SLOWER_SECONDS: Final = 5
"""What `slow_down` adds to the interval (RFC 8628 section 3.5)."""
MAX_INTERVAL_SECONDS: Final = 60
TIMEOUT: Final = (5.0, 10.0)
"""Seconds to connect and to read."""

INSECURE_ADDRESS = message(
    "login.insecure_address",
    ja="「{given}」は https:// で始まるアドレスではありません。",
    en="“{given}” is not an https:// address.",
    hint_ja="http:// はこの端末自身（localhost）にだけ使えます。",
    hint_en="http:// is accepted for this machine itself (localhost) only.",
)
KEYCLOAK_UNREACHABLE = message(
    "login.keycloak_unreachable",
    ja="認証サービス（{where}）に接続できません。",
    en="The identity server ({where}) cannot be reached.",
    hint_ja="ネットワークを確かめて、もう一度実行してください。",
    hint_en="Check the network and try again.",
)
CODE_EXPIRED = message(
    "login.code_expired",
    ja="確認コードの有効期限が切れました。",
    en="The code has expired.",
    hint_ja="moyai login をもう一度実行してください。",
    hint_en="Run `moyai login` again.",
)
PERSON_DECLINED = message(
    "login.denied",
    ja="画面でログインが許可されませんでした。",
    en="The sign-in was denied on the page.",
)
LOGIN_DECLINED = message(
    "login.declined",
    ja="認証サービスがログインを受け付けませんでした（{answer}）。",
    en="The identity server did not accept the sign-in ({answer}).",
)


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """A sign-in that waits for its person. Times are seconds."""

    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    device_code: str = field(repr=False)
    verifier: str = field(repr=False)
    expires_in: float
    interval: float


def secure_address(url: str, *, field: str) -> str:
    """The address without a slash at its end. Raises Invalid unless it is https, or http to this machine itself."""
    try:
        parts = urlsplit(url)
        # Reading the port tells whether it is one.
        is_address = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_address = False
    if not is_address or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url))):
        raise Invalid(INSECURE_ADDRESS, field=field, given=url)
    return url.rstrip("/")


class DeviceLogin:
    """Signs a person in at these endpoints, and keeps the sign-in alive. `wait` takes seconds."""

    def __init__(self, endpoints: DeviceEndpoints, *, wait: Callable[[float], None] = time.sleep) -> None:
        for name in ("device_authorization_endpoint", "token_endpoint", "end_session_endpoint"):
            secure_address(getattr(endpoints, name), field=name)
        self._endpoints = endpoints
        self._wait = wait

    def begin(self) -> DeviceCode:
        """Ask for a code that the person confirms. Raises NotAllowed when declined, and DependencyUnavailable."""
        verifier = secrets.token_urlsafe(48)
        asked = {
            "client_id": self._endpoints.client_id,
            "scope": self._endpoints.scope,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        answer = self._post(self._endpoints.device_authorization_endpoint, asked)
        try:
            return DeviceCode(
                user_code=str(answer["user_code"]),
                verification_uri=str(answer["verification_uri"]),
                verification_uri_complete=answer.get("verification_uri_complete"),
                device_code=str(answer["device_code"]),
                verifier=verifier,
                expires_in=float(answer["expires_in"]),
                interval=float(answer.get("interval", SLOWER_SECONDS)),
            )
        except (KeyError, TypeError, ValueError):
            raise NotAllowed(LOGIN_DECLINED, answer=_sanitize(answer.get("error", "no code"))) from None

    def finish(self, code: DeviceCode) -> DeviceTokens:
        """Wait until the person has confirmed the code, and take the tokens.

        Asks at the interval that the server names, five seconds slower each time it says `slow_down`, and at twice the
        interval after an attempt without an answer (RFC 8628 section 3.5). Raises NotAllowed when the person or the
        server declines and when the code has expired.
        """
        until, interval = monotonic() + code.expires_in, code.interval
        while (left := until - monotonic()) > 0:
            self._wait(min(interval, left))
            try:
                return self._tokens(grant_type=DEVICE_GRANT, device_code=code.device_code, code_verifier=code.verifier)
            except DependencyUnavailable:
                interval = min(interval * 2, MAX_INTERVAL_SECONDS)
            except OAuthError as refused:
                if refused.error == "slow_down":
                    interval += SLOWER_SECONDS
                elif refused.error == "access_denied":
                    raise NotAllowed(PERSON_DECLINED) from None
                elif refused.error == "expired_token":
                    raise NotAllowed(CODE_EXPIRED) from None
                elif refused.error != "authorization_pending":
                    raise NotAllowed(LOGIN_DECLINED, answer=_sanitize(refused.error)) from None
        raise NotAllowed(CODE_EXPIRED)

    def refresh(self, refresh_token: str) -> DeviceTokens | None:
        """New tokens for a refresh token, which is then used up; None where the sign-in has ended."""
        try:
            return self._tokens(grant_type="refresh_token", refresh_token=refresh_token)
        except OAuthError as refused:
            if refused.error == "invalid_grant":
                return None
            raise NotAllowed(LOGIN_DECLINED, answer=_sanitize(refused.error)) from None

    def end(self, refresh_token: str) -> None:
        """End the session at Keycloak; one that is over already stays so. Raises DependencyUnavailable."""
        asked = {"client_id": self._endpoints.client_id, "refresh_token": refresh_token}
        self._post(self._endpoints.end_session_endpoint, asked)

    def _tokens(self, **asked: str) -> DeviceTokens:
        url = self._endpoints.token_endpoint
        now = time.time()
        with self._client() as client:
            try:
                given: Mapping[str, Any] = client.fetch_token(url, **asked)
            except (requests.RequestException, ValueError) as away:
                # A ValueError is the page of a gateway in front, where an object was to be.
                raise DependencyUnavailable(KEYCLOAK_UNREACHABLE, where=url) from away
        try:
            return DeviceTokens(
                access_token=str(given["access_token"]),
                refresh_token=str(given["refresh_token"]),
                expires_at=now + float(given["expires_in"]),
                refresh_expires_at=now + float(given["refresh_expires_in"]),
            )
        except (KeyError, TypeError, ValueError):
            raise NotAllowed(LOGIN_DECLINED, answer="token") from None

    def _post(self, url: str, asked: Mapping[str, str]) -> Mapping[str, Any]:
        """The object that is answered; empty where none is."""
        with self._client() as client:
            try:
                answer = client.post(url, data=asked, withhold_token=True, allow_redirects=False)
            except requests.RequestException as away:
                raise DependencyUnavailable(KEYCLOAK_UNREACHABLE, where=url) from away
        if answer.status_code >= 500:
            raise DependencyUnavailable(KEYCLOAK_UNREACHABLE, where=url)
        try:
            found = answer.json()
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def _client(self) -> OAuth2Session:
        client = OAuth2Session(
            self._endpoints.client_id,
            token_endpoint_auth_method="none",  # noqa: S106 - the method's name in RFC 7591: a public client
            default_timeout=TIMEOUT,
        )
        # A proxy of the environment stands between this machine and others, not between it and itself.
        client.trust_env = not is_loopback(self._endpoints.token_endpoint)
        return client


def renew(login: Login) -> DeviceTokens | None:
    """New tokens for a saved sign-in; None where it has ended. Raises DependencyUnavailable."""
    return DeviceLogin(login.endpoints).refresh(login.tokens.refresh_token)


def _sanitize(text: object) -> str:
    """The server's error code, shortened and stripped for a terminal."""
    return "".join(letter for letter in str(text)[:60] if letter.isalnum() or letter in " _:-.")
