"""Forms while the network is away for ten seconds: nothing typed is lost, and nothing is done twice.

In a real Chromium, whose network is switched off. The one wait, of ten seconds, is the fault itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask
from playwright.sync_api import Error, FilePayload, Page, Route, expect

from governance.audit.tables import AuditEvent
from governance.events import Event
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from tenancy.tenants.tables import Tenant
from tests.admin.signed_in_page import NewPage
from tests.factories import Visitors

pytestmark = pytest.mark.browser

AWAY_MS = 10_000
FILLED_IN_AGAIN = "前回の送信には応答がありませんでした"
CONTENT = "団体コード,団体名,フリガナ,種別\r\n432105,菊池市,キクチシ,市\r\n"
FILE = FilePayload(name="a.csv", mimeType="text/csv", buffer=CONTENT.encode())


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """A tab in which the operator's person for admissions is signed in."""
    opened = new_page(Role.OPERATOR_ONBOARDING, faults=("ERR_INTERNET_DISCONNECTED", "status of 422", "status of 500"))
    opened.set_default_timeout(5_000)
    return opened


@pytest.fixture
def contact_page(operator_tenant: UUID, visitors: Visitors) -> str:
    """The address of a form that has no page to confirm."""
    return f"/tenants/{visitors.municipality('432024', '八代市')}/contacts/finance"


def registered(code: str) -> int:
    with tenant_scope(OPERATOR):
        return db.session.query(Tenant).filter_by(code=code).count()


def events_of(event: Event) -> int:
    with tenant_scope(OPERATOR):
        return db.session.query(AuditEvent).filter_by(event=event.value, outcome="done").count()


def press_without_answer(page: Page) -> None:
    """Press the filled button where no answer comes: the browser shows a page of its own."""
    with pytest.raises(Error, match="ERR_INTERNET_DISCONNECTED"), page.expect_navigation():
        page.locator("main .filled").click(no_wait_after=True)
    page.wait_for_url("chrome-error://**")


def key(page: Page) -> str:
    return page.locator("main input[name=key]").first.input_value()


def note(page: Page) -> bool:
    return page.get_by_text(FILLED_IN_AGAIN).is_visible()


def stored(page: Page) -> list[str]:
    found: list[str] = page.evaluate("Object.values(sessionStorage)")
    return found


def fill(page: Page, **fields: str) -> None:
    for name, text in fields.items():
        page.locator(f"#{name}").fill(text)


def fill_registration(page: Page) -> None:
    page.goto("/tenants/new")
    page.locator("#kind").select_option("city")
    fill(page, code="432059", name="水俣𠮷市", kana="ミナマタシ", valid_from="R8.4.1")


def fill_contact(page: Page, address: str) -> None:
    page.goto(address)
    fill(page, section="財政課", name="肥後 花子", email="zaisei@yatsushiro.example")


def lose_the_answer(page: Page) -> None:
    """The next form that is sent arrives, and its answer does not."""
    lost: list[Route] = []

    def let_pass(route: Route) -> None:
        if route.request.method != "POST" or lost:
            route.continue_()
            return
        lost.append(route)
        route.fetch(max_redirects=0)
        route.abort("internetdisconnected")

    page.route("**/*", let_pass)


def test_a_form_of_each_kind_has_in_it_what_was_typed_after_ten_seconds_without_network(
    page: Page, contact_page: str
) -> None:
    tabs = {name: page.context.new_page() for name in ("contact", "agreement", "plan", "file", "confirm")}
    fill_registration(page)
    fill_contact(tabs["contact"], contact_page)
    tabs["agreement"].goto("/agreements/publish")
    fill(tabs["agreement"], title="共同利用協定", effective_from="R8.4.1", text="第1条 𠮷\n第2条")
    tabs["plan"].goto("/plans/define")
    fill(tabs["plan"], label="拡張𠮷プラン")
    tabs["file"].goto("/tenants/import")
    tabs["file"].locator("input[type=file]").set_input_files(FILE)
    fill(tabs["file"], source="令和2年国勢調査")
    tabs["confirm"].goto("/tenants/new")
    tabs["confirm"].locator("#kind").select_option("city")
    fill(tabs["confirm"], code="432083", name="山鹿市", kana="ヤマガシ", valid_from="R8.4.1")
    tabs["confirm"].locator("main .filled").click()
    expect(tabs["confirm"].get_by_role("button", name="登録する")).to_be_visible()
    keys = {name: key(tab) for name, tab in tabs.items()} | {"registration": key(page)}

    page.context.set_offline(True)
    for tab in (page, *tabs.values()):
        press_without_answer(tab)
    page.wait_for_timeout(AWAY_MS)
    page.context.set_offline(False)

    assert (registered("432059"), registered("432083")) == (0, 0)
    page.goto("/tenants/new")
    assert page.locator("#name").input_value() == "水俣𠮷市"
    assert page.locator("#kind").input_value() == "city"
    assert key(page) == keys["registration"]
    assert note(page)
    page.reload()
    assert page.locator("#name").input_value() == "水俣𠮷市", "a reload keeps it as well"
    page.goto("/tenants")
    page.goto("/tenants/new")
    assert page.locator("#name").input_value() == "水俣𠮷市", "and so do other pages"
    page.locator("main .filled").click()
    page.get_by_role("button", name="登録する").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("団体を登録しました")
    assert registered("432059") == 1
    page.goto("/tenants/new")
    assert page.locator("#name").input_value() == "山鹿市", "of the other tab, and not what was done"
    assert not note(page)
    assert stored(page) == []

    tab = tabs["contact"]
    tab.goto(contact_page)
    assert (tab.locator("#section").input_value(), key(tab)) == ("財政課", keys["contact"])
    tab.locator("main .filled").click()
    tab.wait_for_url("**/done/contact-recorded")
    assert events_of(Event.CONTACT_RECORDED) == 1

    tab = tabs["agreement"]
    tab.goto("/agreements/publish")
    assert tab.locator("#text").input_value() == "第1条 𠮷\n第2条"
    tab.locator("main .filled").click()
    tab.wait_for_url("**/agreements/publish?form=*")
    assert not note(tab)
    assert stored(tab) == [], "the server has it now"

    tab = tabs["plan"]
    tab.goto("/plans/define")
    assert tab.locator("#label").input_value() == "拡張𠮷プラン"
    tab.locator("#unanswered button").click()
    tab.wait_for_url("**/plans/define?fresh=1")
    assert tab.locator("#label").input_value() == ""
    assert (note(tab), stored(tab)) == (False, []), "thrown away by its person"

    tab = tabs["file"]
    tab.goto("/tenants/import")
    assert tab.locator("#source").input_value() == "令和2年国勢調査"
    assert tab.locator("input[type=file]").input_value() == "", "a file is chosen again"
    tab.locator("input[type=file]").set_input_files(FILE)
    tab.locator("main .filled").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("1行すべて取り込めます")

    tab = tabs["confirm"]
    tab.goto("/tenants/new")
    assert tab.locator("#name").input_value() == "山鹿市", "the server had it before"
    assert not note(tab)
    tab.locator("main .filled").click()
    tab.get_by_role("button", name="登録する").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("団体を登録しました")
    assert registered("432083") == 1


def test_what_was_carried_out_though_no_answer_came_is_answered_as_it_was(page: Page, contact_page: str) -> None:
    fill_contact(page, contact_page)
    lose_the_answer(page)
    press_without_answer(page)
    assert events_of(Event.CONTACT_RECORDED) == 1

    page.goto(contact_page)
    assert page.locator("#email").input_value() == "zaisei@yatsushiro.example"
    page.locator("main .filled").click()

    page.wait_for_url("**/done/contact-recorded")
    assert events_of(Event.CONTACT_RECORDED) == 1, "the same key, so that it was done before"
    assert stored(page) == []


def test_what_is_sent_again_from_the_browsers_own_page_is_carried_out_once(page: Page) -> None:
    fill_registration(page)
    page.locator("main .filled").click()
    expect(page.get_by_role("button", name="登録する")).to_be_visible()
    page.context.set_offline(True)
    press_without_answer(page)
    page.context.set_offline(False)
    assert registered("432059") == 0

    page.reload()

    expect(page.get_by_role("heading", level=1)).to_have_text("団体を登録しました")
    assert registered("432059") == 1
    page.go_back()
    page.go_back()
    assert registered("432059") == 1


def test_another_person_and_a_log_out_find_nothing_and_no_secret_is_stored(page: Page) -> None:
    fill_registration(page)
    page.context.set_offline(True)
    press_without_answer(page)
    page.context.set_offline(False)
    page.goto("/tenants")
    (entry,) = stored(page)
    assert set(json.loads(entry)) == {"person", "key", "typed"}
    assert json.loads(entry)["typed"]["name"] == ["水俣𠮷市"]
    assert not set(json.loads(entry)["typed"]) & {"csrf_token", "step", "key"}
    page.evaluate("""() => {
      const [name] = Object.keys(sessionStorage);
      sessionStorage.setItem(name, sessionStorage.getItem(name).replace(/"person":"[0-9a-f]+"/, '"person":"0"'));
    }""")
    page.goto("/tenants/new")
    assert page.locator("#name").input_value() == ""
    assert stored(page) == []


def test_logging_out_clears_what_was_typed(page: Page) -> None:
    fill_registration(page)
    page.context.set_offline(True)
    press_without_answer(page)
    page.context.set_offline(False)
    page.goto("/tenants")
    assert len(stored(page)) == 1

    page.evaluate("""document.addEventListener("submit", (event) => event.preventDefault())""")
    page.locator("details.person summary").click()
    page.get_by_role("button", name="ログアウト").click()

    assert stored(page) == []


def test_a_fault_of_the_server_is_no_answer(
    page: Page, contact_page: str, monkeypatch: pytest.MonkeyPatch, served_app: Flask
) -> None:
    fill_contact(page, contact_page)
    endpoint = next(
        rule.endpoint
        for rule in served_app.url_map.iter_rules()
        if "/contacts/" in rule.rule and "api" not in rule.rule
    )
    view: Callable[..., object] = served_app.view_functions[endpoint]

    def fail(**_: object) -> object:
        raise RuntimeError("a fault")

    fail.__dict__.update(view.__dict__)
    monkeypatch.setitem(served_app.view_functions, endpoint, fail)
    page.locator("main .filled").click()
    assert page.locator("#section").count() == 0
    monkeypatch.setitem(served_app.view_functions, endpoint, view)

    page.goto(contact_page)
    assert page.locator("#section").input_value() == "財政課"
    assert note(page)
    assert events_of(Event.CONTACT_RECORDED) == 0
