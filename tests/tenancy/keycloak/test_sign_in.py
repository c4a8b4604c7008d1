"""Signing in for real: what stands in the tokens, and what ends when somebody is suspended."""

from __future__ import annotations

import json
from dataclasses import replace

import httpx
import pytest

from governance.kernel.errors import Conflict, NotAllowed
from governance.kernel.ids import new_id
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.example_passwords import ExamplePasswords
from tenancy.keycloak.keys import SigningKey
from tenancy.keycloak.port import OperatorIntent, PersonIntent, Realm
from tests.tenancy.keycloak.browser import CALLBACK, Browser, claims_of_service_client
from tests.tenancy.keycloak.installation import Installation, Municipality

PASSWORD = "熊本 の 水は とても おいしい です"


@pytest.fixture
def passwords(installation: Installation) -> ExamplePasswords:
    return ExamplePasswords(installation.server.url, installation.keys, example=True)


@pytest.fixture
def owner(identities: KeycloakIdentities, municipality: Municipality, passwords: ExamplePasswords) -> PersonIntent:
    """An owner who has a password."""
    municipality.onboard(identities)
    person = municipality.person("tenant-owner")
    identities.ensure_people(municipality.tenant_id, [person])
    passwords.set(person.person_id, PASSWORD)
    return person


def test_the_token_names_one_tenant_and_the_persons_roles_there(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality, owner: PersonIntent
) -> None:
    alias = municipality.organization.alias

    tokens = Browser(installation).sign_in(owner.email, PASSWORD, f"openid organization:{alias}")

    claim = tokens.access["organization"][alias]
    assert claim["resource_access"]["moyai-api"]["roles"] == ["tenant-owner"]
    assert claim["tenant_id"] == [str(municipality.tenant_id)]
    assert claim["code"] == [municipality.code]
    assert claim["id"] == identities.ensure_organization(municipality.organization).found.id
    assert list(tokens.access["organization"]) == [alias]
    assert tokens.access["aud"] == "moyai-api"
    assert tokens.access["sub"] == identities.describe_tenant(municipality.tenant_id).people[0].id
    assert "realm_access" not in tokens.access
    assert "resource_access" not in tokens.access
    assert tokens.identity["sid"] == tokens.access["sid"]


def test_no_token_tells_a_name_or_an_address(
    installation: Installation, municipality: Municipality, owner: PersonIntent
) -> None:
    tokens = Browser(installation).sign_in(
        owner.email, PASSWORD, f"openid organization:{municipality.organization.alias}"
    )

    for claims in (tokens.access, tokens.identity):
        text = json.dumps(claims, ensure_ascii=False)
        assert not any(personal in text for personal in (owner.email, owner.family_name, owner.given_name))
        assert {"name", "given_name", "family_name", "email", "preferred_username"}.isdisjoint(claims)


def test_a_plain_member_has_the_tenant_and_no_role(
    installation: Installation,
    identities: KeycloakIdentities,
    municipality: Municipality,
    owner: PersonIntent,
    passwords: ExamplePasswords,
) -> None:
    member = municipality.person()
    identities.ensure_people(municipality.tenant_id, [member])
    passwords.set(member.person_id, PASSWORD)
    alias = municipality.organization.alias

    tokens = Browser(installation).sign_in(member.email, PASSWORD, f"openid organization:{alias}")

    assert "resource_access" not in tokens.access["organization"][alias]


def test_another_tenants_name_gives_no_claim(
    installation: Installation, identities: KeycloakIdentities, owner: PersonIntent
) -> None:
    other = Municipality(code="other1")
    identities.ensure_organization(other.organization)

    tokens = Browser(installation).sign_in(owner.email, PASSWORD, f"openid organization:{other.organization.alias}")

    assert "organization" not in tokens.access


def test_an_operators_roles_stand_in_the_operators_realm(
    installation: Installation, identities: KeycloakIdentities, passwords: ExamplePasswords
) -> None:
    person_id = new_id()
    roles = frozenset({"operator-onboarding", "operator-finance"})
    identities.ensure_operator(OperatorIntent(person_id, f"{person_id.hex[-8:]}@pref.example.jp", "県", "職員", roles))
    passwords.set(person_id, PASSWORD, Realm.OPERATORS)

    tokens = Browser(installation, Realm.OPERATORS).sign_in(str(person_id), PASSWORD, "openid")

    assert set(tokens.access["resource_access"]["moyai-api"]["roles"]) == roles
    assert tokens.access["aud"] == "moyai-api"
    assert list(tokens.access["resource_access"]) == ["moyai-api"]


def test_the_first_page_is_japanese_asks_both_and_shows_no_organization(
    installation: Installation, municipality: Municipality, owner: PersonIntent
) -> None:
    page = Browser(installation).open_sign_in(f"openid organization:{municipality.organization.alias}")

    assert page.status_code == 200
    assert 'lang="ja"' in page.text
    assert 'name="username"' in page.text
    assert 'name="password"' in page.text
    assert "美里町" not in page.text


def test_another_address_and_a_missing_challenge_are_refused(installation: Installation) -> None:
    elsewhere = Browser(installation).open_sign_in("openid", redirect_uri=f"{CALLBACK}/elsewhere")
    unchallenged = Browser(installation).open_sign_in("openid", challenged=False)

    assert elsewhere.status_code == 400
    assert unchallenged.status_code == 302
    assert httpx.URL(unchallenged.headers["location"]).params["error"] == "invalid_request"


def test_five_wrong_passwords_lock_the_account_for_a_while(installation: Installation, owner: PersonIntent) -> None:
    for _ in range(5):
        browser = Browser(installation)
        assert browser.submit(browser.open_sign_in("openid"), owner.email, "wrong").status_code == 200

    browser = Browser(installation)
    assert browser.submit(browser.open_sign_in("openid"), owner.email, PASSWORD).status_code == 200


def test_suspending_ends_the_session_and_the_next_sign_in(
    installation: Installation, identities: KeycloakIdentities, owner: PersonIntent
) -> None:
    browser = Browser(installation)
    tokens = browser.sign_in(owner.email, PASSWORD, "openid")
    assert installation.as_administrator().read("users", username=owner.username)[0]["enabled"]

    identities.suspend_person(owner.person_id)
    identities.suspend_person(owner.person_id)

    assert browser.refresh(tokens).status_code == 400
    again = Browser(installation)
    refused = again.submit(again.open_sign_in("openid"), owner.email, PASSWORD)
    assert refused.status_code != 302


def test_disabling_through_the_intent_logs_out_too(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality, owner: PersonIntent
) -> None:
    Browser(installation).sign_in(owner.email, PASSWORD, "openid")
    user = installation.as_administrator().read("users", username=owner.username)[0]["id"]
    assert len(installation.as_administrator().read(f"users/{user}/sessions")) == 1

    identities.ensure_people(municipality.tenant_id, [replace(owner, enabled=False)])

    assert installation.as_administrator().read(f"users/{user}/sessions") == []


def test_logging_out_ends_the_session_and_leaves_the_person(
    installation: Installation, identities: KeycloakIdentities, owner: PersonIntent
) -> None:
    browser = Browser(installation)
    tokens = browser.sign_in(owner.email, PASSWORD, "openid")

    identities.log_out(owner.person_id)

    assert browser.refresh(tokens).status_code == 400
    assert Browser(installation).sign_in(owner.email, PASSWORD, "openid")


def test_a_refresh_token_is_good_once(installation: Installation, owner: PersonIntent) -> None:
    browser = Browser(installation)
    tokens = browser.sign_in(owner.email, PASSWORD, "openid")

    assert browser.refresh(tokens).status_code == 200
    assert browser.refresh(tokens).status_code == 400


def test_a_service_clients_token_names_its_tenant_and_its_scopes_alone(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality
) -> None:
    key = SigningKey.generate()
    intent = replace(municipality.service_client("moyai:usage.read"), jwks=key.public_jwks)
    identities.ensure_service_clients(municipality.tenant_id, [intent])

    claims = claims_of_service_client(installation, intent.client_id, key)

    assert claims["tenant_id"] == str(municipality.tenant_id)
    assert claims["aud"] == "moyai-api"
    assert claims["azp"] == intent.client_id
    assert claims["scope"] == "moyai:usage.read"
    assert "resource_access" not in claims
    identities.ensure_service_clients(municipality.tenant_id, [replace(intent, enabled=False)])
    with pytest.raises(httpx.HTTPStatusError):
        claims_of_service_client(installation, intent.client_id, key)


def test_a_new_password_ends_the_sessions(
    installation: Installation, passwords: ExamplePasswords, owner: PersonIntent
) -> None:
    browser = Browser(installation)
    tokens = browser.sign_in(owner.email, PASSWORD, "openid")

    passwords.set(owner.person_id, f"{PASSWORD} 2")

    assert browser.refresh(tokens).status_code == 400


def test_passwords_are_set_for_the_example_only_and_by_the_policy(
    installation: Installation, passwords: ExamplePasswords, owner: PersonIntent
) -> None:
    with pytest.raises(NotAllowed):
        ExamplePasswords(installation.server.url, installation.keys, example=False)
    with pytest.raises(Conflict):
        passwords.set(owner.person_id, "too short")
