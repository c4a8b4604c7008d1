"""A person's access token counts while a session of theirs lasts that Moyai knows; a forged one never does."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from admin.identity.sessions import COOKIE as SESSION
from admin.interface.keycloak_port import PORT
from admin.operations.mail.outbox import MailOutbox
from admin.operations.mail.server import LocalMailServer
from admin.operations.readiness import wait_until
from admin.workflows.new_passwords import NewPasswords
from governance.kernel.ids import new_id
from governance.permissions import Role
from tenancy.keycloak.port import IssuedToken, Realm, organization_alias
from tests.admin.browser import Browser, forms
from tests.admin.live_app import PASSWORD, LiveApp, Person
from tests.tenancy.keycloak.installation import Installation


class NotAsked:
    """In the place of the port to Keycloak where nothing may be asked of it."""

    def has_session(self, realm: Realm, user: str, sid: str) -> bool:
        raise AssertionError("Keycloak was asked about a session")

    def was_issued(self, realm: Realm, token: IssuedToken) -> bool:
        raise AssertionError("Keycloak was asked about a token")


@pytest.fixture
def owner(live_app: LiveApp, municipality: UUID) -> Person:
    return live_app.person(municipality, Role.TENANT_OWNER)


def test_keycloak_is_asked_once_about_a_session_that_was_not_opened_here(live_app: LiveApp, owner: Person) -> None:
    token = live_app.access_token(owner)

    assert live_app.asks(token) == 200
    live_app.app.extensions[PORT] = NotAsked()
    assert live_app.asks(token) == 200


def test_a_session_opened_by_a_sign_in_here_is_known_and_ends_with_the_sign_out(
    live_app: LiveApp, browser: Browser
) -> None:
    clerk = live_app.operator(Role.OPERATOR_FINANCE)
    live_app.sign_in(browser, clerk)
    token = live_app.access_token(clerk, browser)
    assert live_app.asks(token) == 200
    live_app.app.extensions[PORT] = NotAsked()

    csrf = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(f"{live_app.url}/who").text)
    assert csrf is not None
    # The browser does not go on to Keycloak, whose own session lasts.
    left = browser.post(f"{live_app.url}/logout", {"csrf_token": csrf[1]}, follow=False)

    assert (left.status_code, browser.cookie(live_app.url, SESSION)) == (303, None)
    assert live_app.asks(token) == 401


def test_logging_out_at_keycloak_ends_the_token(live_app: LiveApp, municipality: UUID, owner: Person) -> None:
    token, others = live_app.access_token(owner), live_app.access_token(live_app.person(municipality))
    assert (live_app.asks(token), live_app.asks(others)) == (200, 200)

    live_app.identities.log_out(owner.person_id)

    assert (live_app.asks(token), live_app.asks(others)) == (401, 200)


def test_a_token_of_a_session_that_ended_before_it_was_shown_is_refused(live_app: LiveApp, owner: Person) -> None:
    token = live_app.access_token(owner)

    live_app.identities.log_out(owner.person_id)

    assert live_app.asks(token) == 401


@pytest.fixture
def mails(installation: Installation, tmp_path: Path) -> Iterator[MailOutbox]:
    outbox = MailOutbox(tmp_path)
    server = LocalMailServer(outbox, installation.mail_box)
    server.start()
    yield outbox
    server.stop()


def set_password_by_mail(live_app: LiveApp, person: Person, mails: MailOutbox) -> None:
    """As the person does who follows the link of the mail, and leaves Keycloak's other choices as they are."""
    live_app.identities.send_password_mail(person.person_id, person.realm)
    link = re.search(r"https?://\S+", mails.body(mails.mails()[0].id))
    assert link is not None
    reader = Browser()
    page = reader.get(link[0])
    proceed = re.search(r'pf-m-primary" href="([^"]+action-token[^"]+)"', page.text)
    assert proceed is not None
    page = reader.get(proceed[1].replace("&amp;", "&"))
    form = next(form for form in forms(page.text) if "password-new" in form.fields)
    form.fields.update({"password-new": PASSWORD[::-1], "password-confirm": PASSWORD[::-1]})
    assert reader.post(form.action, form.fields).status_code == 200


@pytest.mark.parametrize("realm", list(Realm))
def test_setting_a_new_password_ends_the_old_sessions_and_their_tokens(
    live_app: LiveApp, municipality: UUID, owner: Person, browser: Browser, mails: MailOutbox, realm: Realm
) -> None:
    person = owner if realm is Realm.TENANTS else live_app.operator(Role.OPERATOR_FINANCE)
    new_passwords = NewPasswords(live_app.identities)
    live_app.sign_in(browser, person)
    token, others = live_app.access_token(person), live_app.access_token(live_app.person(municipality))
    new_passwords()
    assert (live_app.asks(token), live_app.asks(others)) == (200, 200)

    # Keycloak keeps the beginning of a session by the second.
    assert wait_until(lambda: time.time() // 1 > claims_of(token)["iat"], seconds=3)
    set_password_by_mail(live_app, person, mails)
    new_passwords()

    assert (live_app.asks(token), live_app.asks(others)) == (401, 200)
    assert browser.get(f"{live_app.url}/who", follow=False).status_code == 303
    anew = live_app.access_token(person, password=PASSWORD[::-1])
    new_passwords()
    assert live_app.asks(anew) == 200, "a session of the new password stays"


@dataclass(frozen=True)
class Forger:
    """Somebody who has the key of the account that writes clients, and makes one whose tokens say what they like."""

    installation: Installation
    live_app: LiveApp

    def token(self, claims: dict[str, Any], login: dict[str, str]) -> str:
        """A token with these claims of a client of their own, by this grant."""
        clients = self.installation.as_account("moyai-clients")
        client_id, secret = f"forged-{new_id()}", "known to the forger"
        mappers = [_hard_coded(name, value) for name, value in claims.items()]
        mappers.append(
            {
                "name": "audience",
                "protocol": "openid-connect",
                "protocolMapper": "oidc-audience-mapper",
                "config": {"included.client.audience": "moyai-api", "access.token.claim": "true"},
            }
        )
        row = clients.create(
            "clients",
            {
                "clientId": client_id,
                "secret": secret,
                "serviceAccountsEnabled": True,
                "directAccessGrantsEnabled": True,
                "standardFlowEnabled": False,
                "fullScopeAllowed": False,
                "defaultClientScopes": ["basic"],
                "optionalClientScopes": [],
                "protocolMappers": mappers,
            },
        )
        try:
            answer = httpx.post(
                f"{self.installation.server.url}/realms/moyai/protocol/openid-connect/token",
                data={"client_id": client_id, "client_secret": secret, **login},
            )
        finally:
            clients.delete(f"clients/{row}")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])


def _hard_coded(name: str, value: object) -> dict[str, Any]:
    is_text = isinstance(value, str)
    config = {
        "claim.name": name,
        "claim.value": value if is_text else json.dumps(value),
        "jsonType.label": "String" if is_text else "JSON",
        "access.token.claim": "true",
        "id.token.claim": "true",
    }
    return {
        "name": name,
        "protocol": "openid-connect",
        "protocolMapper": "oidc-hardcoded-claim-mapper",
        "config": config,
    }


def test_whoever_holds_the_clients_key_makes_no_token_that_counts(
    live_app: LiveApp, installation: Installation, municipality: UUID, owner: Person
) -> None:
    forger, member = Forger(installation, live_app), live_app.person(municipality)
    real = live_app.access_token(owner)
    assert live_app.asks(real) == 200
    named = claims_of(real)
    named_as = {"azp": "moyai-console", "sub": named["sub"], "organization": named["organization"]}
    own = {"grant_type": "password", "username": member.email, "password": PASSWORD, "scope": "openid"}
    grants = {"service account": {"grant_type": "client_credentials"}, "another person's own session": own}

    for grant, login in grants.items():
        for more in ({}, {"sid": str(new_id())}, {"sid": named["sid"]}, {"sid": named["sid"], "jti": named["jti"]}):
            token = forger.token(named_as | more, login)
            said = claims_of(token)
            assert {name: said[name] for name in named_as} == named_as, "it says what the forger wants"
            assert said["aud"] == "moyai-api"
            assert said["jti"] != named["jti"], "what no mapper sets"
            assert live_app.asks(token) == 401, (grant, more, said)

    assert live_app.asks(real) == 200
    assert named["organization"][organization_alias(municipality)]["tenant_id"] == [str(municipality)]


def test_whoever_holds_the_clients_key_signs_nobody_in_as_somebody_else(
    live_app: LiveApp, installation: Installation, municipality: UUID, owner: Person, browser: Browser
) -> None:
    member = live_app.person(municipality)
    clients = installation.as_account("moyai-clients")
    console = clients.read("clients", clientId="moyai-console")[0]["id"]
    real = claims_of(live_app.access_token(owner))
    mappers = f"clients/{console}/protocol-mappers/models"
    added = [clients.create(mappers, _hard_coded(name, real[name])) for name in ("sub", "sid", "organization")]
    try:
        token = live_app.access_token(member)
        landed = live_app.sign_in(browser, member)
    finally:
        for mapper in added:
            clients.delete(f"{mappers}/{mapper}")

    assert claims_of(token)["sub"] == real["sub"], "Keycloak signs that it is the owner"
    assert live_app.asks(token) == 401
    assert landed.status_code == 403
    assert browser.cookie(live_app.url, SESSION) is None


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, whoever signed it."""
    body = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims
