"""Comparing what is declared with what was found, field by field. Pure; shared by the realms' set-up and by drift."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, GetJsonSchemaHandler, PrivateAttr, SerializerFunctionWrapHandler, model_serializer
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from governance.kernel.labels import LabelledEnum
from governance.kernel.models import ReadModel

Json = dict[str, Any]


class DifferenceKind(LabelledEnum):
    """missing: wanted and absent · changed: present with another value · foreign: present and not made by Moyai ·
    orphan: made by Moyai and no longer wanted.
    """

    MISSING = "missing", "認証サービスにない", "missing"
    CHANGED = "changed", "内容が違う", "different"
    FOREIGN = "foreign", "Moyaiが作っていない", "not made by Moyai"
    ORPHAN = "orphan", "使われていない", "not used any more"


class ObjectKind(LabelledEnum):
    """What an object in Keycloak is. The value is the word for it in a difference's `object`."""

    ORGANIZATION = "organization", "団体", "organization"
    ROLE_GROUP = "role group", "役割のグループ", "role group"
    GROUP = "group", "グループ", "group"
    PERSON = "person", "利用者", "person"
    SERVICE_CLIENT = "service client", "連携システム", "system"
    IDENTITY_PROVIDER = "identity provider", "IdP", "identity provider"
    USER = "user", "認証サービスの利用者", "user"


@dataclass(frozen=True, slots=True)
class KeycloakObject:
    """An object in Keycloak, by the name it has there and by the one people know (`title`).

    `role` is set where the difference is about one role that it holds or should hold. `path` is its address below the
    realm in Keycloak's administration, as far as it was read; of what is missing, that of what it should be in.
    """

    kind: ObjectKind
    name: str
    title: str
    role: str | None = None
    path: str | None = None

    def __str__(self) -> str:
        return f"{self.kind.value} {self.name}" + (f", role {self.role}" if self.role else "")


def _sorted_set(value: object) -> object:
    return sorted(value) if isinstance(value, set | frozenset) else value


class ChangeKind(LabelledEnum):
    """What an administrator's event in Keycloak says was done."""

    CREATE = "create", "追加", "added"
    UPDATE = "update", "変更", "changed"
    DELETE = "delete", "削除", "deleted"
    ACTION = "action", "操作", "carried out"


class OutsideChange(ReadModel):
    """A change in Keycloak that none of Moyai's own accounts made: what was done, when, by whom and from where.

    `realm` is where the account lives, `account` its user name there, or Keycloak's id where that cannot be read.
    """

    at: datetime
    operation: ChangeKind
    realm: str
    account: str
    ip_address: str


class Difference(ReadModel):
    """One difference between what Moyai wants and what Keycloak holds.

    `object` names it in words a person finds again in Keycloak. `field`, `intended` and `found` are set, and printed,
    only where one field of an object differs. Secrets are never compared and never shown. `change` is what Keycloak's
    own record says of how it came about, where that was found.
    """

    kind: DifferenceKind
    object: str
    field: str | None = None
    intended: Annotated[Any, BeforeValidator(_sorted_set)] = None
    found: Annotated[Any, BeforeValidator(_sorted_set)] = None
    change: OutsideChange | None = None

    @model_serializer(mode="wrap")
    def _without_absent_field(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = serialize(self)
        if self.field is None:
            for name in ("field", "intended", "found"):
                del values[name]
        if self.change is None:
            del values["change"]
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

    Where it belongs to no tenant, `tenant` is what Keycloak has in its place: an alias, a client id or a realm. `about`
    is what `object` names, for pages; it is not printed.
    """

    tenant: str
    _about: KeycloakObject | None = PrivateAttr(None)

    @classmethod
    def of(
        cls,
        about: KeycloakObject,
        kind: DifferenceKind,
        *,
        tenant: str,
        field: str | None = None,
        intended: object = None,
        found: object = None,
    ) -> TenantDifference:
        """The difference of this object; `object` are its words."""
        one = cls(tenant=tenant, kind=kind, object=str(about), field=field, intended=intended, found=found)
        one._about = about
        return one

    @property
    def about(self) -> KeycloakObject | None:
        """What `object` names; None of a difference that was read from an answer."""
        return self._about


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
        elif comparable(wanted) != comparable(got):
            yield field, wanted, got


def comparable(value: object) -> object:
    """A value as differences are found by: lists in one order, and nothing for an empty one."""
    if isinstance(value, list | tuple | set | frozenset):
        return sorted(json.dumps(item, sort_keys=True) for item in value)
    if value is None or value == "" or value == {}:
        return None
    return value
