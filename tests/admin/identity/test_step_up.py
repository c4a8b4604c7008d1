"""What needs a fresh login with a second factor: pages and API ask for it, and the form is there afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import httpx
import pytest

from admin.identity.lifetimes import STEP_UP
from admin.identity.tables import WebSession
from admin.operations.keycloak_setup import configure
from admin.operations.settings import Settings
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from governance.step_up import STEP_UP_MAX_AGE
from tenancy.clients.models import ClientKey
from tenancy.clients.queries import service_clients
from tenancy.keycloak.port import Realm
from tests.admin.browser import Browser, Form, forms
from tests.admin.live_app import LiveApp, Person
from tests.admin.second_factor import code


@pytest.fixture(scope="module", autouse=True)
def required(live_settings: Settings, keycloak: object) -> Iterator[None]:
    """Both realms as in a real installation."""
    assert configure(live_settings.model_copy(update={"second_factor_given": True})).in_sync
    yield
    assert configure(live_settings).in_sync


@pytest.fixture(autouse=True)
def asked_for(live_app: LiveApp) -> None:
    STEP_UP_MAX_AGE.set(live_app.app, lambda session: STEP_UP)


@pytest.mark.parametrize("realm", list(Realm))
def test_a_login_with_a_second_factor_is_fresh_and_a_later_one_is_asked_for_again(
    live_app: LiveApp, municipality: UUID, browser: Browser, realm: Realm
) -> None:
    of_operator = realm is Realm.OPERATORS
    person = (
        live_app.operator(Role.OPERATOR_FINANCE) if of_operator else live_app.person(municipality, Role.TENANT_OWNER)
    )
    secret = _enrol(live_app, browser, person)
    first = _second_factor_at()

    page = browser.get(f"{live_app.url}/login/step-up?next=/preferences")
    assert not page.url.path.startswith("/preferences"), "Keycloak's own session alone does not do"
    form = next(form for form in forms(page.text) if "password" in form.fields)
    form.fields.update(username=person.email, password="a long enough password")
    otp = _form(browser.post(form.action, form.fields), "otp")
    landed = browser.post(otp.action, otp.fields | {"otp": code(secret, steps=1)})

    assert landed.url.path == "/preferences", landed.text
    second = _second_factor_at()
    assert first is not None
    assert second is not None
    assert second >= first, "Keycloak counts seconds"


def test_a_colleague_without_a_second_factor_sets_one_up_for_the_first_key_and_finds_the_form_again(
    live_app: LiveApp, municipality: UUID, browser: Browser
) -> None:
    person = live_app.person(municipality, Role.TENANT_CLIENT_ADMIN)
    client_id = live_app.factory.add_service_client(municipality)
    live_app.sign_in(browser, person)
    assert _second_factor_at() is None
    address = f"{live_app.url}/tenants/{municipality}/clients/{client_id}/keys/make"
    asked = browser.get(address)
    sent = _form(asked, "former_until").fields

    page = browser.post(address, sent | {"former_until": "令和9年3月31日", "step": "apply"})
    assert page.url.path.startswith("/realms/"), page.text
    form = next(form for form in forms(page.text) if "password" in form.fields)
    form.fields.update(username=person.email, password="a long enough password")
    enrolment = _form(browser.post(form.action, form.fields), "totpSecret")
    secret = enrolment.fields["totpSecret"]
    landed = browser.post(enrolment.action, enrolment.fields | {"totp": code(secret), "userLabel": "公用の端末"})

    assert str(landed.url).partition("?")[0] == address
    assert _form(landed, "former_until").fields["former_until"] == "令和9年3月31日"
    assert _second_factor_at() is not None
    assert len(_keys(municipality)) == 1, "nothing was made meanwhile"


def test_the_api_says_which_login_is_needed_and_takes_the_token_of_a_fresh_one(
    live_app: LiveApp, municipality: UUID, browser: Browser
) -> None:
    person = live_app.person(municipality, Role.TENANT_CLIENT_ADMIN)
    client_id = live_app.factory.add_service_client(municipality)
    weak = live_app.access_token(person)
    address = f"{live_app.url}/api/v1/tenants/{municipality}/service-clients/{client_id}/made-keys"

    refused = httpx.post(address, json={}, headers={"Authorization": f"Bearer {weak}", "Idempotency-Key": "k"})

    assert refused.status_code == 401
    challenge = refused.headers["WWW-Authenticate"]
    assert 'error="insufficient_user_authentication"' in challenge
    assert 'acr_values="aal2", max_age="600"' in challenge
    assert refused.json()["code"] == "step_up.needed"
    assert len(_keys(municipality)) == 1

    secret = _set_up_on_page(live_app, browser, person)
    strong = live_app.access_token(person, secret=secret)
    made = httpx.post(address, json={}, headers={"Authorization": f"Bearer {strong}", "Idempotency-Key": "k"})

    assert made.status_code == 201, made.text
    assert len(_keys(municipality)) == 2
    STEP_UP_MAX_AGE.set(live_app.app, lambda session: timedelta(0))
    late = httpx.post(address, json={}, headers={"Authorization": f"Bearer {strong}", "Idempotency-Key": "l"})
    assert late.status_code == 401
    assert len(_keys(municipality)) == 2


def _second_factor_at() -> datetime | None:
    """When a second factor was asked for in the newest session."""
    with tenant_scope(OPERATOR):
        db.session.expire_all()
        newest = db.session.query(WebSession).order_by(WebSession.opened_at.desc()).first()
    assert newest is not None
    return newest.second_factor_at


def _keys(tenant_id: UUID) -> list[ClientKey]:
    with tenant_scope(OPERATOR):
        db.session.expire_all()
        (client,) = service_clients(db.session(), tenant_id)
        return list(client.public_keys)


def _set_up_on_page(live_app: LiveApp, browser: Browser, person: Person) -> str:
    """Sign in and be asked for a second factor that is not there yet; returns the secret of the one set up."""
    live_app.sign_in(browser, person)
    page = browser.get(f"{live_app.url}/login/step-up")
    form = next(form for form in forms(page.text) if "password" in form.fields)
    form.fields.update(username=person.email, password="a long enough password")
    enrolment = _form(browser.post(form.action, form.fields), "totpSecret")
    entered = {"totp": code(enrolment.fields["totpSecret"]), "userLabel": "公用の端末"}
    browser.post(enrolment.action, enrolment.fields | entered)
    return enrolment.fields["totpSecret"]


def _enrol(live_app: LiveApp, browser: Browser, person: Person) -> str:
    form = _form(live_app.sign_in(browser, person), "totpSecret")
    secret = form.fields["totpSecret"]
    browser.post(form.action, form.fields | {"totp": code(secret), "userLabel": "公用の端末"})
    return secret


def _form(page: httpx.Response, field: str) -> Form:
    found = [form for form in forms(page.text) if field in form.fields]
    assert found, page.text
    return found[0]
