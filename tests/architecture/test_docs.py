"""What the pages for people name exists: the tests that hold a promise, the paths of the tour, the links."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PROMISING: Final = {
    "README.md": "## What it promises",
    "README.ja.md": "## 約束",
    "SECURITY.md": "## What is promised",
}
"""Page → the heading over its list of promises."""

PAGES: Final = (*PROMISING, *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))


def _tests_of(path: str) -> set[str]:
    body = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
    return {node.name for node in body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def _promises_of(page: str) -> dict[str, list[tuple[str, str]]]:
    """The sentences that `docs/PROMISES.md` quotes from the page, each with (file, function) of its tests."""
    text = (ROOT / "docs/PROMISES.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {page}\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").rpartition(" | ") for line in section.splitlines() if line.startswith("| ")][1:]
    return {sentence: re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", tests) for sentence, _, tests in rows}


def _plain(text: str) -> str:
    """Without white space: a sentence may be wrapped."""
    return "".join(text.split())


@pytest.mark.parametrize(("page", "heading"), PROMISING.items())
def test_every_promise_stands_in_its_file_and_names_tests_that_exist(page: str, heading: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    promises = _promises_of(page)
    listed = [line[2:] for line in text.split(f"\n{heading}\n")[1].split("\n## ")[0].splitlines() if line[:2] == "- "]

    assert len(listed) >= 5
    assert [sentence for sentence in listed if sentence not in promises] == []
    assert [sentence for sentence in promises if _plain(sentence) not in _plain(text)] == []
    assert [sentence for sentence, tests in promises.items() if not tests] == []
    named = [test for tests in promises.values() for test in tests]
    assert [name for path, name in named if name not in _tests_of(path)] == []


def test_every_path_of_the_tour_exists() -> None:
    """A path is in a column of its section's package, or written whole."""
    tour = (ROOT / "docs/TOUR.md").read_text(encoding="utf-8")
    for section in re.split(r"^## ", tour, flags=re.MULTILINE)[1:]:
        package = section.splitlines()[0]
        if not (ROOT / package).is_dir():
            continue
        rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
        assert rows
        named = [name for row in rows for name in re.findall(r"`([\w/.]+)`", row)]
        present = {name for name in named if (ROOT / package / name).exists()}
        assert set(named) == present


def test_every_package_of_a_layer_is_in_the_tour() -> None:
    tour = (ROOT / "docs/TOUR.md").read_text(encoding="utf-8")
    for layer in ("governance", "tenancy", "billing", "admin"):
        packages = {path.parent.name for path in (ROOT / layer).glob("*/__init__.py")}
        section = tour.split(f"\n## {layer}\n")[1].split("\n## ")[0]
        assert {name for name in packages if f"`{name}/`" not in section} == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_link_to_a_file_leads_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []
