"""A newcomer's path through each manual of docs/manuals, and its pictures: `python -m tests.journeys.manuals`.

Each path is walked as the manual says it, on an installation with 13 municipalities, in the order of MANUALS: the
second and third go on where the ones before ended. Beside each picture stand the words of its page: by them `make
test` sees that the pictures are of these pages (test_manuals.py).
"""

from __future__ import annotations

import os
import pwd
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, expect

from admin.operations.readiness import wait_until
from governance.kernel import clock
from governance.kernel.fiscal_year import FiscalYear
from tests.chromium import started
from tests.journeys.person import Person
from tests.journeys.stack import Stack, running_stack

FOLDER: Final = Path(__file__).parents[2] / "docs" / "manuals"
PICTURES: Final = FOLDER / "screens"
LARGEST_BYTES: Final = 200 * 1024
KUMAMOTO: Final = "431001"

_HEIGHT: Final = 800
_EIGHT_ONBOARDED: Final = 300_000
_JOBS_SECONDS: Final = 120

Picture = Callable[[Person, str], None]
"""Called with a person and the name of a picture where the manual shows what that person sees."""

YEAR: Final = FiscalYear.of(clock.today())


def municipality(browser: Browser, stack: Stack, picture: Picture) -> None:
    """The owner of a municipality adds a person, reads why the share is what it is, and looks into the record."""
    with Person(browser, stack) as owner:
        owner.give_password(stack.account("tenant-owner", KUMAMOTO), check=False)
        owner.see("熊本市のホーム")
        picture(owner, "municipality-home")
        owner.choose("利用者と連携システム")
        owner.see("熊本市")
        expect(owner.page.get_by_role("heading", name="利用者", exact=True)).to_be_visible()
        picture(owner, "municipality-people")
        owner.press(owner.main_button())
        owner.see("利用者を追加する")
        owner.page.get_by_role("textbox", name="姓").fill("阿蘇")
        owner.page.get_by_role("textbox", name=re.compile("^名")).fill("みどり")
        owner.page.get_by_role("textbox", name="メールアドレス").fill("aso.midori@431001.example")
        owner.page.get_by_label("会計担当（団体）").check()
        picture(owner, "municipality-person-form")
        owner.press(owner.main_button())
        expect(owner.page).to_have_title(re.compile("^確認"))
        picture(owner, "municipality-person-confirm")
        owner.press(owner.main_button())
        expect(owner.page.get_by_role("status")).to_be_visible()
        picture(owner, "municipality-person-done")
        owner.choose("負担金")
        owner.page.get_by_role("main").get_by_role("link", name=re.compile(YEAR.label)).first.click()
        expect(owner.page.get_by_role("heading", level=1)).to_contain_text("負担")
        picture(owner, "municipality-share")
        owner.open("/audit")
        owner.see("監査記録")
        picture(owner, "municipality-record")


def finance(browser: Browser, stack: Stack, picture: Picture) -> None:
    """Finance reads the first run and asks for its notices, another person approves them."""
    with Person(browser, stack) as person:
        person.sign_in(stack.account("operator-finance"))
        picture(person, "finance-home")
        person.choose("負担金", "経費")
        person.see("経費")
        picture(person, "finance-costs")
        person.choose("費用按分")
        person.see("費用按分")
        picture(person, "finance-runs")
        person.page.get_by_role("main").get_by_role("link", name=re.compile("当初")).first.click()
        expect(person.main_button()).to_have_text("通知書を発行する")
        picture(person, "finance-run")
        person.press(person.main_button())
        person.see("納入通知書を発行する")
        picture(person, "finance-notices-form")
        person.press(person.main_button())
        expect(person.page).to_have_title(re.compile("^確認: 納入通知書を発行する"))
        picture(person, "finance-notices-confirm")
        person.press(person.main_button())
        expect(person.page.get_by_role("status")).to_contain_text("承認を申請しました")
        picture(person, "finance-notices-requested")
    with Person(browser, stack) as approver:
        approver.sign_in(stack.account("operator-approver"))
        approver.page.get_by_role("banner").get_by_role("link", name="対応待ち").click()
        approver.see("対応待ち")
        picture(approver, "finance-approver-tasks")
        approver.press(
            approver.page.get_by_role("main").get_by_role("link", name=re.compile("納入通知書を発行する")).first
        )
        approver.see("納入通知書を発行する")
        picture(approver, "finance-approver-decision")
        approver.press(approver.page.get_by_role("button", name="承認する"))
        expect(approver.page.get_by_role("status")).to_contain_text("承認しました")
    with Person(browser, stack) as person:
        person.sign_in(stack.account("operator-finance"), check=False)
        person.choose("負担金", "納入通知書")
        person.see("納入通知書")
        picture(person, "finance-notices")


def operator(browser: Browser, stack: Stack, picture: Picture) -> None:
    """The prefecture admits a cohort of eight by its plan and follows it to the end."""
    with Person(browser, stack) as person:
        person.give_password(stack.account("operator-onboarding"), check=False)
        person.see("ホーム")
        picture(person, "operator-home")
        person.page.get_by_role("banner").get_by_role("link", name="対応待ち").click()
        person.see("対応待ち")
        picture(person, "operator-tasks")
        person.choose("参加団体")
        person.see("参加団体")
        picture(person, "operator-tenants")
        person.choose("参加手続")
        person.see("参加手続")
        person.press(person.page.get_by_role("link", name=re.compile(f"計画を見る.*{YEAR.label}参加")))
        person.see("参加計画")
        picture(person, "operator-plan")
        person.press(person.main_button())
        person.see("この計画で手続を始めますか")
        picture(person, "operator-plan-confirm")
        person.press(person.main_button())
        person.see(f"{YEAR.label}参加")
        expect(person.page.get_by_text("すべて終わりました")).to_be_visible(timeout=_EIGHT_ONBOARDED)
        picture(person, "operator-done")
        person.choose("参加団体")
        person.page.get_by_role("link", name="あさぎり町").click()
        person.see("あさぎり町")
        picture(person, "operator-tenant")
        person.open("/drift")
        person.see("認証サービスとの差分")
        picture(person, "operator-drift")


MANUALS: Final[Mapping[str, Callable[[Browser, Stack, Picture], None]]] = {
    "municipality": municipality,
    "finance": finance,
    "operator": operator,
}


_VARYING: Final = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{8,}\b"), "0"),
    (re.compile(r"\d+"), "0"),
    (re.compile("（[月火水木金土日]）"), "（日）"),
    (re.compile("0分0秒"), "0秒"),
    (re.compile(rf"\b{re.escape(pwd.getpwuid(os.getuid()).pw_name)}\b"), "user"),
)
"""What differs from one day and one machine to the next, and what stands for it: numbers, digests, weekdays, users."""


_WORDS: Final = "h1, h2, h3, nav a, .tabs a, thead th, caption, legend, label, dt, main .button, main button"


def text_of(person: Person) -> str:
    """The words that a page is made of: headings, menu, columns, fields and buttons, a line each.

    What stands in rows and notes is left out: how far jobs are at that moment shows there.
    """
    found = person.page.locator(_WORDS).all_inner_texts()
    text = "".join(f"{line}\n" for line in (" ".join(one.split()) for one in found) if line)
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return text


def settle(stack: Stack) -> None:
    """Wait until the jobs that the steps before left are done, so that each walk begins with the same tasks."""

    def no_job_waits() -> bool:
        try:
            return bool(stack.moyai("status")["worker"]["jobs_waiting"] == 0)
        except AssertionError:
            return False  # Exit code 3: a server did not answer `status` in time.

    assert wait_until(no_job_waits, seconds=_JOBS_SECONDS), "jobs still wait"


def main() -> None:
    """Walk the paths and write each picture with the text of its page."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for old in PICTURES.iterdir():
        old.unlink()

    def picture(person: Person, name: str) -> None:
        person.page.set_viewport_size({"width": 1280, "height": _HEIGHT})
        person.page.evaluate("window.scrollTo(0, 0)")
        path = PICTURES / f"{name}.png"
        person.page.screenshot(path=path)
        if path.stat().st_size > LARGEST_BYTES:
            sys.exit(f"{path.name} is larger than {LARGEST_BYTES // 1024} KB")
        (PICTURES / f"{name}.txt").write_text(text_of(person), encoding="utf-8")
        print(path.name)

    with tempfile.TemporaryDirectory(prefix="moyai-manuals-") as folder, started() as browser:
        Path(folder).chmod(0o711)
        with running_stack(Path(folder) / "home", members=13) as stack:
            for walk in MANUALS.values():
                settle(stack)
                walk(browser, stack, picture)


if __name__ == "__main__":
    main()
