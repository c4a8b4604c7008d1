"""From the mail to one's own console: no page too many, none of it in another language, and no code asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from admin.identity.remembered import COOKIE as REMEMBERED
from admin.operations.keycloak_setup import configure
from admin.operations.keycloak_setup import identities as connected
from admin.operations.mail.outbox import MailOutbox
from admin.operations.mail.server import LocalMailServer
from admin.workflows.job_handlers import handlers
from governance.commands import system_transaction
from governance.kernel.database import OPERATOR
from governance.permissions import Role
from tenancy.onboarding.unsynced_members import INVITE
from tenancy.people.invitations import invitations
from tests.admin.browser import Browser, Form, forms
from tests.admin.live_app import LiveApp, Person
from tests.admin.second_factor import code
from tests.tenancy.keycloak.installation import Installation

NEW_PASSWORD = "とても長い あたらしい合言葉です"
MAX_PAGES = 4


@pytest.fixture
def mails(installation: Installation, tmp_path: Path) -> Iterator[MailOutbox]:
    outbox = MailOutbox(tmp_path)
    server = LocalMailServer(outbox, installation.mail_box)
    server.start()
    yield outbox
    server.stop()


class Newcomer:
    """Somebody who follows the link of the mail, page by page."""

    def __init__(self, live_app: LiveApp, mails: MailOutbox, person: Person, language: str) -> None:
        self.browser = Browser()
        self.pages: list[httpx.Response] = []
        self._live_app, self._person, self._language = live_app, person, language
        port = connected(live_app.settings)
        try:
            with system_transaction(OPERATOR) as session:
                invitation = invitations(session, person.tenant_id, [person.person_id])[person.person_id]
            port.send_password_mail(person.person_id, person.realm, invitation=invitation)
        finally:
            port.close()
        link = re.search(r"https?://\S+", mails.body(mails.mails()[0].id))
        assert link is not None
        self.link = link[0]

    def look(self, page: httpx.Response) -> httpx.Response:
        """A page that the person sees: one more, and in their language."""
        assert page.status_code == 200, page.text
        assert f'<html lang="{self._language}"' in page.text
        self.pages.append(page)
        return page

    def press(self, page: httpx.Response) -> httpx.Response:
        """The filled button of a page of Keycloak's that is a link."""
        address = re.search(r'pf-m-primary" href="([^"]+)"', page.text)
        assert address is not None, page.text
        return self.browser.get(unescape(address[1]))

    def set_password(self) -> httpx.Response:
        """From the mail to the login page."""
        page = self.browser.get(self.link)
        if self._language == "en":
            chosen = re.search(r'<a href="([^"]+)" lang="en"', page.text)
            assert chosen is not None
            page = self.browser.get(str(page.url.join(unescape(chosen[1]))))
        page = self.look(page)
        page = self.look(self.press(page))
        form = _form(page, "password-new")
        done = self.browser.post(form.action, {"password-new": NEW_PASSWORD, "password-confirm": NEW_PASSWORD})
        # A browser goes on by itself, at once.
        onward = re.search(r'<meta http-equiv="refresh" content="0; url=([^"]+)">', done.text)
        assert onward is not None, done.text
        address = unescape(onward[1])
        assert address == f"{self._live_app.url}/login/first/{self._person.tenant_id}"
        return self.look(self.browser.get(address))

    def sign_in(self, page: httpx.Response) -> httpx.Response:
        form = _form(page, "password")
        return self.browser.post(form.action, form.fields | {"username": self._person.email, "password": NEW_PASSWORD})


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("kind", ["municipality", "operator"])
def test_four_pages_lead_from_the_mail_to_ones_own_console(
    live_app: LiveApp, municipality: UUID, mails: MailOutbox, language: str, kind: str
) -> None:
    person = live_app.person(municipality, Role.TENANT_FINANCE)
    if kind == "operator":
        person = live_app.operator(Role.OPERATOR_FINANCE)
    newcomer = Newcomer(live_app, mails, person, language)
    if language == "en":
        newcomer.browser.put_cookie(live_app.url, "__Host-moyai-language", "en")

    login = newcomer.set_password()
    newcomer.look(newcomer.sign_in(login))

    assert len(newcomer.pages) <= MAX_PAGES
    assert newcomer.browser.visited[-1] == f"{live_app.url}/"
    assert newcomer.browser.get(f"{live_app.url}/who").text.startswith(str(person.person_id))
    rules = newcomer.pages[1].text
    assert ("15文字以上にしてください。" if language == "ja" else "At least 15 characters.") in rules
    if language == "ja":
        for page in newcomer.pages[:3]:
            shown = re.sub(r"<script.*?</script>|<[^>]+>", " ", page.text, flags=re.DOTALL)
            assert set(re.findall(r"[A-Za-z]{2,}", shown)) <= {"Moyai", "English"}, shown
    # The organization is known from now on, without a code.
    assert newcomer.browser.cookie(live_app.url, REMEMBERED)
    newcomer.browser.cookies[live_app.url.partition("//")[2]].pop("__Host-moyai-session")
    chooser = newcomer.browser.get(f"{live_app.url}/login").text
    assert (f"/login/first/{municipality}" if kind == "municipality" else "/login/operator") in chooser
    assert 'name="q"' not in chooser


def test_five_pages_do_with_a_second_factor_to_set_up(live_app: LiveApp, municipality: UUID, mails: MailOutbox) -> None:
    assert configure(live_app.settings.model_copy(update={"second_factor_given": True})).in_sync
    try:
        newcomer = Newcomer(live_app, mails, live_app.person(municipality, Role.TENANT_OWNER), "ja")
        page = newcomer.look(newcomer.sign_in(newcomer.set_password()))
        assert "認証アプリの設定" in page.text
        form = _form(page, "totpSecret")
        newcomer.look(newcomer.browser.post(form.action, form.fields | {"totp": code(form.fields["totpSecret"])}))
    finally:
        assert configure(live_app.settings).in_sync

    assert len(newcomer.pages) <= MAX_PAGES + 1
    assert newcomer.browser.visited[-1] == f"{live_app.url}/"


def test_a_password_that_breaks_the_rule_is_refused_in_plain_words_and_typed_again(
    live_app: LiveApp, municipality: UUID, mails: MailOutbox
) -> None:
    newcomer = Newcomer(live_app, mails, live_app.person(municipality), "ja")
    page = newcomer.press(newcomer.browser.get(newcomer.link))

    form = _form(page, "password-new")
    short = newcomer.browser.post(form.action, {"password-new": "short", "password-confirm": "short"})
    form = _form(short, "password-new")
    unlike = newcomer.browser.post(form.action, {"password-new": NEW_PASSWORD, "password-confirm": "x" * 20})

    assert "パスワードは15文字以上にしてください。" in short.text
    assert "2回入力したパスワードが一致しません。" in unlike.text


def test_a_link_that_was_used_says_so_in_plain_words(live_app: LiveApp, municipality: UUID, mails: MailOutbox) -> None:
    newcomer = Newcomer(live_app, mails, live_app.person(municipality), "ja")
    newcomer.set_password()

    again = Browser().get(newcomer.link)

    assert "手続を続けられません" in again.text
    assert "ログイン画面を開く" in again.text


def test_the_job_that_invites_tells_who_registered_the_person(
    live_app: LiveApp, municipality: UUID, mails: MailOutbox
) -> None:
    person = live_app.person(municipality)
    port = connected(live_app.settings)
    try:
        handlers(port)[INVITE]({"tenant_id": str(person.tenant_id), "member_id": str(person.member_id)})
    finally:
        port.close()

    body = mails.body(mails.mails()[0].id)
    assert "山鹿市の利用者として、Moyai（催合）に登録されました。" in body
    assert "登録した人: 熊本県" in body


def _form(page: httpx.Response, field: str) -> Form:
    return next(form for form in forms(page.text) if field in form.fields)
