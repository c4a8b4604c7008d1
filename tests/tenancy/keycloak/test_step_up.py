"""The second factor that a request asks for (`acr`), beside a tenant's organization and its identity provider.

Keycloak's cookie names the person also where it asks them to log in anew; no step after it may take that for a login.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

import httpx
import pytest

from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.example_passwords import ExamplePasswords
from tenancy.keycloak.port import PASSWORD_ACR, SECOND_FACTOR_ACR, PersonIntent, identity_provider_alias
from tests.admin.browser import Browser, Form, forms
from tests.admin.second_factor import code
from tests.municipal_idp import PASSWORD as TOWN_HALL_PASSWORD
from tests.municipal_idp import municipal_idp
from tests.tenancy.keycloak import browser as console
from tests.tenancy.keycloak.installation import Installation, Municipality
from tests.tenancy.keycloak.test_identity_provider import provider

PASSWORD = "熊本 の 水は とても おいしい です"
ASKED_ANEW: Final[tuple[dict[str, str], ...]] = ({}, {"prompt": "login"}, {"max_age": "0"})
"""What stands beside `acr_values`, or alone, in requests that a session does not answer."""

BY_SESSION = "0"
"""What Keycloak names as the level of who came by the cookie alone (OpenID Connect Core 1.0)."""


@pytest.fixture(scope="module", autouse=True)
def required(installation: Installation) -> Iterator[None]:
    """Both realms as in a real installation."""
    installation.requires_second_factor = True
    assert installation.configure().in_sync
    yield
    installation.requires_second_factor = False
    assert installation.configure().in_sync


class Window:
    """One person at one browser with a session of Keycloak's."""

    def __init__(self, installation: Installation, municipality: Municipality, person: PersonIntent) -> None:
        self.browser = Browser()
        self._installation = installation
        self._municipality = municipality
        self._person = person
        self._request = console.Browser(installation)

    def ask(self, **more: Any) -> httpx.Response:
        """Begin a sign-in to the tenant; answers the page on which it stops."""
        self._request = console.Browser(self._installation)
        scope = f"openid organization:{self._municipality.organization.alias}"
        return self._go(self._request.address(scope, **more))

    def password(self, page: httpx.Response) -> httpx.Response:
        form = form_of(page, "password")
        return self._go(form.action, form.fields | {"username": self._person.email, "password": PASSWORD})

    def enrol(self, page: httpx.Response) -> str:
        form = form_of(page, "totpSecret")
        secret = form.fields["totpSecret"]
        self._go(form.action, form.fields | {"totp": code(secret), "userLabel": "公用の端末"})
        return secret

    def otp(self, page: httpx.Response, secret: str, steps: int = 1) -> None:
        form = form_of(page, "otp")
        self._go(form.action, form.fields | {"otp": code(secret, steps=steps)})

    def at_the_town_hall(self, page: httpx.Response) -> httpx.Response:
        form = form_of(page, "password")
        assert "/realms/town-" in str(page.url), f"not at the town hall: {page.url}"
        return self._go(form.action, form.fields | {"username": self._person.email, "password": TOWN_HALL_PASSWORD})

    @property
    def is_through(self) -> bool:
        return self.browser.going_to.startswith(console.CALLBACK)

    def acr(self) -> str:
        """The level of the login that has just ended."""
        assert self.is_through, self.browser.going_to
        tokens = self._request.exchange(self.browser.going_to)
        assert tokens.access["acr"] == tokens.identity["acr"]
        return str(tokens.identity["acr"])

    def _go(self, address: str, fields: Mapping[str, str] | None = None) -> httpx.Response:
        page = httpx.Response(204)
        with suppress(httpx.ConnectError):
            # Nobody serves the console here.
            page = self.browser.get(address) if fields is None else self.browser.post(address, dict(fields))
        return page


def form_of(page: httpx.Response, field: str) -> Form:
    found = [form for form in forms(page.text) if field in form.fields]
    assert found, page.text
    return found[0]


def person_with_a_password(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality, *roles: str
) -> PersonIntent:
    municipality.onboard(identities)
    person = municipality.person(*roles)
    identities.ensure_people(municipality.tenant_id, [person])
    ExamplePasswords(installation.server.url, installation.keys, example=True).set(person.person_id, PASSWORD)
    return person


def test_step_up_asks_who_has_a_session_for_password_and_second_factor_and_nothing_less_gives_the_level(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality
) -> None:
    person = person_with_a_password(installation, identities, municipality, "tenant-finance")
    window = Window(installation, municipality, person)
    window.password(window.ask())
    assert window.acr() == PASSWORD_ACR
    # The session goes on to the organization, at no level of its own.
    window.ask()
    assert window.acr() == BY_SESSION

    for anew in ASKED_ANEW:
        page = window.ask(acr_values=SECOND_FACTOR_ACR, **anew)
        assert not window.is_through
        # The first level holds for the one login only; a session is no second factor, and no password either.
        enrolment = window.password(page)
        assert not window.is_through
        form_of(enrolment, "totpSecret")
    secret = window.enrol(enrolment)
    assert window.acr() == SECOND_FACTOR_ACR

    # The session that reached the level once does not reach it by itself again.
    window.ask()
    assert window.acr() == BY_SESSION
    for steps, anew in enumerate(ASKED_ANEW):
        page = window.password(window.ask(acr_values=SECOND_FACTOR_ACR, **anew))
        assert not window.is_through
        form_of(page, "otp")
        if steps == 0:
            window.otp(page, secret)
            assert window.acr() == SECOND_FACTOR_ACR
    # One of this very second is new enough for `max_age=0`: Keycloak counts seconds.
    form_of(window.ask(prompt="login"), "password")
    assert not window.is_through, "a login that is asked for anew is none by a session"
    window.ask(acr_values=SECOND_FACTOR_ACR, prompt="none")
    assert httpx.URL(window.browser.going_to).params.get("code") is None


def test_who_came_by_the_tenants_identity_provider_gives_a_second_factor_of_moyais_for_step_up(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality
) -> None:
    municipality.onboard(identities)
    person = municipality.person("tenant-finance")
    (made,) = identities.ensure_people(municipality.tenant_id, [person])
    with municipal_idp(installation, municipality.tenant_id) as town_hall:
        identities.ensure_identity_provider(provider(municipality, town_hall))
        identities.ensure_linked(municipality.tenant_id, made.found.id, person.email)
        town_hall.add_person(person.email)
        try:
            _walk(installation, municipality, person)
        finally:
            identities.remove_identity_provider(municipality.tenant_id)


def _walk(installation: Installation, municipality: Municipality, person: PersonIntent) -> None:
    by_it = {"kc_idp_hint": identity_provider_alias(municipality.tenant_id)}
    window = Window(installation, municipality, person)
    window.at_the_town_hall(window.ask(**by_it))
    assert window.acr() == PASSWORD_ACR
    window.ask(**by_it)
    assert window.acr() == BY_SESSION

    # The town hall answers for the first level, anew where Moyai asks so; the second one is Moyai's.
    for anew in ASKED_ANEW:
        page = window.ask(acr_values=SECOND_FACTOR_ACR, **by_it, **anew)
        assert not window.is_through
        if "/realms/town-" in str(page.url):
            page = window.at_the_town_hall(page)
        form_of(page, "totpSecret")
    secret = window.enrol(page)
    assert window.acr() == SECOND_FACTOR_ACR

    window.ask(**by_it)
    assert window.acr() == BY_SESSION
    for steps, anew in enumerate(ASKED_ANEW):
        page = window.ask(acr_values=SECOND_FACTOR_ACR, **by_it, **anew)
        assert not window.is_through
        if "/realms/town-" in str(page.url):
            page = window.at_the_town_hall(page)
        form_of(page, "otp")
        if steps == 0:
            window.otp(page, secret)
            assert window.acr() == SECOND_FACTOR_ACR
