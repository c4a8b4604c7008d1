"""The second factor of operators and owners: set up at the first sign-in, asked for from then on, and reset."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import httpx
import pytest

from admin.operations.keycloak_setup import configure
from admin.operations.settings import Settings
from governance.permissions import Role
from tenancy.keycloak.port import Realm
from tests.admin.browser import Browser, Form, forms
from tests.admin.live_app import LiveApp, Person
from tests.admin.second_factor import code
from tests.tenancy.keycloak.installation import Installation


@pytest.fixture(scope="module", autouse=True)
def required(live_settings: Settings, keycloak: object) -> Iterator[None]:
    """Both realms as in a real installation."""
    assert configure(live_settings.model_copy(update={"second_factor_given": True})).in_sync
    yield
    assert configure(live_settings).in_sync


def test_the_code_is_that_of_the_rfc() -> None:
    """RFC 6238, appendix B, the last six of its eight digits."""
    seen = {at: code("12345678901234567890", at=at) for at in (59, 1111111109, 1234567890, 20000000000)}

    assert seen == {59: "287082", 1111111109: "081804", 1234567890: "005924", 20000000000: "353130"}


@pytest.mark.parametrize("kind", ["operator", "owner"])
def test_operators_and_owners_set_one_up_at_the_first_sign_in_and_are_asked_for_it_from_then_on(
    live_app: LiveApp, municipality: UUID, browser: Browser, kind: str
) -> None:
    person = _person(live_app, municipality, kind)

    secret = _enrol(live_app, browser, person)
    assert _is_in(live_app, browser)

    again = Browser()
    page = live_app.sign_in(again, person, path=f"{live_app.login_path(person)}?again=1")
    form = _form(page, "otp")
    assert not _is_in(live_app, again), "the password alone does not do"
    wrong = again.post(form.action, form.fields | {"otp": "000000"})
    assert not _is_in(live_app, again)
    form = _form(wrong, "otp")
    again.post(form.action, form.fields | {"otp": code(secret, steps=1)})
    assert _is_in(live_app, again)


def test_people_with_other_roles_need_none(live_app: LiveApp, municipality: UUID, browser: Browser) -> None:
    live_app.sign_in(browser, live_app.person(municipality, Role.TENANT_FINANCE))

    assert _is_in(live_app, browser)


def test_a_second_factor_that_was_reset_is_set_up_anew_and_the_sessions_end(
    live_app: LiveApp, municipality: UUID, browser: Browser
) -> None:
    owner = _person(live_app, municipality, "owner")
    before = _enrol(live_app, browser, owner)

    removed = live_app.identities.reset_second_factor(owner.person_id, owner.realm)

    assert removed == 1
    assert not _is_in(live_app, browser)
    again = Browser()
    after = _enrol(live_app, again, owner)
    assert _is_in(live_app, again)
    assert after != before
    assert live_app.identities.reset_second_factor(owner.person_id, owner.realm) == 1


def test_the_reset_of_a_person_who_needs_none_has_one_set_up_all_the_same(
    live_app: LiveApp, municipality: UUID, browser: Browser
) -> None:
    person = live_app.person(municipality, Role.TENANT_FINANCE)

    assert live_app.identities.reset_second_factor(person.person_id, Realm.TENANTS) == 0
    assert live_app.identities.reset_second_factor(person.person_id, Realm.TENANTS) == 0

    _enrol(live_app, browser, person)
    assert _is_in(live_app, browser)


def test_a_forgotten_password_replaces_no_second_factor(installation: Installation) -> None:
    for realm in Realm:
        connection = installation.as_administrator(realm)
        bound = connection.read("")["resetCredentialsFlow"]
        steps = connection.read(f"authentication/flows/{bound}/executions")
        assert [step["providerId"] for step in steps] == [
            "reset-credentials-choose-user",
            "reset-credential-email",
            "reset-password",
        ]
        config = connection.read(f"authentication/config/{steps[1]['authenticationConfig']}")["config"]
        assert config["force-login"] == "true", "the link opens no session"


def _person(live_app: LiveApp, municipality: UUID, kind: str) -> Person:
    if kind == "operator":
        return live_app.operator(Role.OPERATOR_FINANCE)
    return live_app.person(municipality, Role.TENANT_OWNER)


def _enrol(live_app: LiveApp, browser: Browser, person: Person) -> str:
    """Sign in as far as the page that has a second factor set up, and set up an app; returns its secret."""
    form = _form(live_app.sign_in(browser, person), "totpSecret")
    assert not _is_in(live_app, browser)
    secret = form.fields["totpSecret"]
    browser.post(form.action, form.fields | {"totp": code(secret), "userLabel": "公用の端末"})
    return secret


def _form(page: httpx.Response, field: str) -> Form:
    found = [form for form in forms(page.text) if field in form.fields]
    assert found, page.text
    return found[0]


def _is_in(live_app: LiveApp, browser: Browser) -> bool:
    return browser.get(f"{live_app.url}/who", follow=False).status_code == 200
