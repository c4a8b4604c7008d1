"""What may stand in the repository: no registry, no machine's path, no secret, nothing unfinished, nothing beside."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOP = {
    *("pyproject.toml", "README.md", "README.ja.md", "LICENSE", "CHANGELOG.md", "Makefile", "requirements.lock"),
    *(".ci", ".gitignore", ".gitattributes", ".editorconfig", "SECURITY.md"),
    *("admin", "tenancy", "billing", "governance", "tests", "docs"),
}
# Written in pieces, so that this page does not hold what it forbids.
HOSTS = re.compile(
    "|".join(
        [
            "py" + r"pi\.org",
            "python" + "hosted",
            "repo1?" + r"\.ma" + "ven",
            "registry" + r"\.np" + "m",
            "deb" + r"\.debi" + "an",
            "proxy" + r"\.gol" + "ang",
            "index" + r"\.cra" + "tes",
        ]
    )
)
PATHS = re.compile(r"(^|[^A-Za-z0-9_.])/(?:wo" + r"rk|fa" + r"rm|ro" + r"ot|ho" + r"me/[a-z]+)/")
KEYS = re.compile("-----BEGIN" + r" (?:[A-Z]+ )?PRIVATE KEY-----")
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|NotImplemented" + r"Error)\b")


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / line for line in listed.splitlines() if (ROOT / line).is_file()]


def _texts(paths: list[Path]) -> list[tuple[str, str]]:
    found = []
    for path in paths:
        try:
            found.append((path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return found


@pytest.mark.parametrize("forbidden", [HOSTS, PATHS, KEYS], ids=["registry hosts", "machine paths", "private keys"])
def test_no_tracked_file_holds(tracked: list[Path], forbidden: re.Pattern[str]) -> None:
    assert [name for name, text in _texts(tracked) if forbidden.search(text)] == []


def test_nothing_unfinished_is_left_in_the_code(tracked: list[Path]) -> None:
    code = [path for path in tracked if path.suffix == ".py"]
    assert [name for name, text in _texts(code) if UNFINISHED.search(text)] == []


def test_nothing_stands_at_the_top_beside_what_was_agreed(tracked: list[Path]) -> None:
    assert {path.relative_to(ROOT).parts[0] for path in tracked} <= TOP


def test_the_lock_file_has_a_hash_for_every_package_and_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    for block in re.split(r"\n(?=[a-z0-9])", lock.strip()):
        if not block.startswith("#"):
            assert "--hash=sha256:" in block, block.splitlines()[0]


def test_no_test_sleeps_or_is_skipped(tracked: list[Path]) -> None:
    tests = [path for path in tracked if path.suffix == ".py" and "tests" in path.parts and path != Path(__file__)]
    lazy = re.compile(r"time\.sleep\(|mark\.skip\b|mark\.xfail|rerun")
    assert [name for name, text in _texts(tests) if lazy.search(text)] == []
