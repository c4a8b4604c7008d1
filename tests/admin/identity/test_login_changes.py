"""A person's own second factor, set up and removed from the person's page through Keycloak, and told by mail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import UUID

import httpx
import pytest

from admin.identity.login_changes import MAIL_LOGIN_CHANGE
from admin.operations.keycloak_setup import configure
from admin.operations.settings import Settings
from admin.workflows.tenant_mails import mail_handlers
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.keycloak.port import FactorFacts, FactorKind
from tests.admin.browser import Browser, Form, forms
from tests.admin.live_app import LiveApp, Person
from tests.admin.second_factor import code

PAGE = "/preferences/sign-in"


@pytest.fixture(scope="module", autouse=True)
def required(live_settings: Settings, keycloak: object) -> Iterator[None]:
    """Both realms as in a real installation."""
    assert configure(live_settings.model_copy(update={"second_factor_given": True})).in_sync
    yield
    assert configure(live_settings).in_sync


def test_a_person_sets_up_an_app_and_codes_logs_in_with_a_code_and_removes_the_codes(
    live_app: LiveApp, municipality: UUID, browser: Browser
) -> None:
    person = live_app.person(municipality, Role.TENANT_FINANCE)
    live_app.sign_in(browser, person)
    assert "まだ設定していません" in browser.get(live_app.url + PAGE).text

    asked = browser.get(f"{live_app.url}/login/change/app?next={PAGE}")
    enrolment = _form(live_app.fill_in(browser, asked, person), "totpSecret")
    secret = enrolment.fields["totpSecret"]
    entered = {"totp": code(secret), "userLabel": "公用の端末"}
    page = browser.post(enrolment.action, enrolment.fields | entered)

    assert page.url.path == PAGE, page.text
    assert ("認証アプリ" in page.text, "公用の端末" in page.text) == (True, True)
    assert [one.kind for one in _factors(live_app, person)] == [FactorKind.APP]

    asked = browser.get(f"{live_app.url}/login/change/recovery-codes?next={PAGE}")
    otp = _form(live_app.fill_in(browser, asked, person), "otp")
    shown = browser.post(otp.action, otp.fields | {"otp": code(secret, steps=1)})
    codes = _form(shown, "generatedRecoveryAuthnCodes")
    first, second, third, *_ = codes.fields["generatedRecoveryAuthnCodes"].split(",")
    page = browser.post(codes.action, codes.fields | {"kcRecoveryCodesConfirmationCheck": "on"})

    assert page.url.path == PAGE, page.text
    assert {one.kind for one in _factors(live_app, person)} == {FactorKind.APP, FactorKind.RECOVERY_CODES}
    assert _mailed(live_app, person) == ["認証アプリの追加", "回復コードの作成"]

    other = live_app.person(municipality)
    (app,) = [one for one in _factors(live_app, person) if one.kind is FactorKind.APP]
    stranger = Browser()
    live_app.sign_in(stranger, other)
    stranger.get(f"{live_app.url}/login/change/removal/{app.id}?next={PAGE}")
    assert len(_factors(live_app, person)) == 2, "nobody removes what is somebody else's"

    # Without the app, a code that was written down lets its person in, once.
    assert _by_recovery_code(live_app, person, first).url.path == "/"
    assert _by_recovery_code(live_app, person, first).url.path.startswith("/realms/")
    assert _by_recovery_code(live_app, person, second).url.path == "/"

    (written,) = [one for one in _factors(live_app, person) if one.kind is FactorKind.RECOVERY_CODES]
    asked = browser.get(f"{live_app.url}/login/change/removal/{written.id}?next={PAGE}")
    recovery = _to_recovery_codes(browser, live_app.fill_in(browser, asked, person))
    confirmed = browser.post(recovery.action, recovery.fields | {"recoveryCodeInput": third})
    assert "回復コード" in confirmed.text
    (removal,) = forms(confirmed.text)
    page = browser.post(removal.action, {"accept": ""})

    assert page.url.path == PAGE, page.text
    assert [one.kind for one in _factors(live_app, person)] == [FactorKind.APP]
    assert _mailed(live_app, person) == ["認証アプリの追加", "回復コードの作成", "二要素認証の削除"]


def test_an_unknown_change_leads_nowhere(live_app: LiveApp, municipality: UUID, browser: Browser) -> None:
    live_app.sign_in(browser, live_app.person(municipality))

    assert browser.get(f"{live_app.url}/login/change/terms", follow=False).status_code == 404


def _by_recovery_code(live_app: LiveApp, person: Person, written: str) -> httpx.Response:
    """Log in from another browser with the password and one of the codes; answers where that leads to."""
    browser = Browser()
    recovery = _to_recovery_codes(browser, live_app.sign_in(browser, person))
    return browser.post(recovery.action, recovery.fields | {"recoveryCodeInput": written})


def _to_recovery_codes(browser: Browser, page: httpx.Response) -> Form:
    """From the page that asks for the app's code, by another way, to the one that asks for a recovery code."""
    other = _form(page, "tryAnotherWay")
    ways = browser.post(other.action, other.fields | {"tryAnotherWay": "on"})
    found = re.search(r'name="authenticationExecution" value="([^"]+)"[^>]*>\s*(?:<[^>]+>\s*)*回復コード', ways.text)
    assert found is not None, ways.text
    chosen = _form(ways, "authenticationExecution")
    return _form(browser.post(chosen.action, {"authenticationExecution": found[1]}), "recoveryCodeInput")


def _factors(live_app: LiveApp, person: Person) -> tuple[FactorFacts, ...]:
    with tenant_scope(OPERATOR):
        named = {"id": person.member_id}
        user = db.session.execute(db.text("SELECT keycloak_id FROM member WHERE id = :id"), named).scalar_one()
    return live_app.identities.find_second_factors(person.realm, user)


def _mailed(live_app: LiveApp, person: Person) -> list[str]:
    """What the person is told by mail, in the order in which it was changed."""
    sent: list[tuple[str, str, str]] = []
    handler = mail_handlers(lambda *mail: sent.append(mail), "https://moyai.example")[MAIL_LOGIN_CHANGE]
    with tenant_scope(OPERATOR):
        db.session.expire_all()
        jobs = db.session.query(Job).filter_by(name=MAIL_LOGIN_CHANGE).order_by(Job.created_at)
        payloads = [job.payload for job in jobs]
    with live_app.app.app_context():
        for payload in payloads:
            handler(payload)
    assert {recipient for recipient, *_ in sent} == {person.email}
    return [text.partition("変わりました: ")[2].partition("\n")[0] for *_, text in sent]


def _form(page: httpx.Response, field: str) -> Form:
    found = [form for form in forms(page.text) if field in form.fields]
    assert found, page.text
    return found[0]
