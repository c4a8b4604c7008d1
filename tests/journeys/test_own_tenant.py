"""A municipality's people see their own tenant and nothing of another; whoever is disabled is out at the next click."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from governance.kernel import clock
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.ids import new_id
from tests.journeys.person import Person
from tests.journeys.stack import Stack

pytestmark = pytest.mark.browser

KUMAMOTO, YATSUSHIRO = "431001", "432024"
_NUMBER = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


def test_an_owner_sees_the_own_tenant_and_another_one_is_as_absent(browser: Browser, stack: Stack) -> None:
    other = stack.moyai("tenant", "show", YATSUSHIRO)["id"]

    with Person(browser, stack) as owner:
        owner.sign_in(stack.account("tenant-owner", KUMAMOTO))
        owner.see("熊本市のホーム")
        page = owner.page
        for way, heading in (
            (("団体の情報",), "熊本市"),
            (("参加手続",), "参加手続"),
            (("利用者と連携システム", "連携システム"), "熊本市"),
            (("利用とデータ",), "熊本市"),
            (("負担金",), "負担額"),
            (("納入通知書",), "納入通知書"),
            (("負担金の台帳",), "負担金の台帳"),
        ):
            owner.choose(*way)
            owner.see(heading)
            expect(page.get_by_role("main")).not_to_contain_text("八代市")

        of_another, of_nobody = (_answer(owner, f"/tenants/{tenant_id}") for tenant_id in (other, new_id()))
        owner.check_page()
        plan, _ = _answer(owner, f"/cohorts/r{FiscalYear.of(clock.today()).year - 2018}/plan")

    assert of_another[0] == 404
    assert of_another == of_nobody
    assert plan in (403, 404)
    assert stack.csp_reports() == []


def test_who_is_disabled_is_asked_to_sign_in_at_the_next_click(browser: Browser, stack: Stack) -> None:
    tenant_id = stack.moyai("tenant", "show", YATSUSHIRO)["id"]
    disabled = stack.account("tenant-finance", YATSUSHIRO)

    with Person(browser, stack) as person, Person(browser, stack) as security:
        person.sign_in(disabled, check=False)
        person.see("八代市のホーム", check=False)

        security.sign_in(stack.account("operator-security"))
        security.open(f"/tenants/{tenant_id}/people")
        security.see("八代市")
        row = security.page.get_by_role("row", name=re.compile(re.escape(disabled.username)))
        security.press(row.get_by_role("link", name=re.compile("停止する")))
        security.see("利用者を停止する")
        security.page.get_by_label("理由").fill("異動のため")
        security.press(security.main_button())
        expect(security.page.get_by_role("main")).to_contain_text("停止")
        security.check_page()

        person.choose("負担金")
        person.see("ログイン")


def _answer(person: Person, address: str) -> tuple[int, str]:
    """Status and words of a page, without the number that is new each time."""
    status = person.open(address)
    return status, _NUMBER.sub("", person.page.get_by_role("main").inner_text())
