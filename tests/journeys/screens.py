"""Take the screens of the README anew: `python -m tests.journeys.screens` writes docs/screens/*.png.

They are of the main job on the example, on an installation started for this alone and stopped at the end.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import expect

from governance.kernel import clock
from governance.kernel.fiscal_year import FiscalYear
from tests.chromium import started
from tests.journeys.person import Person
from tests.journeys.stack import Stack, running_stack

FOLDER: Final = Path(__file__).parents[2] / "docs" / "screens"
WIDTH: Final = 1280
LARGEST_BYTES: Final = 200 * 1024


def main() -> None:
    """Go through the main job and take a picture where somebody would stop and look."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="moyai-screens-") as folder, started() as browser:
        Path(folder).chmod(0o711)
        with running_stack(Path(folder) / "home", members=13) as stack:
            with Person(browser, stack) as onboarding:
                _plan_and_progress(onboarding, stack)
            with Person(browser, stack) as finance:
                _revision_submitted(finance, stack)
            with Person(browser, stack) as approver:
                _revision(approver, stack)
            with Person(browser, stack) as finance:
                _notices_requested(finance, stack)
            with Person(browser, stack) as approver:
                _notices_approved(approver, stack, Path(folder))
            with Person(browser, stack) as owner:
                owner.sign_in(stack.account("tenant-owner", "431001"), check=False)
                _take(owner, "6-municipality")


def _plan_and_progress(person: Person, stack: Stack) -> None:
    person.sign_in(stack.account("operator-onboarding"), check=False)
    _take(person, "1-overview")
    person.open(f"/cohorts/r{FiscalYear.of(clock.today()).year - 2018}/plan")
    _take(person, "2-plan")
    person.main_button().click()
    person.main_button().click()
    expect(person.page.locator("#progress")).to_contain_text(re.compile(r"手順 [1-5]\d／72"))
    _take(person, "3-progress")
    expect(person.page.get_by_text("すべて終わりました")).to_be_visible(timeout=300_000)


def _revision_submitted(person: Person, stack: Stack) -> None:
    person.sign_in(stack.account("operator-finance"), check=False)
    draft = person.page.get_by_role("main").get_by_role("link", name=re.compile("第1回変更"))
    while not draft.count():
        person.open("/allocations")
    draft.first.click()
    person.main_button().click()
    expect(person.page.get_by_role("status")).to_be_visible()


def _revision(person: Person, stack: Stack) -> None:
    person.sign_in(stack.account("operator-approver"), check=False)
    revision = person.page.get_by_role("main").get_by_role("link", name=re.compile("按分"))
    while not revision.count():
        person.open("/approvals")
    revision.first.click()
    person.page.get_by_role("button", name="承認へ進む").click()
    person.main_button().click()
    expect(person.page.get_by_role("status")).to_be_visible()
    _take(person, "4-allocation")


def _notices_requested(person: Person, stack: Stack) -> None:
    person.sign_in(stack.account("operator-finance"), check=False)
    person.open("/notices")
    person.main_button().click()
    person.main_button().click()
    person.main_button().click()
    expect(person.page.get_by_role("status")).to_be_visible()


def _notices_approved(person: Person, stack: Stack, folder: Path) -> None:
    person.sign_in(stack.account("operator-approver"), check=False)
    person.open("/approvals")
    person.main_button().click()
    person.main_button().click()
    expect(person.page.get_by_role("status")).to_be_visible()
    person.open("/notices")
    link = person.page.get_by_role("row", name=re.compile("熊本市")).get_by_role("link", name="PDF")
    sheet = folder / "notice.pdf"
    sheet.write_bytes(person.fetch(f"{stack.url}{link.get_attribute('href')}"))
    picture = FOLDER / "5-notice"
    subprocess.run(
        ["pdftoppm", "-png", "-singlefile", "-scale-to-x", str(WIDTH), "-scale-to-y", "-1", sheet, picture], check=True
    )
    _report_size(picture.with_suffix(".png"))


def _take(person: Person, name: str) -> None:
    path = FOLDER / f"{name}.png"
    person.page.screenshot(path=path)
    _report_size(path)


def _report_size(path: Path) -> None:
    size = path.stat().st_size
    print(f"{path.name}: {size // 1024} KB")
    if size > LARGEST_BYTES:
        sys.exit(f"{path.name} is larger than {LARGEST_BYTES // 1024} KB")


if __name__ == "__main__":
    main()
