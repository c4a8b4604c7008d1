"""A second factor as its owner meets it: an app set up at the first sign-in, a passkey added, both lost and reset."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Dialog, Route, expect

from admin.operations.readiness import wait_until
from tenancy.keycloak.connection import KeyCredential, RealmConnection
from tenancy.keycloak.keys import load_or_create_keys
from tenancy.keycloak.port import Realm
from tests.admin.second_factor import STEP, code
from tests.chromium import violations
from tests.journeys.person import Person
from tests.journeys.stack import Account, Stack

pytestmark = pytest.mark.browser


@dataclass
class _App:
    """An authenticator app, of whose codes Keycloak takes each once."""

    secret: str
    used: set[str] = field(default_factory=set)

    def unused_code(self) -> str:
        """A code that Keycloak takes now: of this step, the next or the last; where all were given, one yet to come."""

        def unused() -> list[str]:
            return [one for steps in (0, 1, -1) if (one := code(self.secret, steps=steps)) not in self.used]

        assert wait_until(lambda: bool(unused()), seconds=STEP)
        self.used.add(found := unused()[0])
        return found


@pytest.fixture(scope="module", autouse=True)
def required(stack: Stack) -> Iterator[None]:
    """The realms as in a real installation, where operators and owners need a second factor."""
    stack.moyai("keycloak", "configure", second_factor_given=True)
    yield
    stack.moyai("keycloak", "configure")
    # For whoever signs in as one of them afterwards.
    people = KeyCredential("moyai-people", load_or_create_keys(stack.settings.keys).people)
    connection = RealmConnection(stack.settings.keycloak_url, Realm.OPERATORS, people)
    for user in connection.read_pages("users"):
        for credential in connection.read(f"users/{user['id']}/credentials"):
            if credential["type"] != "password":
                connection.delete(f"users/{user['id']}/credentials/{credential['id']}")


def test_an_auditor_sets_up_an_app_at_the_first_sign_in_and_then_a_passkey(browser: Browser, stack: Stack) -> None:
    account = stack.account("operator-auditor")

    with Person(browser, stack) as person:
        app = _set_up_app(person, account, looks=True)
        _look_at_recovery_codes(person, account, app)
        person.page.locator(".person > summary").click()
        person.page.get_by_role("link", name="パスキーを登録").click()
        _confirm_with_app(person, account, app)
        person.see("パスキーの登録")
        person.check_narrow()
        # Nothing is looked at from here on: to do so ends the virtual authenticator.
        _add_virtual_authenticator(person)
        person.page.locator("#registerWebAuthn").click()
        person.see("ホーム", check=False)
        person.sign_out()
        person.see("ログイン", check=False)

        # The password, and then the passkey in place of the app.
        person.give_password(account, check=False)
        person.page.locator("#try-another-way").click()
        person.page.get_by_text("パスキー").first.click()
        person.page.locator("#authenticateWebAuthnButton").click()
        person.see("ホーム", check=False)

    with Person(browser, stack) as again:
        again.give_password(account, check=False)
        again.see("確認コードの入力")
        again.check_narrow()
        again.page.locator("#try-another-way").click()
        again.see("ログインの方法")
        again.page.get_by_text("パスキー").first.click()
        again.see("パスキーによるログイン")
        again.page.locator("#try-another-way").click()
        again.page.get_by_text("認証アプリのコード").first.click()
        again.page.locator("#otp").fill(app.unused_code())
        again.page.locator("#kc-login").click()
        again.see("ホーム", check=False)


def test_a_lost_factor_is_reset_by_two_people_and_set_up_anew(browser: Browser, stack: Stack) -> None:
    lost = stack.account("operator-onboarding")
    tenant_id = stack.moyai("tenant", "show", lost.tenant)["id"]
    with Person(browser, stack) as person:
        former = _set_up_app(person, lost)

        with Person(browser, stack) as security:
            _set_up_app(security, stack.account("operator-security"))
            security.open(f"/tenants/{tenant_id}/people")
            row = security.page.get_by_role("row", name=re.compile(re.escape(lost.username)))
            security.press(row.get_by_role("link").first)
            security.press(security.page.get_by_role("link", name=re.compile("二要素認証を再設定させる")))
            security.see("二要素認証を再設定させる")
            security.page.get_by_label("理由").fill("端末を紛失したため")
            security.press(security.main_button())
            security.see("二要素認証を再設定させる")
            security.press(security.main_button())
            expect(security.page.get_by_role("main")).to_contain_text("まだ何も変わっていません")
            security.check_page()
            request = security.page.url

        person.open("/")
        person.see("ホーム", check=False)
        with Person(browser, stack) as approver:
            _set_up_app(approver, stack.account("operator-approver"))
            approver.page.goto(request)
            approver.see("二要素認証を再設定させる")
            approver.press(approver.page.get_by_role("button", name="承認する"))
            expect(approver.page.get_by_role("main")).to_contain_text("承認と同時に実行しました")
            approver.check_page()

        # The worker does it, and the session ends.
        _wait_for_sign_out(person)

    with Person(browser, stack) as again:
        assert _set_up_app(again, lost).secret != former.secret


def _wait_for_sign_out(person: Person) -> None:
    """Open the first page until the session has ended."""

    def is_out() -> bool:
        person.open("/")
        return person.page.get_by_role("heading", level=1).inner_text() == "ログイン"

    assert wait_until(is_out, seconds=30)


def _set_up_app(person: Person, account: Account, *, looks: bool = False) -> _App:
    """Sign in for the first time and set up an authenticator app. `looks` at the pages."""
    person.give_password(account, check=False)
    expect(person.page.locator("#totp")).to_be_visible()
    if looks:
        person.see("認証アプリの設定")
        person.check_narrow()
        person.page.locator("#mode-manual").click()
        # A key to type is shown, which is nobody's word.
        person.see("認証アプリの設定", check=False)
        assert violations(person.page) == []
        person.check_narrow()
    secret = person.page.locator("#totpSecret").get_attribute("value")
    assert secret
    app = _App(secret)
    person.page.locator("#totp").fill(app.unused_code())
    person.page.locator("#saveTOTPBtn").click()
    person.see("ホーム", check=False)
    return app


def _confirm_with_app(person: Person, account: Account, app: _App) -> None:
    """The password and a code, which are asked for before each change of a second factor."""
    person.see("ログイン")
    person.page.locator("#password").fill(account.password)
    person.page.locator("#kc-login").click()
    person.see("確認コードの入力")
    person.page.locator("#otp").fill(app.unused_code())
    person.page.locator("#kc-login").click()


def _look_at_recovery_codes(person: Person, account: Account, app: _App) -> None:
    """Keycloak's page of them."""

    def ask_for_codes(route: Route) -> None:
        answer = route.fetch(max_redirects=0)
        leads_to = answer.headers["location"].replace("webauthn-register", "CONFIGURE_RECOVERY_AUTHN_CODES")
        route.fulfill(response=answer, headers=answer.headers | {"location": leads_to})

    person.page.locator(".person > summary").click()
    link = person.page.get_by_role("link", name="パスキーを登録")
    address = f"**{link.get_attribute('href')}"
    person.page.route(address, ask_for_codes)
    link.click()
    _confirm_with_app(person, account, app)
    person.see("回復コード")
    person.check_narrow()
    person.page.locator("#cancelRecoveryAuthnCodesBtn").click()
    person.see("ホーム", check=False)
    person.page.unroute(address)


def _add_virtual_authenticator(person: Person) -> None:
    """A passkey of this device, which its owner always confirms (WebAuthn, section 11)."""
    cdp = person.page.context.new_cdp_session(person.page)
    cdp.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "automaticPresenceSimulation": True}
    options |= {"hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True}
    cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})

    def name_it(dialog: Dialog) -> None:
        dialog.accept("公用の端末")

    person.page.on("dialog", name_it)
