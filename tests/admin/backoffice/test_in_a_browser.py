"""The back office in a real browser: nobody is kept out by how it looks, and the policy is never broken."""

from __future__ import annotations

from uuid import UUID

import pytest
from playwright.sync_api import Page

from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from tenancy.people.states import MemberState
from tenancy.people.tables import Member
from tests.admin.signed_in_page import NewPage
from tests.chromium import violations
from tests.factories import ALL_BUT_APPROVER, Visitors

pytestmark = pytest.mark.browser


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """A page in which a person with every role of the operator is signed in."""
    return new_page(*ALL_BUT_APPROVER)


def test_nobody_is_kept_out_and_the_policy_is_never_broken(
    page: Page, visitors: Visitors, operator_tenant: UUID
) -> None:
    municipality = visitors.municipality("432083", "山鹿市")
    for _ in range(25):
        visitors.person(municipality, Role.TENANT_MEMBER)
    pages = (
        "/backoffice/",
        "/backoffice/member/?page_size=20",
        "/backoffice/member/?page_size=20&page=1&search=visitor&sort=1",
        f"/backoffice/tenant/details/?id={municipality}",
        "/backoffice/notice/",
        "/backoffice/audit-event/",
        "/backoffice/onboarding-step/",
    )
    for path in pages:
        page.goto(path)

        assert violations(page) == [], path
        assert page.locator("main h1").count() == 1
        assert page.get_by_text("例示データ").is_visible()
        assert page.locator("html").get_attribute("lang") == "ja"
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "本文へ"


def test_a_button_asks_before_it_does(page: Page, visitors: Visitors, operator_tenant: UUID) -> None:
    municipality = visitors.municipality("432083", "山鹿市")
    person = visitors.person(municipality, Role.TENANT_MEMBER)
    asked: list[str] = []

    def suspend(answer: bool) -> None:
        def decide(dialog: object) -> None:
            asked.append(dialog.message)  # type: ignore[attr-defined]
            dialog.accept() if answer else dialog.dismiss()  # type: ignore[attr-defined]

        page.once("dialog", decide)
        page.goto("/backoffice/member/?search=visitor&sort=0&desc=1")
        page.locator("tr", has_text="山鹿市").locator("input.action-checkbox").check()
        page.get_by_role("button", name="選んだ行への操作").click()
        page.get_by_role("button", name="選んだ利用者を停止する").click()
        page.wait_for_load_state("networkidle")

    def state() -> str:
        with tenant_scope(OPERATOR):
            db.session.expire_all()
            return db.session.query(Member).filter(Member.person_id == UUID(person.id)).one().state

    suspend(False)
    assert state() == MemberState.ACTIVE
    suspend(True)
    assert state() == MemberState.SUSPENDED
    assert asked == ["選んだ利用者を停止し、直ちに利用できなくします。よろしいですか。"] * 2
