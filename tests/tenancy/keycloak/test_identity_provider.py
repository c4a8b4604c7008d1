"""A tenant's own identity provider in a real Keycloak: another realm plays it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from typing import Final

import httpx
import pytest

from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.drift import identity_provider_drift
from tenancy.keycloak.port import (
    EnsureOutcome,
    IdentityProviderIntent,
    IdentityProviderKind,
    PersonIntent,
    identity_provider_alias,
)
from tenancy.people.identity_providers.metadata import read_saml
from tests.admin.browser import Browser
from tests.municipal_idp import SECRET, MunicipalIdp, municipal_idp
from tests.tenancy.keycloak import browser as console
from tests.tenancy.keycloak.installation import Installation, Municipality

PUBLIC: Final = "https://idp.town.example.lg.jp"


@pytest.fixture
def town_hall(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality
) -> Iterator[MunicipalIdp]:
    with municipal_idp(installation, municipality.tenant_id) as found:
        yield found
    identities.remove_identity_provider(municipality.tenant_id)


def provider(municipality: Municipality, town_hall: MunicipalIdp, *, enabled: bool = True) -> IdentityProviderIntent:
    settings = {
        **town_hall.oidc_settings,
        "validateSignature": "true",
        "useJwksUrl": "true",
        "clientAuthMethod": "client_secret_basic",
        "pkceEnabled": "true",
        "pkceMethod": "S256",
        "syncMode": "IMPORT",
        "defaultScope": "openid email profile",
    }
    return IdentityProviderIntent(
        municipality.tenant_id, IdentityProviderKind.OIDC, "美里町", settings, "email", enabled, SECRET
    )


def person_of(identities: KeycloakIdentities, municipality: Municipality, *roles: str) -> tuple[PersonIntent, str]:
    person = municipality.person(*roles)
    (made,) = identities.ensure_people(municipality.tenant_id, [person])
    return person, made.found.id


def test_a_linked_person_comes_in_by_the_tenants_own_identity_provider_and_nobody_else(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality, town_hall: MunicipalIdp
) -> None:
    municipality.onboard(identities)
    person, keycloak_id = person_of(identities, municipality, "tenant-user-admin")
    wanted = provider(municipality, town_hall)

    assert identities.ensure_identity_provider(wanted).outcome is EnsureOutcome.CREATED
    assert identities.ensure_identity_provider(wanted).outcome is EnsureOutcome.KEPT
    identities.ensure_linked(municipality.tenant_id, keycloak_id, person.email)
    identities.ensure_linked(municipality.tenant_id, keycloak_id, person.email)

    town_hall.add_person(person.email)
    town_hall.add_person("stranger@example.jp")
    tokens, _ = through(installation, municipality, town_hall, person.email)

    assert tokens is not None
    assert tokens.access["sub"] == keycloak_id
    assert tokens.access["identity_provider"] == wanted.alias
    assert tokens.access["organization"][municipality.organization.alias]["resource_access"]["moyai-api"]["roles"] == [
        "tenant-user-admin"
    ]
    (as_found,) = identities.describe_tenant(municipality.tenant_id).people
    assert (as_found.email, as_found.family_name) == (person.email, person.family_name)
    connection = installation.as_administrator()
    organization = identities.ensure_organization(municipality.organization).found.id
    (member,) = connection.read(f"organizations/{organization}/members")
    assert member["membershipType"] == "UNMANAGED"

    tokens, page = through(installation, municipality, town_hall, "stranger@example.jp")

    assert tokens is None
    assert "登録されていない" in page.text
    assert connection.read("users", email="stranger@example.jp") == []


def test_the_same_by_saml_with_pasted_metadata(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality, town_hall: MunicipalIdp
) -> None:
    municipality.onboard(identities)
    person, keycloak_id = person_of(identities, municipality)
    found = read_saml(town_hall.saml_metadata.replace(town_hall.url, PUBLIC), date(2026, 11, 24))
    assert found.certificate_ends_on is not None
    # The metadata would stand at a public name; here the town hall is on this machine.
    settings = {name: value.replace(PUBLIC, town_hall.url) for name, value in found.settings.items()}
    wanted = IdentityProviderIntent(
        municipality.tenant_id, IdentityProviderKind.SAML, "美里町", settings, "mail", enabled=True
    )

    identities.ensure_identity_provider(wanted)
    assert identities.ensure_identity_provider(wanted).outcome is EnsureOutcome.KEPT
    identities.ensure_linked(municipality.tenant_id, keycloak_id, person.email)
    town_hall.add_person(person.email.upper())
    tokens, page = through(installation, municipality, town_hall, person.email)

    assert tokens is not None, page.text
    assert (tokens.access["sub"], tokens.access["identity_provider"]) == (keycloak_id, wanted.alias)
    town_hall.add_person("stranger@example.jp")
    tokens, page = through(installation, municipality, town_hall, "stranger@example.jp")
    assert tokens is None
    assert "登録されていない" in page.text
    # As an OpenID provider the same tenant's is another object in Keycloak, and links are made anew.
    by_oidc = provider(municipality, town_hall)
    identities.ensure_identity_provider(by_oidc)
    (there,) = [one for one in identities.find_identity_providers() if one.alias == wanted.alias]
    assert (there.kind, there.settings["clientId"]) == ("oidc", by_oidc.settings["clientId"])
    assert "clientSecret" not in there.settings


def test_an_owner_still_needs_a_second_factor_and_drift_knows_what_was_changed_by_hand(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality, town_hall: MunicipalIdp
) -> None:
    municipality.onboard(identities)
    owner, keycloak_id = person_of(identities, municipality, "tenant-owner")
    wanted = provider(municipality, town_hall)
    identities.ensure_identity_provider(wanted)
    identities.ensure_linked(municipality.tenant_id, keycloak_id, owner.email)
    town_hall.add_person(owner.email)
    installation.requires_second_factor = True
    assert installation.configure().in_sync
    try:
        tokens, page = through(installation, municipality, town_hall, owner.email)
    finally:
        installation.requires_second_factor = False
        assert installation.configure().in_sync
    assert tokens is None
    assert "totp" in page.text

    def drift() -> set[tuple[str, str | None]]:
        found = identity_provider_drift({municipality.code: wanted}, identities.find_identity_providers(), others=True)
        return {(one.kind.value, one.field) for one in found}

    assert drift() == set()
    administrator = installation.as_administrator()
    path = f"identity-provider/instances/{wanted.alias}"
    row = administrator.read(path)
    config = {**row["config"], "tokenUrl": "https://elsewhere.example.jp/token"}
    administrator.replace(path, {**row, "hideOnLogin": False, "firstBrokerLoginFlowAlias": None, "config": config})
    administrator.create(
        "identity-provider/instances", {"alias": "by-hand", "providerId": "oidc", "config": {"clientId": "x"}}
    )
    try:
        assert drift() == {("changed", "tokenUrl"), ("changed", "hidden"), ("changed", "flows"), ("foreign", None)}
        assert set(identities.ensure_identity_provider(wanted).changes) == {"tokenUrl", "hidden", "flows"}
        assert drift() == {("foreign", None)}
    finally:
        administrator.delete("identity-provider/instances/by-hand")
    identities.remove_identity_provider(municipality.tenant_id)
    identities.remove_identity_provider(municipality.tenant_id)
    assert drift() == {("missing", None)}


def through(
    installation: Installation, municipality: Municipality, town_hall: MunicipalIdp, email: str
) -> tuple[console.Tokens | None, httpx.Response]:
    """Sign in at the town hall: the tokens, or None and the page on which it ended."""
    window, browser = console.Browser(installation), Browser()
    scope = f"openid organization:{municipality.organization.alias}"
    page = browser.get(window.address(scope, kc_idp_hint=identity_provider_alias(municipality.tenant_id)))
    with suppress(httpx.ConnectError):
        # Nobody serves the console here.
        page = town_hall.sign_in(browser, page, email)
    if browser.going_to.startswith(console.CALLBACK):
        return window.exchange(browser.going_to), page
    return None, page
