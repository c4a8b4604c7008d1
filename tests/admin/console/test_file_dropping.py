"""A file dropped on its field in a real browser is chosen, said by name and size, and sent as one that was picked."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from tenancy.tenants.tables import Tenant
from tests.admin.signed_in_page import NewPage
from tests.chromium import violations

pytestmark = pytest.mark.browser

_DROP = """([text, name]) => {
  const dropped = new DataTransfer();
  dropped.items.add(new File([text], name, { type: "text/csv" }));
  const area = document.querySelector("[data-file-drop]");
  for (const kind of ["dragenter", "dragover", "drop"])
    area.dispatchEvent(new DragEvent(kind, { dataTransfer: dropped, bubbles: true, cancelable: true }));
}"""
CONTENT = "団体コード,団体名,フリガナ,種別\r\n432059,水俣市,ミナマタシ,市\r\n"


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """A page in which somebody who may import is signed in."""
    return new_page(Role.OPERATOR_ONBOARDING)


def test_a_dropped_file_is_named_with_its_size_and_imported(page: Page) -> None:
    page.goto("/tenants/import")
    expect(page.get_by_text("ファイルをここに落としても選べます")).to_be_visible()

    page.evaluate(_DROP, [CONTENT, "参加団体.csv"])

    chosen = page.locator("[data-chosen]")
    expect(chosen).to_have_text("参加団体.csv (85 バイト)")
    assert page.locator(".dragged").count() == 0
    assert violations(page) == []
    page.get_by_role("button", name="判定する").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1行すべて取り込めます")
    with tenant_scope(OPERATOR):
        assert db.session.query(Tenant).filter_by(code="432059").count() == 0
    page.locator("main .filled").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("1")
    with tenant_scope(OPERATOR):
        assert db.session.query(Tenant).filter_by(code="432059").count() == 1


def test_a_picked_file_is_named_too_and_without_script_the_field_is_a_plain_one(page: Page, browser: Browser) -> None:
    page.goto("/tenants/import")
    page.locator("input[type=file]").set_input_files(
        {"name": "a.csv", "mimeType": "text/csv", "buffer": CONTENT.encode()}
    )
    expect(page.locator("[data-chosen]")).to_contain_text("a.csv")

    plain = browser.new_context(
        base_url=page.url, java_script_enabled=False, storage_state=page.context.storage_state()
    ).new_page()
    plain.goto("/tenants/import")
    assert plain.get_by_text("ファイルをここに落としても選べます").is_hidden()
    plain.locator("input[type=file]").set_input_files(
        {"name": "a.csv", "mimeType": "text/csv", "buffer": CONTENT.encode()}
    )
    plain.locator("main .filled").click()
    assert plain.get_by_role("heading", level=1).inner_text() == "1行すべて取り込めます"
    plain.context.close()
