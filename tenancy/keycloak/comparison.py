"""Comparing what is declared with what was found, field by field. Pure; shared by the realms' set-up and by drift."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, GetJsonSchemaHandler, SerializerFunctionWrapHandler, model_serializer
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from governance.kernel.models import ReadModel

Json = dict[str, Any]


class DifferenceKind(StrEnum):
    """missing: wanted and absent · changed: present with another value · foreign: present and not made by Moyai ·
    orphan: made by Moyai and no longer wanted.
    """

    MISSING = "missing"
    CHANGED = "changed"
    FOREIGN = "foreign"
    ORPHAN = "orphan"


def _sorted_set(value: object) -> object:
    return sorted(value) if isinstance(value, set | frozenset) else value


class Difference(ReadModel):
    """One difference between what Moyai wants and what Keycloak holds.

    `object` names it in words a person finds again in Keycloak. `field`, `intended` and `found` are set, and printed,
    only where one field of an object differs. Secrets are never compared and never shown.
    """

    kind: DifferenceKind
    object: str
    field: str | None = None
    intended: Annotated[Any, BeforeValidator(_sorted_set)] = None
    found: Annotated[Any, BeforeValidator(_sorted_set)] = None

    @model_serializer(mode="wrap")
    def _without_absent_field(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = serialize(self)
        if self.field is None:
            for name in ("field", "intended", "found"):
                del values[name]
        return values

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        # The schema of the fields: of a serializer of one's own pydantic would publish no more than "an object".
        return handler({name: part for name, part in core_schema.items() if name != "serialization"})


class RealmDifference(Difference):
    """A difference in the set-up of a realm."""

    realm: str


class TenantDifference(Difference):
    """A difference in what belongs to a tenant. `tenant` is its code.

    Where it belongs to no tenant, `tenant` is what Keycloak has in its place: an alias, a client id or a realm.
    """

    tenant: str


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
