"""The persistence kit is used everywhere: the day of a command, lookups, private files, threads, formula signs."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("governance", "tenancy", "billing")


def _functions() -> list[tuple[str, ast.FunctionDef]]:
    return [
        (f"{path.relative_to(ROOT).as_posix()}:{node.name}", node)
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    ]


@pytest.mark.slow
def test_what_has_a_command_context_takes_the_day_from_it() -> None:
    handlers = [(name, node) for name, node in _functions() if any(arg.arg == "ctx" for arg in node.args.args)]
    asking = {
        name
        for name, node in handlers
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and ast.unparse(call.func) in {"clock.today", "today"}
    }
    assert len(handlers) > 50
    assert asking == set()


def test_one_function_refuses_what_is_not_found() -> None:
    raising = {
        path.relative_to(ROOT).as_posix()
        for package in (*PACKAGES, "admin")
        for path in (ROOT / package).rglob("*.py")
        if "NotFound(NOT_FOUND" in path.read_text(encoding="utf-8")
    }
    assert raising == {"governance/kernel/errors.py"}


def test_private_files_threads_and_formula_signs_have_one_module_each() -> None:
    homes = {
        "os.open(": "governance/kernel/private_files.py",
        "ThreadPoolExecutor(": "governance/kernel/concurrency.py",
        '"＝"': "governance/kernel/spreadsheets.py",
        "IN ({', '.join(": "governance/kernel/database.py",
    }
    found: dict[str, set[str]] = {sign: set() for sign in homes}
    for package in (*PACKAGES, "admin"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            for sign in homes:
                if sign in text:
                    found[sign].add(path.relative_to(ROOT).as_posix())
    assert found == {sign: {home} for sign, home in homes.items()}
