"""The manuals: a newcomer walks the path of each, its pictures are of the pages as they are, and each is set as PDF."""

from __future__ import annotations

import re
from difflib import unified_diff
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from pypdf import PdfReader

from tests.journeys import manuals, manuals_pdf
from tests.journeys.person import Person
from tests.journeys.stack import Stack

_IMAGE = re.compile(r"!\[[^\]]+\]\(screens/([a-z-]+)\.png\)")

RETAKE = "python -m tests.journeys.manuals"


def _pictures(manual: str) -> list[str]:
    return _IMAGE.findall((manuals.FOLDER / f"{manual}.md").read_text(encoding="utf-8"))


@pytest.mark.browser
def test_a_newcomer_walks_the_path_of_each_manual_and_sees_what_its_pictures_show(
    browser: Browser, own_stack: Stack
) -> None:
    otherwise: list[str] = []

    for manual, walk in manuals.MANUALS.items():
        seen: list[str] = []

        def picture(person: Person, name: str, seen: list[str] = seen) -> None:
            seen.append(name)
            kept = (manuals.PICTURES / f"{name}.txt").read_text(encoding="utf-8").splitlines()
            otherwise.extend(unified_diff(kept, manuals.text_of(person).splitlines(), name, "now", n=0, lineterm=""))

        manuals.settle(own_stack)
        walk(browser, own_stack, picture)
        assert seen == _pictures(manual), manual
    assert otherwise == [], "\n".join(["Pages say something else than in the manual: " + RETAKE, *otherwise])


def test_every_picture_has_its_text_and_its_place() -> None:
    shown = {name for manual in manuals.MANUALS for name in _pictures(manual)}

    assert {path.stem for path in manuals.PICTURES.glob("*.png")} == shown
    assert {path.stem for path in manuals.PICTURES.glob("*.txt")} == shown
    assert {path.stem for path in manuals.FOLDER.glob("*.md")} == set(manuals.MANUALS)


@pytest.mark.parametrize("manual", list(manuals.MANUALS))
def test_a_manual_is_a_paper_with_its_pictures_and_page_numbers(tmp_path: Path, manual: str) -> None:
    paper = manuals_pdf.typeset_manual(manual, tmp_path)

    pages = PdfReader(paper).pages
    text = "".join(page.extract_text() for page in pages)
    assert "操作手引" in text
    assert f"{len(pages)} / {len(pages)}" in pages[-1].extract_text()
    assert sum(len(page.images) for page in pages) == len(_pictures(manual))
    assert all(page.extract_text().strip() or page.images for page in pages)
