"""A newcomer's way in, in a real browser: from the mail to the own console, in both languages, every page looked at."""

from __future__ import annotations

import email
import email.policy
import re

import pytest
from playwright.sync_api import Browser, expect

from admin.operations.mail.outbox import MailOutbox
from admin.operations.readiness import wait_until
from tenancy.keycloak.connection import KeyCredential, RealmConnection
from tenancy.keycloak.keys import load_or_create_keys
from tenancy.keycloak.port import Realm
from tests.chromium import violations
from tests.journeys.person import Person
from tests.journeys.stack import Stack
from tests.words import foreign_words

pytestmark = pytest.mark.browser

PASSWORD = "とても長い あたらしい合言葉です"
WORDS = {
    "ja": ("パスワードの設定", "ログイン", "15文字以上にしてください。"),
    "en": ("Set a password", "Log in", "At least 15 characters."),
}


@pytest.mark.parametrize("language", ["ja", "en"])
def test_four_pages_from_the_mail_to_the_console(browser: Browser, stack: Stack, language: str) -> None:
    address = f"newcomer-{language}@431001.example"
    words = ("--family-name", "髙﨑", "--given-name", "𠮷男", "--email", address, "--role", "tenant-finance")
    stack.moyai("member", "add", "431001", *words)
    link = _link_of_the_mail(stack, address)
    set_password, log_in, rule = WORDS[language]
    pages: list[str] = []

    with Person(browser, stack) as newcomer:
        page = newcomer.page
        if language == "en":
            newcomer.open("/login?lang=en")
        _check_mail(newcomer, stack, address)

        def look(heading: str) -> None:
            """One page more."""
            newcomer.see(heading)
            newcomer.check_narrow()
            assert page.locator("html").get_attribute("lang") == language
            pages.append(heading)

        page.goto(link)
        if language == "en":
            page.get_by_role("link", name="English").click()
        look(set_password)
        newcomer.press(page.locator("main a.pf-m-primary"))
        look(set_password)
        expect(page.locator("#password-rules")).to_contain_text(rule)
        page.locator("#password-new").fill(PASSWORD)
        page.locator("#password-confirm").fill(PASSWORD)
        newcomer.press(page.locator("#kc-submit"))
        expect(page.locator("#username")).to_be_visible()
        look(log_in)
        page.locator("#username").fill(address)
        page.locator("#password").fill(PASSWORD)
        newcomer.press(page.locator("#kc-login"))
        expect(page.locator("header")).to_contain_text("熊本市" if language == "ja" else "Kumamoto City")
        newcomer.check_page()
        pages.append("console")

        assert len(pages) <= 4
        # The next time the organization is known.
        newcomer.page.context.clear_cookies(name="__Host-moyai-session")
        newcomer.open("/")
        newcomer.see(log_in)
        newcomer.press(newcomer.main_button())
        # So is the person, by Keycloak's own session: it asks for the password alone.
        expect(page.locator("#password")).to_be_visible()
        expect(page.locator("#username")).to_have_count(0)
        page.locator("#password").fill(PASSWORD)
        # A double click sends the form once more; whoever is in by the first of them stays in.
        page.locator("#kc-login").dblclick(no_wait_after=True)
        expect(page.locator("header")).to_contain_text("熊本市" if language == "ja" else "Kumamoto City")
        newcomer.check_page()


ERRORS = {
    "ja": (
        "手続を続けられません",
        "ログインの途中の情報が見つかりません",
        "ページが見つかりません",
        "すでに終わっている",
        "このリンクの期限が切れています",
    ),
    "en": ("This cannot go on", "cookies", "Page not found", "been done already", "This link has expired"),
}


@pytest.mark.parametrize("language", ["ja", "en"])
def test_keycloaks_error_pages_are_in_our_look_and_in_the_language_of_who_reads_them(
    browser: Browser, stack: Stack, language: str
) -> None:
    address = f"error-{language}@431001.example"
    words = ("--family-name", "髙﨑", "--given-name", "𠮷男", "--email", address, "--role", "tenant-finance")
    stack.moyai("member", "add", "431001", *words)
    link = _link_of_the_mail(stack, address)
    title, no_cookie, not_found, used, expired = ERRORS[language]
    people = KeyCredential("moyai-people", load_or_create_keys(stack.settings.keys).people)
    connection = RealmConnection(stack.settings.keycloak_url, Realm.TENANTS, people)
    (user,) = connection.read("users", email=address, exact=True)

    with Person(browser, stack) as person:
        page = person.page

        def look(said: str) -> None:
            """An error page: our header and words, a title, nothing axe minds."""
            person.see(title)
            person.check_narrow()
            expect(page.get_by_role("main")).to_contain_text(said)
            expect(page.locator("header .product")).to_be_visible()
            assert page.title().strip()
            assert page.locator("html").get_attribute("lang") == language

        def set_password() -> None:
            person.press(page.locator("main a.pf-m-primary"))
            page.locator("#password-new").fill(PASSWORD)
            page.locator("#password-confirm").fill(PASSWORD)
            page.locator("#kc-submit").dblclick(no_wait_after=True)
            expect(page.locator("#username")).to_be_visible()

        page.goto(link)
        if language == "en":
            page.get_by_role("link", name="English").click()
        set_password()
        page.goto(link)
        look(used)

        page.goto(f"{stack.settings.keycloak_url}/realms/{Realm.TENANTS}/nowhere")
        look(not_found)

        person.open(f"/login?lang={language}")
        page.get_by_label("所属する団体" if language == "ja" else "Your organization").fill("431001")
        person.press(page.locator("main button.filled"))
        expect(page.locator("#username")).to_be_visible()
        for name in ("AUTH_SESSION_ID", "KC_RESTART", "KC_AUTH_SESSION_HASH"):
            page.context.clear_cookies(name=name)
        page.locator("#username").fill(address)
        page.locator("#password").fill(PASSWORD)
        person.press(page.locator("#kc-login"))
        look(no_cookie)

        connection.replace(f"users/{user['id']}/execute-actions-email?lifespan=1", ["UPDATE_PASSWORD"])
        short = _link_of_the_mail(stack, address, other_than=link)

        def has_expired() -> bool:
            page.goto(short)
            return title in page.get_by_role("heading", level=1).inner_text()

        assert wait_until(has_expired, seconds=30)
        look(expired)


def test_the_organization_is_found_by_its_name_without_script(browser: Browser, stack: Stack) -> None:
    with Person(browser, stack) as person:
        person.open("/login")
        person.see("ログイン")
        person.check_narrow()
        person.page.get_by_label("所属する団体").fill("くまもと")
        person.press(person.page.get_by_role("button", name="ログインに進む"))
        expect(person.page.locator("#username")).to_be_visible()
        person.check_page()
        person.check_narrow()
        person.page.locator("#username").fill("nobody@431001.example")
        person.page.locator("#password").fill("wrong")
        person.press(person.page.locator("#kc-login"))
        expect(person.page.get_by_role("main")).to_contain_text("メールアドレスかパスワードが違います。")
        person.check_page()


def _check_mail(person: Person, stack: Stack, address: str) -> None:
    """Look at the mail as a mail program shows it. Moyai does not know yet which language a newcomer reads."""
    outbox = MailOutbox(stack.settings.home)
    (mail,) = (one for one in outbox.mails() if one.recipient == address)
    content = (outbox.folder / f"{mail.id}.eml").read_bytes()
    html = email.message_from_bytes(content, policy=email.policy.default).get_body(("html",))
    assert html is not None
    # In a window of its own: the console's policy does not hold for what a mail program shows.
    shown = person.page.context.new_page()
    shown.set_content(html.get_content())
    assert violations(shown) == []
    assert foreign_words(f"{mail.subject} {shown.inner_text('body')}") == set()
    assert shown.locator("html").get_attribute("lang") == "ja"
    assert person.elsewhere == []
    shown.close()


def _link_of_the_mail(stack: Stack, address: str, *, other_than: str = "") -> str:
    """The link in the mail that was sent to this address; of several the one in a mail without the other link."""
    found: list[str] = []

    def is_there() -> bool:
        mails = stack.moyai("example", "mails", address)["mails"]
        links = [re.search(r"https?://\S+", mail["text"])[0] for mail in mails]  # type: ignore[index]
        found.extend(link for link in links if link != other_than)
        return bool(found)

    assert wait_until(is_there, seconds=60)
    return found[0]
