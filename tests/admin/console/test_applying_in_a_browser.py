"""An applicant in a real browser: begins, fills in, attaches, submits; the operator's staff then screen it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from governance.permissions import Role
from tests.admin.signed_in_page import NewPage
from tests.chromium import violations

pytestmark = pytest.mark.browser


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """A page in which one of the operator's staff is signed in."""
    return new_page(Role.OPERATOR_ONBOARDING)


TYPED = {
    "code": "432083",
    "kana": "ヤマガシ",
    "representative_title": "市長",
    "representative_name": "髙﨑 花子",
    "administrator_family_name": "髙﨑",
    "administrator_given_name": "太郎",
    "administrator_email": "takasaki@city.example.lg.jp",
    "contact_section": "企画課",
    "contact_name": "髙﨑 太郎",
    "contact_phone": "0968-43-0000",
    "purpose": "避難所と公共施設のデータを公開する。",
    "planned_people": "12",
    "planned_calls": "30,000",
    "first_day": "令和12年4月1日",
    "egress_addresses": "203.0.113.10",
}


def test_an_applicant_goes_from_the_first_page_to_the_receipt_and_the_staff_screens_it(
    page: Page, browser: Browser
) -> None:
    page.goto("/applications")
    root = page.url.removesuffix("/applications")
    # Somebody without any cookie.
    applicant = browser.new_context(base_url=root, locale="ja-JP").new_page()
    applicant.goto("/apply")
    assert violations(applicant) == []
    applicant.get_by_label("団体の名称").fill("山鹿市")
    applicant.get_by_label("メールアドレス").fill("kikaku@city.example.lg.jp")
    applicant.get_by_role("button", name="下書きを作る").click()
    expect(applicant.locator(".note.good[role=status]")).to_contain_text("下書きを作りました")
    link = applicant.url.partition("?")[0]
    applicant.get_by_role("link", name="入力する", exact=True).click()
    assert violations(applicant) == []
    applicant.get_by_role("button", name="保存して確認へ進む").click()
    # A draft may lack anything, and the page of the submission says what.
    expect(applicant.get_by_role("heading", name="未入力の項目")).to_be_visible()
    assert applicant.get_by_role("button", name="申請を提出する").count() == 0
    applicant.get_by_role("link", name="利用目的").click()
    for name, text in TYPED.items():
        applicant.locator(f"#{name}").fill(text)
    applicant.locator("#kind").select_option("city")
    applicant.locator("#egress").select_option("lgwan")
    applicant.locator("#declares_no_antisocial").select_option("true")
    applicant.get_by_label("データカタログ").check()
    applicant.get_by_role("button", name="保存して確認へ進む").click()
    applicant.get_by_role("link", name="添付を追加・削除する").click()
    applicant.set_input_files("#content", {"name": "決裁.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7"})
    applicant.get_by_role("button", name="ファイルを追加する").click()
    expect(applicant.locator(".note.good[role=status]")).to_contain_text("ファイルを追加しました")
    assert violations(applicant) == []
    applicant.goto(f"{link}/submit")
    expect(applicant.get_by_text("令和12年4月1日（月）")).to_be_visible()
    assert violations(applicant) == []
    applicant.get_by_role("button", name="申請を提出する").click()
    expect(applicant.locator(".note.good[role=status]")).to_contain_text("申請を受け付けました")
    expect(applicant.get_by_text("県の担当者（審査）")).to_be_visible()
    assert violations(applicant) == []

    page.goto("/applications")
    page.get_by_role("link", name="山鹿市").click()
    expect(page.get_by_role("row", name=re.compile("ドメインのものである"))).to_contain_text("適合")
    assert violations(page) == []
    page.get_by_role("link", name="審査する").click()
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="記録する").click()
    expect(page.locator(".note.good[role=status]")).to_contain_text("確認を記録しました")
    page.locator("#outcome").select_option("send-back")
    page.get_by_label("添付書類の不足・不備").check()
    page.get_by_role("button", name="通知文を作る").click()
    expect(page.locator("#letter")).to_have_value(re.compile("・添付書類の不足・不備"))
    assert violations(page) == []
    applicant.context.close()
