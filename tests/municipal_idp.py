"""A municipality's own identity provider: another realm of the tests' Keycloak, with staff of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from governance.kernel.ids import new_id
from tenancy.keycloak.connection import RealmConnection
from tenancy.keycloak.port import Realm, identity_provider_alias
from tests.admin.browser import Browser, forms
from tests.tenancy.keycloak.installation import Installation

PASSWORD = "a password of the town hall"
CLIENT = "moyai-at-the-town-hall"
SECRET = "the-secret-of-moyai-at-the-town-hall"


@dataclass(frozen=True)
class MunicipalIdp:
    """The realm, as its administrator sees it."""

    realm: str
    url: str
    administrator: RealmConnection

    @property
    def issuer(self) -> str:
        return f"{self.url}/realms/{self.realm}"

    @property
    def oidc_settings(self) -> dict[str, str]:
        """What Keycloak is told of it."""
        below = f"{self.issuer}/protocol/openid-connect"
        return {
            "issuer": self.issuer,
            "authorizationUrl": f"{below}/auth",
            "tokenUrl": f"{below}/token",
            "jwksUrl": f"{below}/certs",
            "clientId": CLIENT,
        }

    @property
    def saml_metadata(self) -> str:
        """What it says of itself as a SAML identity provider."""
        return httpx.get(f"{self.issuer}/protocol/saml/descriptor").text

    def add_person(self, email: str) -> None:
        """Somebody of the town hall with a password there."""
        self.administrator.raw_post(
            f"admin/realms/{self.realm}/users",
            {
                "username": f"u{new_id().hex[-10:]}",
                "email": email,
                "emailVerified": True,
                "firstName": "花子",
                "lastName": "役場",
                "enabled": True,
                "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
            },
        )

    def sign_in(self, browser: Browser, page: httpx.Response, email: str) -> httpx.Response:
        """Fill in the town hall's own page; answers where that leads to."""
        page = post_on(browser, page)
        assert str(page.url).startswith(self.issuer), f"not at the town hall: {page.url}\n{page.text[:400]}"
        form = next(form for form in forms(page.text) if "password" in form.fields)
        form.fields.update(username=email, password=PASSWORD)
        return post_on(browser, browser.post(form.action, form.fields))


def post_on(browser: Browser, page: httpx.Response) -> httpx.Response:
    """Send on what SAML has the browser send by itself, as a script would (the binding HTTP-POST)."""
    for form in forms(page.text):
        if not {"SAMLRequest", "SAMLResponse"}.isdisjoint(form.fields):
            return browser.post(form.action, form.fields)
    return page


@contextmanager
def municipal_idp(installation: Installation, tenant_id: object) -> Iterator[MunicipalIdp]:
    """A realm that knows Moyai's Keycloak as a client; gone afterwards."""
    administrator = installation.as_administrator()
    realm = f"town-{new_id().hex[-10:]}"
    url = installation.server.url
    broker = f"{url}/realms/{Realm.TENANTS}/broker/{identity_provider_alias(tenant_id)}/endpoint"  # type: ignore[arg-type]
    client = {
        "clientId": CLIENT,
        "secret": SECRET,
        "publicClient": False,
        "standardFlowEnabled": True,
        "redirectUris": [broker],
    }
    by_saml = {
        "clientId": f"{url}/realms/{Realm.TENANTS}",
        "protocol": "saml",
        "redirectUris": [broker],
        "attributes": {"saml.assertion.signature": "true", "saml.client.signature": "false"},
        "protocolMappers": [
            {
                "name": "mail",
                "protocol": "saml",
                "protocolMapper": "saml-user-property-mapper",
                "config": {"user.attribute": "email", "attribute.name": "mail", "attribute.nameformat": "Basic"},
            }
        ],
    }
    administrator.raw_post("admin/realms", {"realm": realm, "enabled": True, "clients": [client, by_saml]})
    # The token names the realms it may administer.
    administrator = installation.as_administrator()
    yield MunicipalIdp(realm, url, administrator)
    administrator.raw_delete(f"admin/realms/{realm}")
