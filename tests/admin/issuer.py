"""An issuer of tokens under the tests' own control: both realms' key sets over real HTTP, and tokens signed with them.

It answers as Keycloak does when it is asked which tokens it issued.

For what a real Keycloak cannot be asked to do: sign a token with the wrong audience, or one that has no end. Whether
Keycloak's own tokens pass is tried in tests/admin/identity.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from joserfc import jwt
from joserfc.jwk import RSAKey

from governance.kernel import clock
from governance.kernel.ids import new_id
from governance.permissions import Role
from tenancy.keycloak.port import SECOND_FACTOR_ACR, Realm, organization_alias, service_client_name

KEYS = {realm: RSAKey.generate_key(2048, {"kid": f"key-of-{realm}", "use": "sig", "alg": "RS256"}) for realm in Realm}


class Issuer:
    """Serves the key sets, the token endpoint of the backend's accounts, and the events. Use it in a `with`."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_away = False
        self.whose: dict[str, Any] = {}
        """Claims that every token carries besides, for instance whose it is."""
        self._issued: dict[str, Mapping[str, Any]] = {}
        issuer = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                place = urlsplit(self.path)
                realm = next((realm for realm in Realm if place.path.startswith(f"/realms/{realm.value}/")), None)
                if issuer.is_away or (realm is None and not place.path.endswith("/events")):
                    self.send_error(503)
                elif realm is None:
                    self._answer(issuer.events(**dict(parse_qsl(place.query))))
                else:
                    self._answer({"keys": [KEYS[realm].as_dict(private=False)]})

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self._answer({"access_token": "of a backend account", "expires_in": 300})

            def _answer(self, value: object) -> None:
                body = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing: the tests' output is for the tests."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://localhost:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._server.shutdown()
        self._thread.join(timeout=10)
        self._server.server_close()

    def name(self, realm: Realm) -> str:
        return f"{self.url}/realms/{realm.value}"

    def events(self, client: str, user: str, **others: str) -> list[dict[str, Any]]:
        """The events of tokens that were issued to this user for this client."""
        return [
            {"sessionId": claims.get("sid"), "details": {"token_id": token_id}}
            for token_id, claims in self._issued.items()
            if (claims.get("azp"), claims.get("sub")) == (client, user)
        ]

    def sign(
        self, claims: Mapping[str, Any], realm: Realm = Realm.TENANTS, *, is_issued: bool = True, **header: Any
    ) -> str:
        """Exactly these claims; `None` leaves one out. A token that is not issued is one whose maker has only a key."""
        kept = {name: value for name, value in claims.items() if value is not None}
        if is_issued and isinstance(kept.get("jti"), str):
            self._issued[kept["jti"]] = kept
        key = KEYS[realm]
        return jwt.encode({"alg": "RS256", "kid": key.kid, "typ": "JWT", **header}, kept, key)

    def claims(self, realm: Realm = Realm.TENANTS, **more: Any) -> dict[str, Any]:
        """An access token's claims as Keycloak makes them, without any role, no person unless `whose` names one."""
        now = int(clock.now().timestamp())
        usual = {
            "iss": self.name(realm),
            "aud": "moyai-api",
            "typ": "Bearer",
            "azp": "moyai-console",
            "sub": str(new_id()),
            "sid": str(new_id()),
            "iat": now,
            "exp": now + 300,
            "jti": str(new_id()),
        }
        return usual | self.whose | more

    def token_of_person(self, tenant_id: UUID, person_id: UUID, *roles: Role, realm: Realm = Realm.TENANTS) -> str:
        """An access token of a person of `Visitors` with these roles of that tenant, or of the operator."""
        access = {"moyai-api": {"roles": [role.value for role in roles]}}
        if realm is Realm.OPERATORS:
            named: dict[str, Any] = {"resource_access": access}
        else:
            alias = organization_alias(tenant_id)
            named = {"organization": {alias: {"tenant_id": [str(tenant_id)], "resource_access": access}}}
        login = {"acr": SECOND_FACTOR_ACR, "auth_time": int(clock.now().timestamp())}
        return self.sign(self.claims(realm, sub=str(person_id), sid=str(person_id), **login, **named), realm)

    def token_of_secret(self, tenant_id: UUID, client_id: UUID, number: int, *scopes: str) -> str:
        """An access token that a tenant's service client got with its secret of this number."""
        azp = service_client_name(tenant_id, client_id, number)
        return self.sign(self.claims(azp=azp, scope=" ".join(scopes), sid=None, tenant_id=str(tenant_id)))

    def token_of_client(
        self, tenant_id: UUID, client_id: UUID, *scopes: str, realm: Realm = Realm.TENANTS, **more: Any
    ) -> str:
        """An access token of a tenant's service client, or of the operator's."""
        named = {"tenant_id": str(tenant_id)} if realm is Realm.TENANTS else {}
        azp = service_client_name(tenant_id, client_id)
        return self.sign(self.claims(realm, azp=azp, scope=" ".join(scopes), sid=None, **named, **more), realm)
