"""How many lines the delivery code of a tree has: console, API and command line, Python and templates.

    python count_delivery.py TREE [TREE …] [--files] [--json]

Counted alike in every tree, whatever its layout, so that two trees can be compared:

- delivery: every line of every Python file and template that is, or became, console, API or command line. A file that
  was moved is counted where it stands now (DELIVERY names the places of both layouts).
- elsewhere: labels and forms that stand outside those places, as they would be delivery code if they stood there:
  whole files by their name, and in the domain the lines of label tables and of calls that give a field its label.

A line is a line of the file, blank or not. A template's line above 160 characters counts as the lines it would take,
so that denser templates are no shorter. Python is held to 120 columns by ruff, and longer lines count the same way.
Catalogues of translations (*.po, *.mo), style sheets and pictures are not counted.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

PYTHON_COLUMNS: Final = 120
TEMPLATE_COLUMNS: Final = 160

DELIVERY: Final[dict[str, tuple[str, ...]]] = {
    # 0.1.0: one folder per way in.
    "console": ("admin/console/",),
    "api": ("admin/api/",),
    "command line": ("admin/cli/", "admin/cli.py"),
    # since 0.2.0: what is common to all ways in, and one folder per subject.
    "interface": ("admin/interface/",),
    "features": ("admin/features/", "admin/features.py"),
    # Beside both: templates of the application, what describes it, and what one of the above was moved to.
    "beside": (
        "admin/templates/",
        "admin/identity/templates/",
        "admin/reference.py",
        "admin/core/labels.py",
        "admin/core/forms.py",
        "admin/example/cli.py",
        "admin/operations/assets.py",
    ),
}
"""Places by part: a folder ends with a slash, a file does not."""

DOMAIN: Final = ("governance/", "tenancy/", "billing/")
ELSEWHERE_FILES: Final = re.compile(r"(?:^|/)(?:\w+_)?(?:labels?|words|forms?|form_fields)\.py$")
ELSEWHERE_TABLES: Final = re.compile(r"(?!check_)(?:\w+_)?(?:labels?|words|headings?|help)", re.IGNORECASE)
"""Names of tables and functions in the domain that say what something is called on a screen."""
ELSEWHERE_CALLS: Final = frozenset({"label", "labels", "Label", "Labels", "LabelPair", "Bilingual", "Help"})
"""Calls in the domain that give a field or a value its label."""


@dataclass(frozen=True)
class Counted:
    """One file's lines. `wrapped` of them come from lines that are too long."""

    part: str
    path: str
    kind: str
    lines: int
    wrapped: int


def count(tree: Path) -> list[Counted]:
    """Every file of the tree that holds delivery code, wholly or in part."""
    return [counted for path in _files(tree) if (counted := _counted(tree, path)) is not None]


def _files(tree: Path) -> Iterator[str]:
    """The files of the four packages, below the tree."""
    for package in ("admin", *(place.rstrip("/") for place in DOMAIN)):
        for path in sorted((tree / package).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(tree).as_posix()


def _counted(tree: Path, path: str) -> Counted | None:
    kind = _kind(path)
    if kind is None:
        return None
    part = next((part for part, places in DELIVERY.items() if any(_lies_in(path, place) for place in places)), None)
    text = (tree / path).read_text(encoding="utf-8")
    lines = text.splitlines()
    if part is None:
        lines = _elsewhere(path, lines, text) if kind == "python" else []
        part = "elsewhere"
    if not lines:
        return None
    columns = TEMPLATE_COLUMNS if kind == "template" else PYTHON_COLUMNS
    wrapped = sum(max(0, -(-len(line) // columns) - 1) for line in lines)
    return Counted(part, path, kind, len(lines) + wrapped, wrapped)


def _kind(path: str) -> str | None:
    if path.endswith(".py"):
        return "python"
    if path.endswith((".html", ".jinja", ".j2")) or ("/templates/" in path and path.endswith((".txt", ".xml"))):
        return "template"
    return None


def _lies_in(path: str, place: str) -> bool:
    return path.startswith(place) if place.endswith("/") else path == place


def _elsewhere(path: str, lines: list[str], text: str) -> list[str]:
    """The lines of a Python file outside delivery that are labels or forms."""
    if not path.startswith((*DOMAIN, "admin/")):
        return []
    if ELSEWHERE_FILES.search(path):
        return lines
    if not path.startswith(DOMAIN):
        return []
    numbers: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.stmt | ast.expr) and _is_label(node):
            numbers.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return [lines[number - 1] for number in sorted(numbers)]


def _is_label(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        return name in ELSEWHERE_CALLS
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return bool(ELSEWHERE_TABLES.fullmatch(node.name))
    if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return any(isinstance(target, ast.Name) and ELSEWHERE_TABLES.fullmatch(target.id) for target in targets)
    return False


def _table(tree: str, counted: list[Counted], *, files: bool) -> str:
    rows = [f"{tree}", f"{'part':<16}{'python':>8}{'template':>10}{'lines':>8}{'of them wrapped':>18}"]
    for part in (*DELIVERY, "elsewhere"):
        own = [one for one in counted if one.part == part]
        if own:
            rows.append(_row(part, own))
            rows += [f"  {one.path:<66}{one.lines:>6}" for one in own if files]
    rows.append(_row("delivery", [one for one in counted if one.part != "elsewhere"]))
    rows.append(_row("all", counted))
    return "\n".join(rows)


def _row(name: str, counted: list[Counted]) -> str:
    python, template = (sum(one.lines for one in counted if one.kind == kind) for kind in ("python", "template"))
    wrapped = sum(one.wrapped for one in counted)
    return f"{name:<16}{python:>8,}{template:>10,}{python + template:>8,}{wrapped:>18,}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Count the lines of a tree's delivery code.")
    parser.add_argument("trees", nargs="+", type=Path, metavar="TREE")
    parser.add_argument("--files", action="store_true", help="also each file")
    parser.add_argument("--json", action="store_true", help="one object, tree → files")
    given = parser.parse_args()
    counted = {str(tree): count(tree) for tree in given.trees}
    if given.json:
        report = json.dumps({tree: [asdict(one) for one in files] for tree, files in counted.items()}, indent=1)
    else:
        report = "\n\n".join(_table(tree, files, files=given.files) for tree, files in counted.items())
    sys.stdout.write(report + "\n")


if __name__ == "__main__":
    main()
