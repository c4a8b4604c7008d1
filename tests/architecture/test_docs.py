"""What the pages for people name exists: the tests that hold a promise, the paths of the tour, the links."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = ("README.md", "README.ja.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))


def _tests_of(path: str) -> set[str]:
    body = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
    return {node.name for node in body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize("page", ["README.md", "README.ja.md"])
def test_every_promise_names_tests_that_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    promises = re.split(r"^## ", text, flags=re.MULTILINE)[-1].splitlines()
    rows = [line for line in promises if line.startswith("| ")][1:]
    assert len(rows) >= 5
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row)
        assert named, row
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
