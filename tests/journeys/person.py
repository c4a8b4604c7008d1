"""A person at a real browser, and what is looked at on each page they come to."""

from __future__ import annotations

import getpass
import re
from typing import Any, Final, Self
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect

from admin.example.municipalities import by_population
from tests.chromium import evaluate, violations
from tests.journeys.paper import check_paper
from tests.journeys.stack import Account, Stack
from tests.words import foreign_words, japanese_words, readable

NARROW: Final = 360
FOR_PROGRAMS: Final = ("/backoffice", "/api-reference")
"""The tables as they are stored, and the names of the API."""
_NAME_EN: Final = 3
ENTERED: Final = (
    *(getpass.getuser(), "Prefecture", "e-Stat"),
    *(word for one in by_population() for word in one.row[_NAME_EN].split()),
)
"""Of the example: who started it, a source, and the English names of the municipalities."""
NAMES: Final = ("Moyai 催合",)
"""Proper names on English pages."""

_REPORT_VIOLATIONS: Final = (
    "document.addEventListener('securitypolicyviolation',"
    " e => console.error('securitypolicyviolation ' + e.effectiveDirective + ' ' + e.blockedURI))"
)
_SECONDS: Final = 1000
_MAX_TABS: Final = 150


class Person:
    """One person in a browser window of their own. Pages are in Japanese, as in the offices.

    Without `has_script` the browser runs none of the pages' scripts, as where an office forbids them.
    """

    def __init__(self, browser: Browser, stack: Stack, *, width: int = 1280, has_script: bool = True) -> None:
        self._stack = stack
        self._has_script = has_script
        self._context = browser.new_context(
            locale="ja-JP",
            timezone_id="Asia/Tokyo",
            viewport={"width": width, "height": 900},
            accept_downloads=True,
            java_script_enabled=has_script,
        )
        self._context.set_default_timeout(30 * _SECONDS)
        self._context.add_init_script(_REPORT_VIOLATIONS)
        self._context.on("request", self._note_request)
        self.elsewhere: list[str] = []
        self.refused: list[str] = []
        self.page: Page = self._context.new_page()
        self.page.on("console", self._note_message)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *about: object) -> None:
        self._context.close()

    def open(self, address: str) -> int:
        """Go to an address of the console; the status of its answer."""
        answer = self.page.goto(f"{self._stack.url}{address}")
        assert answer is not None
        return answer.status

    def sign_in(self, account: Account, *, check: bool = True) -> Self:
        """From the first page through Keycloak's real one, and back; each page on the way is looked at."""
        self.give_password(account, check=check)
        self.see("ホーム", check=check)
        return self

    def give_password(self, account: Account, *, check: bool) -> None:
        """From the first page to Keycloak's, and name and password there."""
        page = self.page
        self.open("/")
        self.see("ログイン", check=check)
        another = page.get_by_role("link", name="ほかの団体を選ぶ")
        if another.count():
            another.click()
        if account.is_operator:
            page.get_by_role("link", name="運営者としてログイン").click()
        else:
            page.get_by_label("所属する団体").fill(account.tenant)
            page.get_by_role("button", name="ログインに進む").click()
        expect(page.locator("#username")).to_be_visible()
        if check:
            self.check_page()
        page.locator("#username").fill(account.username)
        page.locator("#password").fill(account.password)
        page.locator("#kc-login").click()

    def see(self, heading: str, *, check: bool = True) -> None:
        """Wait for the page with this heading, and look at it as everybody may come to it."""
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(heading)
        if check:
            self.check_page()

    def check_page(self) -> None:
        """No A or AA violation, no word of a program, nothing refused by the policy, nothing asked of anybody else.

        axe is a script itself: without scripts the page is not looked at for violations.
        """
        self.page.wait_for_load_state("load")
        if self._has_script:
            found = violations(self.page)
            assert not found, f"{self.page.url}: {found}"
        self._check_words()
        assert self.refused == [], self.page.url
        assert self.elsewhere == [], self.page.url

    def check_paper(self) -> None:
        """What the printer gives of a page of the console. The screen is as it was afterwards."""
        if not urlsplit(self.page.url).path.startswith(FOR_PROGRAMS):
            check_paper(self.page)

    def check_narrow(self) -> None:
        """On a screen of 360 pixels nothing is cut off to the right. The window is wide again afterwards."""
        wide = self.page.viewport_size or {"width": 1280, "height": 900}
        self.page.set_viewport_size({"width": NARROW, "height": wide["height"]})
        cdp = self._context.new_cdp_session(self.page)
        try:
            assert evaluate(cdp, "document.documentElement.scrollWidth") <= NARROW, self.page.url
        finally:
            cdp.detach()
            self.page.set_viewport_size(wide)

    def links(self) -> list[str]:
        """Where the links of this page lead, as they are written."""
        return [link.get_attribute("href") or "" for link in self.page.locator("a[href]").all()]

    def press(self, button: Locator) -> None:
        """Reach a button or link with the Tab key alone, and press Enter."""
        self.reach(button)
        self.page.keyboard.press("Enter")

    def enter(self, label: str, text: str) -> None:
        """Reach the field of this label with the Tab key alone, and type; in a choice go down to this text."""
        field = self.page.get_by_role("main").get_by_label(re.compile(f"^{re.escape(label)}"))
        self.reach(field)
        if not field.and_(self.page.locator("select")).count():
            self.page.keyboard.type(text)
            return
        offered = field.locator("option").all_inner_texts()
        self.page.keyboard.press("Home")
        for _ in range(offered.index(text)):
            self.page.keyboard.press("ArrowDown")

    def reach(self, target: Locator) -> None:
        """Go on with the Tab key, from where the focus is, until this has it."""
        expect(target).to_be_visible()
        for _ in range(_MAX_TABS):
            if target.and_(self.page.locator(":focus")).count():
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{_MAX_TABS} Tabs do not reach {target}")

    def choose(self, *words: str) -> None:
        """Follow the menu: a group, and then one of its places."""
        for word in words:
            self.page.get_by_role("navigation", name="主メニュー").get_by_role("link", name=word, exact=True).click()

    def sign_out(self) -> None:
        """Leave by the menu of the header that bears one's name."""
        self.page.locator(".person > summary").click()
        self.page.get_by_role("button", name="ログアウト").click()

    def main_button(self) -> Locator:
        """The one filled button of the page: the next action."""
        return self.page.locator("main .filled")

    def fetch(self, address: str) -> bytes:
        """What this address answers to this person; a paper is shown by the browser's viewer, which keeps its bytes."""
        answer = self._context.request.get(address)
        assert answer.ok, answer.status
        return answer.body()

    def cookies(self) -> list[dict[str, Any]]:
        """What the browser keeps for the console."""
        return [dict(cookie) for cookie in self._context.cookies(self._stack.url)]

    def _check_words(self) -> None:
        """A Japanese page is in Japanese; of the English ones Keycloak's, where little was entered, are in English."""
        if urlsplit(self.page.url).path.startswith(FOR_PROGRAMS):
            return
        shown = readable(self.page.content())
        if self.page.locator("html").get_attribute("lang") == "ja":
            assert foreign_words(shown, *ENTERED) == set(), self.page.url
        elif not self.page.url.startswith(self._stack.url):
            assert japanese_words(shown, NAMES) == set(), self.page.url

    def _note_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https", "ws", "wss") and address.hostname != "localhost":
            self.elsewhere.append(request.url)

    def _note_message(self, message: ConsoleMessage) -> None:
        if "securitypolicyviolation" in message.text or "Content Security Policy" in message.text:
            self.refused.append(message.text)
