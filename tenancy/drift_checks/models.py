"""What a comparison that was kept says, and how its differences are written into its row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from uuid import UUID

from governance.kernel.models import ReadModel
from tenancy.keycloak.comparison import DifferenceKind, KeycloakObject, ObjectKind, OutsideChange, TenantDifference


class DriftCheckFacts(ReadModel):
    """A comparison. `number` is how many differences it found; it and `ended_at` are None while it is under way.

    `night` is the day of a nightly one, None of one that was asked for.
    """

    id: UUID
    asked_by: str
    asked_at: datetime
    night: date | None
    ended_at: datetime | None
    number: int | None


class DriftCheckDetails(DriftCheckFacts):
    """A comparison with what it found; nothing while it is under way.

    What the administrators' events of Keycloak say was read up to `looked_at`, when it began.
    """

    looked_at: datetime | None
    differences: tuple[TenantDifference, ...]


def to_findings(differences: Iterable[TenantDifference]) -> list[dict[str, Any]]:
    """The differences as JSON, with the objects that they are about."""
    return [
        {
            "difference": one.model_dump(mode="json"),
            "about": None if one.about is None else asdict(one.about) | {"kind": one.about.kind.value},
        }
        for one in differences
    ]


def from_findings(findings: Iterable[Mapping[str, Any]]) -> tuple[TenantDifference, ...]:
    """The differences of `to_findings`."""
    return tuple(_difference(one["difference"], one["about"]) for one in findings)


def _difference(written: Mapping[str, Any], about: Mapping[str, Any] | None) -> TenantDifference:
    change = None if written.get("change") is None else OutsideChange.model_validate_json(json.dumps(written["change"]))
    kind = DifferenceKind(written["kind"])
    values = {name: written.get(name) for name in ("field", "intended", "found")}
    if about is None:
        found = TenantDifference(tenant=written["tenant"], kind=kind, object=written["object"], **values)
    else:
        named = KeycloakObject(**{**about, "kind": ObjectKind(about["kind"])})
        found = TenantDifference.of(named, kind, tenant=written["tenant"], **values)
    return found if change is None else found.model_copy(update={"change": change})
