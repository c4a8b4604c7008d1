"""Comparing what is declared with what was found, field by field. Pure; shared by the realms' set-up and by drift."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Json = dict[str, Any]


class DifferenceKind(StrEnum):
    """missing: wanted, not there · changed: there, with another value · foreign: there, not made by Moyai · orphan:
    made by Moyai, wanted no more."""

    MISSING = "missing"
    CHANGED = "changed"
    FOREIGN = "foreign"
    ORPHAN = "orphan"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between intent and server. `location` is a realm, or the code of a tenant.

    `resource` names it in words a person finds again in Keycloak. Secrets are never compared and never shown.
    """

    location: str
    kind: DifferenceKind
    resource: str
    field: str | None = None
    intended: object = None
    found: object = None

    def as_json(self, location: str) -> dict[str, object]:
        """As the command line prints it; `location` is the key to use: `realm` or `tenant`."""
        answer: dict[str, object] = {
            location: self.location,
            "kind": str(self.kind),
            "object": self.resource,
        }
        if self.field is not None:
            answer.update(
                field=self.field,
                intended=_plain(self.intended),
                found=_plain(self.found),
            )
        return answer


SECRETS = frozenset({"smtpServer.password"})
"""Fields the server answers with stars; they are written together with others and compared with none."""


def differing_fields(
    declared: Mapping[str, Any], found: Mapping[str, Any], under: str = ""
) -> Iterator[tuple[str, object, object]]:
    """Each declared field whose found value differs: its dotted name, what is declared, what was found.

    Lists are compared as sets, because Keycloak does not keep their order; `None` and an empty text are the same.
    """
    for name, wanted in declared.items():
        field = f"{under}{name}"
        got = found.get(name)
        if field in SECRETS:
            continue
        if isinstance(wanted, Mapping) and wanted:
            yield from differing_fields(wanted, got if isinstance(got, Mapping) else {}, f"{field}.")
        elif _comparable(wanted) != _comparable(got):
            yield field, wanted, got


def _comparable(value: object) -> object:
    if isinstance(value, list | tuple | set | frozenset):
        return sorted(json.dumps(item, sort_keys=True) for item in value)
    if value is None or value == "" or value == {}:
        return None
    return value


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, set | frozenset) else value
