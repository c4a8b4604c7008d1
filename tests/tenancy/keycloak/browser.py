"""A person at a browser, and the console's part of a sign-in, as far as Keycloak sees them."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import secrets
from dataclasses import dataclass
from typing import Any

import httpx

from tenancy.keycloak.keys import ASSERTION_TYPE, Signer, SigningKey
from tenancy.keycloak.port import Realm
from tests.tenancy.keycloak.installation import PUBLIC_URL, Installation

CALLBACK = f"{PUBLIC_URL}/login/callback"
SECONDS = 60
"""How long a person waits who is one of many on a busy machine."""


@dataclass(frozen=True)
class Tokens:
    """What a sign-in gives; `access` and `identity` are the claims, read without verifying."""

    access: dict[str, Any]
    identity: dict[str, Any]
    refresh_token: str


class Browser:
    """One browser window of its own: no cookie is shared with another."""

    def __init__(self, installation: Installation, realm: Realm = Realm.TENANTS) -> None:
        self._issuer = f"{installation.server.url}/realms/{realm}"
        self._key: Signer = installation.keys.console
        self._verifier = secrets.token_urlsafe(48)

    def open_sign_in(self, scope: str, *, redirect_uri: str = CALLBACK, challenged: bool = True) -> httpx.Response:
        """The first page, or where it is refused."""
        return httpx.get(self.address(scope, redirect_uri=redirect_uri, challenged=challenged), timeout=SECONDS)

    def address(self, scope: str, *, redirect_uri: str = CALLBACK, challenged: bool = True, **more: str) -> str:
        """Where a sign-in begins; `more` are further parameters of the request."""
        digest = hashlib.sha256(self._verifier.encode()).digest()
        challenge = {
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        query = {
            "client_id": "moyai-console",
            "response_type": "code",
            "redirect_uri": redirect_uri,
            "scope": scope,
            "state": "state",
            "nonce": "nonce",
            **(challenge if challenged else {}),
            **more,
        }
        return str(httpx.URL(f"{self._issuer}/protocol/openid-connect/auth", params=query))

    def submit(self, page: httpx.Response, username: str, password: str) -> httpx.Response:
        """Type in both and press the button."""
        action = re.search(r'action="([^"]+)"', page.text)
        assert action is not None, page.text
        # The cookies are Secure; a browser sends them to localhost, a library does not.
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in page.cookies.jar)
        answer = {"username": username, "password": password}
        return httpx.post(html.unescape(action[1]), data=answer, headers={"Cookie": cookies}, timeout=SECONDS)

    def sign_in(self, username: str, password: str, scope: str) -> Tokens:
        """All the way to the tokens."""
        sent_back = self.submit(self.open_sign_in(scope), username, password)
        assert sent_back.status_code == 302, sent_back.text
        return self.exchange(sent_back.headers["location"])

    def exchange(self, sent_back_to: str) -> Tokens:
        """The tokens for the code in the address that the browser was sent back to."""
        code = httpx.URL(sent_back_to).params["code"]
        answer = self.ask_token(
            grant_type="authorization_code", code=code, redirect_uri=CALLBACK, code_verifier=self._verifier
        )
        assert answer.status_code == 200, answer.text
        got = answer.json()
        return Tokens(_claims(got["access_token"]), _claims(got["id_token"]), got["refresh_token"])

    def refresh(self, tokens: Tokens) -> httpx.Response:
        return self.ask_token(grant_type="refresh_token", refresh_token=tokens.refresh_token)

    def ask_token(self, **form: str) -> httpx.Response:
        """The token endpoint, as the console with its key."""
        proof = {
            "client_id": "moyai-console",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._key.assertion("moyai-console", self._issuer),
        }
        return httpx.post(f"{self._issuer}/protocol/openid-connect/token", data={**form, **proof}, timeout=SECONDS)


def claims_of_service_client(installation: Installation, client_id: str, key: SigningKey) -> dict[str, Any]:
    """The claims of a service client's own token."""
    issuer = f"{installation.server.url}/realms/{Realm.TENANTS}"
    answer = httpx.post(
        f"{issuer}/protocol/openid-connect/token",
        data={
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": key.assertion(client_id, issuer),
        },
    )
    answer.raise_for_status()
    return _claims(answer.json()["access_token"])


def _claims(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return claims
