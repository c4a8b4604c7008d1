"""A second factor as its owner meets it: an app set up at the first sign-in, and a passkey added to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Dialog, expect

from tests.admin.second_factor import code
from tests.journeys.person import Person
from tests.journeys.stack import Account, Stack

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", autouse=True)
def required(stack: Stack) -> Iterator[None]:
    """The realms as in a real installation, where operators and owners need a second factor."""
    stack.moyai("keycloak", "configure", second_factor_given=True)
    yield
    stack.moyai("keycloak", "configure")


def test_an_auditor_sets_up_an_app_at_the_first_sign_in_and_then_a_passkey(browser: Browser, stack: Stack) -> None:
    account = stack.account("operator-auditor")

    with Person(browser, stack) as person:
        secret = _set_up_app(person, account)
        _add_virtual_authenticator(person)
        person.page.get_by_role("link", name="パスキーを登録").click()
        person.page.locator("#registerWebAuthn").click()
        person.see("概要", check=False)
        person.page.get_by_role("button", name="サインアウト").click()
        person.see("サインイン", check=False)

        # The password, and then the passkey in place of the app.
        person.give_password(account, check=False)
        person.page.locator("#try-another-way").click()
        person.page.get_by_text("パスキー").first.click()
        person.page.locator("#authenticateWebAuthnButton").click()
        person.see("概要", check=False)

    with Person(browser, stack) as again:
        again.give_password(account, check=False)
        again.page.locator("#otp").fill(code(secret, steps=1))
        again.page.locator("#kc-login").click()
        again.see("概要", check=False)


def _set_up_app(person: Person, account: Account) -> str:
    """Sign in for the first time and set up an authenticator app; returns its secret."""
    person.give_password(account, check=False)
    expect(person.page.locator("#totp")).to_be_visible()
    secret = person.page.locator("#totpSecret").get_attribute("value")
    assert secret
    person.page.locator("#totp").fill(code(secret))
    person.page.locator("#saveTOTPBtn").click()
    person.see("概要", check=False)
    return secret


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
