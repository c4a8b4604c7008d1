"""The main job on the screen: a cohort of eight is planned, applied, followed; the new split approved and notified."""

from __future__ import annotations

import io
import re
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, Locator, expect
from pypdf import PageObject, PdfReader

from governance.kernel import clock
from governance.kernel.fiscal_year import FiscalYear
from tests.journeys.person import Person
from tests.journeys.stack import Stack

pytestmark = pytest.mark.browser

YEAR = FiscalYear.of(clock.today())
"""The example lives in the year of the day it is loaded."""
CHANGE = "21団体になると、13団体の負担は合計で13.3%（159万円）、団体ごとに11.0〜18.0%下がります"

_EIGHT_ONBOARDED = 300_000
_REVISION_PREPARED = 60
"""Milliseconds for the steps of eight tenants on a busy machine; times the list of what waits is looked at again."""


def test_the_cohort_of_eight_is_taken_in_on_the_screen_and_its_split_approved_and_notified(
    browser: Browser, stack: Stack
) -> None:
    with Person(browser, stack) as onboarding:
        onboarding.sign_in(stack.account("operator-onboarding"))
        _the_session_cookie_is_only_for_this_host(onboarding)
        _the_plan_shows_before_and_after(onboarding)
        _two_clicks_apply_it_once(onboarding)
        _progress_is_followed_until_all_are_in(onboarding)
        _sent_once_more_it_does_nothing(onboarding)

    with Person(browser, stack) as approver:
        approver.sign_in(stack.account("operator-approver"))
        with Person(browser, stack) as finance:
            finance.sign_in(stack.account("operator-finance"))
            _the_revision_is_submitted(finance)
            _the_revision_is_approved(approver)
            _notices_are_requested(finance)
            _the_notices_are_approved(approver)
            _a_notice_is_a_paper_in_japanese(finance)

    status = stack.moyai("status")
    assert status["tenants"] == {"active": 21}, "the operator itself is not counted"
    assert stack.csp_reports() == []


def _the_session_cookie_is_only_for_this_host(person: Person) -> None:
    (cookie,) = [cookie for cookie in person.cookies() if "session" in cookie["name"]]
    assert cookie["name"].startswith("__Host-")
    assert (cookie["secure"], cookie["httpOnly"], cookie["path"]) == (True, True, "/")


def _the_plan_shows_before_and_after(person: Person) -> None:
    page = person.page
    person.choose("参加団体", "参加手続")
    person.see("参加手続")
    person.press(page.get_by_role("link", name=re.compile(f"計画を見る.*{YEAR.label}参加")))
    person.see("参加計画")
    expect(page.get_by_role("table", name=CHANGE)).to_be_visible()
    table = page.get_by_role("table", name=CHANGE)
    expect(table.locator("tbody tr")).to_have_count(21)
    expect(_row(table, "熊本市")).to_have_text(
        re.compile(r"熊本市\s*5,734,731\s*5,106,238\s*▲628,493\s*▲11\.0%\s*6\.9")
    )
    expect(_row(table, "人吉市")).to_have_text(re.compile(r"人吉市\s*新規\s*―\s*269,721\s*269,721\s*―\s*8\.7"))
    person.press(person.main_button())
    person.see("この計画で手続を始めますか")
    expect(page.locator("main .code")).to_have_text(re.compile(r"sha256:[0-9a-f]{64}"))


def _two_clicks_apply_it_once(person: Person) -> None:
    # Both clicks send the form; the second one leaves while the first is still being answered.
    person.main_button().dblclick()
    person.see(f"{YEAR.label}参加")
    expect(person.page.get_by_role("status")).to_contain_text("この計画で手続を始めました")
    expect(person.page.get_by_text("／8団体")).to_be_visible()
    onboardings = person.page.locator("#progress tbody tr")
    expect(onboardings).to_have_count(8)


def _progress_is_followed_until_all_are_in(person: Person) -> None:
    page = person.page
    expect(page.get_by_text("すべて終わりました")).to_be_visible(timeout=_EIGHT_ONBOARDED)
    expect(page.locator("#progress")).to_contain_text("手順 72／72")
    person.check_page()
    person.choose("ホーム")
    person.see("ホーム")
    expect(page.locator(".figure", has_text="参加中の団体")).to_contain_text("21団体")
    person.choose("参加団体")
    person.see("参加団体")
    expect(page.get_by_role("link", name="あさぎり町")).to_be_visible()


def _sent_once_more_it_does_nothing(person: Person) -> None:
    page = person.page
    person.open(f"/cohorts/r{YEAR.year - 2018}/plan")
    person.see("参加計画")
    expect(page.get_by_text("行うことはありません")).to_be_visible()
    expect(person.main_button()).to_have_count(0)
    person.open("/audit?event=cohort.applied")
    person.see("監査記録")
    by_cohort = page.get_by_role("row", name=re.compile("参加手続を、計画のとおりに始めた"))
    expect(by_cohort).to_have_count(2)
    # The example applied the first cohort as the same person: what follows is requested in a person's name.
    expect(by_cohort.first).to_contain_text("肥後 花子（例示）")
    expect(by_cohort.last).to_contain_text("肥後 花子（例示）")


def _the_revision_is_submitted(person: Person) -> None:
    """The draft that the onboarding left is found, read and submitted by finance."""
    page = person.page
    draft = page.get_by_role("main").get_by_role("link", name=re.compile("第1回変更"))
    for _ in range(_REVISION_PREPARED):
        person.open("/allocations")
        person.see("費用按分", check=False)
        if draft.count():
            break
    person.press(draft.first)
    person.see("第1回変更")
    expect(page.get_by_role("main")).to_contain_text("下書き")
    person.press(page.get_by_role("button", name="承認を申請する"))
    person.see("第1回変更")
    expect(page.get_by_role("main")).to_contain_text("承認待ち")


def _the_revision_is_approved(person: Person) -> None:
    page = person.page
    page.get_by_role("banner").get_by_role("link", name="対応待ち").click()
    person.see("対応待ち")
    person.press(page.get_by_role("main").get_by_role("link", name=re.compile("按分")).first)
    person.see("第1回変更")
    expect(page.get_by_role("table", name=CHANGE)).to_be_visible()
    expect(_row(page.get_by_role("table", name=CHANGE), "あさぎり町")).to_contain_text("157,432")
    person.press(page.get_by_role("button", name="承認へ進む"))
    person.see("この按分を承認し、記帳しますか")
    person.press(person.main_button())
    person.see("第1回変更")
    expect(page.get_by_role("status")).to_contain_text("承認し、元帳に記帳しました")


def _notices_are_requested(person: Person) -> None:
    page = person.page
    person.choose("負担金", "費用按分")
    person.see("費用按分")
    page.get_by_role("main").get_by_role("link", name=re.compile("第1回変更")).first.click()
    person.see("第1回変更")
    expect(person.main_button()).to_have_text("通知書を発行する")
    person.press(person.main_button())
    person.see("納入通知書を発行する")
    person.press(person.main_button())
    expect(page.get_by_role("alert")).to_contain_text(f"{YEAR.label}の当初が未通知です")
    page.get_by_label("未通知の回").select_option("combine")
    person.press(person.main_button())
    expect(page).to_have_title(re.compile("^確認: 納入通知書を発行する"))
    expect(page.locator("dl.facts")).to_contain_text("納入通知書21通 11,999,989円")
    expect(page.locator("dl.facts")).to_contain_text("（本日承認された場合）")
    sample = page.get_by_role("row", name=re.compile("あさぎり町")).get_by_role("link").get_attribute("href")
    shown = "".join(
        sheet.extract_text() for sheet in PdfReader(io.BytesIO(person.fetch(urljoin(page.url, sample)))).pages
    )
    assert "見本" in shown
    assert "157,432円" in shown
    person.check_page()
    person.press(person.main_button())
    person.see("納入通知書を発行する")
    expect(page.get_by_role("status")).to_contain_text("承認を申請しました")
    expect(page.get_by_role("button", name="承認する")).to_have_count(0)
    person.open("/notices")
    expect(page.get_by_role("row", name=re.compile("あさぎり町"))).to_have_count(0)


def _the_notices_are_approved(person: Person) -> None:
    page = person.page
    page.get_by_role("banner").get_by_role("link", name="対応待ち").click()
    person.see("対応待ち")
    person.press(page.get_by_role("main").get_by_role("link", name=re.compile("納入通知書を発行する")).first)
    person.see("納入通知書を発行する")
    expect(page.locator("dl.facts").nth(1)).to_contain_text("納入通知書21通")
    person.press(page.get_by_role("button", name="承認する"))
    person.see("納入通知書を発行する")
    expect(page.get_by_role("status")).to_contain_text("承認しました")
    person.press(page.get_by_role("link", name="結果を見る"))
    person.see("納入通知書")
    expect(page.get_by_role("status")).to_contain_text("通知書を21通発行しました")


def _a_notice_is_a_paper_in_japanese(person: Person) -> None:
    page = person.page
    person.open("/notices")
    person.see("納入通知書")
    page.get_by_role("row", name=re.compile("あさぎり町")).get_by_role("link").first.click()
    page.wait_for_url(re.compile(r"/notices/[0-9a-f-]{36}$"))
    person.see("納入通知書")
    page.get_by_role("main").get_by_role("link", name="納入通知書を開く（PDF）").click()
    page.wait_for_url(re.compile(r"/notices/.*\.pdf$"))
    pdf = PdfReader(io.BytesIO(person.fetch(page.url)))
    text = "".join(sheet.extract_text() for sheet in pdf.pages)
    for words in ("納入通知書", "あさぎり町", "157,432", "例示データ"):
        assert words in text, text
    assert {font for sheet in pdf.pages for font in _fonts(sheet)} == {"NotoSansJP"}


def _fonts(sheet: PageObject) -> set[str]:
    """The families of the fonts in a page, without the mark of a subset and the weight."""
    fonts = sheet["/Resources"]["/Font"]  # type: ignore[index]
    named = {str(fonts[name].get_object()["/BaseFont"]) for name in fonts}
    return {name.removeprefix("/").split("+")[-1].split("-")[0] for name in named}


def _row(table: Locator, name: str) -> Locator:
    return table.get_by_role("row", name=re.compile(f"^{name}"))
