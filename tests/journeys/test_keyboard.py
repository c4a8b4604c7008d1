"""By keyboard alone and in a browser without scripts: a run is approved and notified, a municipality admitted, a person
added by an owner."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from admin.operations.readiness import wait_until
from tests.journeys.person import Person
from tests.journeys.stack import Stack

pytestmark = pytest.mark.browser

CODE, NAME = "433641", "玉東町"
_STEPS_SECONDS = 120


def test_a_run_is_approved_notices_issued_a_municipality_admitted_and_a_person_added_without_mouse_and_script(
    browser: Browser, own_stack: Stack
) -> None:
    with (
        Person(browser, own_stack, has_script=False) as finance,
        Person(browser, own_stack, has_script=False) as approver,
    ):
        finance.sign_in(own_stack.account("operator-finance"))
        approver.sign_in(own_stack.account("operator-approver"))
        _cost_recorded(finance)
        _run_submitted(finance)
        _run_approved(approver)
        _notices_requested(finance)
        _notices_approved(approver)

    with Person(browser, own_stack, has_script=False) as onboarding:
        onboarding.sign_in(own_stack.account("operator-onboarding"))
        _registered(onboarding)
        for state in ("審査中", "合意済み"):
            _moved(onboarding, state)
        _owner_entered(onboarding)
        _plan_chosen(onboarding)
        _acceptance_recorded(onboarding)
        _onboarded(onboarding, own_stack)

    with Person(browser, own_stack, has_script=False) as owner:
        owner.sign_in(own_stack.account("tenant-owner", "431001"))
        _person_added(owner)

    assert own_stack.moyai("status")["tenants"] == {"active": 14, "agreed": 8}
    assert len(own_stack.moyai("notice", "list")["notices"]) == 13
    assert own_stack.csp_reports() == []


def _registered(person: Person) -> None:
    person.choose("参加団体")
    person.see("参加団体")
    person.press(person.main_button())
    person.see("参加団体を登録する")
    for label, text in (("団体コード", CODE), ("名称", NAME), ("フリガナ", "ギョクトウマチ"), ("種別", "町")):
        person.enter(label, text)
    person.press(person.main_button())
    expect(person.page).to_have_title(re.compile("^確認: 参加団体を登録する"))
    person.press(person.main_button())
    person.see("団体を登録しました")
    person.press(person.page.get_by_role("link", name=f"{NAME}の記録を開く"))
    person.see(NAME)


def _take_up(person: Person, task: str) -> None:
    """From the page of the tenant to the form of one of its tasks."""
    row = person.page.get_by_role("row", name=re.compile(f"^{task}"))
    person.press(row.get_by_role("link", name=re.compile("進める")))


def _confirm(person: Person) -> None:
    """On to 確認, and what is shown there is wanted."""
    person.press(person.main_button())
    expect(person.page.get_by_role("list", name="手順").locator("[aria-current]")).to_have_text("確認")
    person.press(person.main_button())
    expect(person.page.get_by_role("status")).to_be_visible()


def _back_to_the_tenant(person: Person) -> None:
    person.open(f"/tenants?q={NAME}")
    person.press(person.page.get_by_role("main").get_by_role("link", name=NAME))
    person.see(NAME)


def _moved(person: Person, state: str) -> None:
    _take_up(person, "審査")
    person.see("参加団体の状態を変更する")
    person.enter("新しい状態", state)
    person.enter("理由", "申込書を受領した")
    _confirm(person)
    _back_to_the_tenant(person)


def _owner_entered(person: Person) -> None:
    _take_up(person, "団体管理者")
    person.see("利用者を追加する")
    for label, text in (("姓", "木葉"), ("名", "正"), ("メールアドレス", "owner@gyokuto.example.jp")):
        person.enter(label, text)
    _confirm(person)
    _back_to_the_tenant(person)


def _plan_chosen(person: Person) -> None:
    _take_up(person, "利用プラン")
    person.see("利用プランを選ぶ")
    person.enter("利用プラン", "標準")
    person.press(person.main_button())
    expect(person.page.get_by_role("status")).to_be_visible()
    _back_to_the_tenant(person)


def _acceptance_recorded(person: Person) -> None:
    _take_up(person, "協定")
    person.see("協定")
    for label, text in (("署名者の氏名", "玉名 茂"), ("署名者の職", "町長"), ("権限", "町長")):
        person.enter(label, text)
    _confirm(person)
    _back_to_the_tenant(person)


def _onboarded(person: Person, stack: Stack) -> None:
    _take_up(person, "参加手続")
    person.see("参加手続を始める")
    person.press(person.main_button())
    person.see("玉東町の参加手続")
    assert wait_until(lambda: _waits_for_the_system(stack), seconds=_STEPS_SECONDS)
    person.page.reload()
    person.press(person.page.get_by_role("link", name=re.compile("扱いを決める")))
    person.enter("理由", "システムからは使わない")
    person.press(person.page.get_by_role("button", name="この判断で進める"))
    assert wait_until(lambda: stack.moyai("tenant", "show", CODE)["state"] == "active", seconds=_STEPS_SECONDS)
    # Without a script the page does not follow the steps by itself: it is loaded again.
    person.page.reload()
    expect(person.page.get_by_role("row", name="9. 参加の開始 完了")).to_be_visible()


def _waits_for_the_system(stack: Stack) -> bool:
    (found,) = [one for one in stack.moyai("onboarding", "list")["onboardings"] if one["code"] == CODE]
    return bool(found["state"] == "waiting")


def _person_added(person: Person) -> None:
    person.choose("利用者と連携システム")
    person.press(person.main_button())
    person.see("利用者を追加する")
    for label, text in (("姓", "細川"), ("名", "幸"), ("メールアドレス", "yuki@kumamoto.example.jp")):
        person.enter(label, text)
    _confirm(person)
    person.press(person.page.get_by_role("link", name="熊本市の記録を開く"))
    person.see("熊本市")
    expect(person.page.get_by_role("row", name=re.compile("細川 幸"))).to_be_visible()


def _cost_recorded(person: Person) -> None:
    person.choose("負担金", "経費")
    person.see("経費")
    person.press(person.main_button())
    person.see("経費を登録する")
    for label, text in (("経費区分", "運営費"), ("名称", "追加の回線"), ("額", "１２０万円"), ("出典", "変更契約書")):
        person.enter(label, text)
    _confirm(person)


def _run_submitted(person: Person) -> None:
    person.choose("負担金", "費用按分")
    person.see("費用按分")
    person.press(person.page.get_by_role("main").get_by_role("link", name="按分を作成する"))
    person.see("按分を作成する")
    person.press(person.main_button())
    person.see("按分（変更）を申請しますか")
    person.press(person.main_button())
    expect(person.page.get_by_role("status")).to_be_visible()


def _run_approved(person: Person) -> None:
    person.open("/approvals")
    person.press(person.page.get_by_role("main").get_by_role("link", name=re.compile("按分")).first)
    person.see("第1回変更")
    person.press(person.page.get_by_role("button", name="承認へ進む"))
    person.see("この按分を承認し、記帳しますか")
    person.press(person.main_button())
    expect(person.page.get_by_role("status")).to_contain_text("承認し、元帳に記帳しました")


def _notices_requested(person: Person) -> None:
    person.open("/approvals")
    person.press(person.page.get_by_role("main").get_by_role("link", name=re.compile("通知を出す")).first)
    person.see("納入通知書を発行する")
    _confirm(person)


def _notices_approved(person: Person) -> None:
    person.open("/approvals")
    person.press(person.page.get_by_role("main").get_by_role("link", name=re.compile("納入通知書を発行する")).first)
    person.see("納入通知書を発行する")
    person.press(person.page.get_by_role("button", name="承認する"))
    expect(person.page.get_by_role("status")).to_contain_text("承認しました")
