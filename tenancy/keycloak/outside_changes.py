"""Which recorded change in Keycloak brought a difference about. Pure: differences and changes in, differences out.

Keycloak's administrators' events say what was done to which object and, mostly, what was written. A change is set
beside a difference only where it explains it: the same object, and the value that was found. Where an event names
nothing but an id that is gone, it is taken if it is the only one of its kind, and none otherwise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tenancy.keycloak.comparison import (
    ChangeKind,
    DifferenceKind,
    KeycloakObject,
    ObjectKind,
    OutsideChange,
    TenantDifference,
    comparable,
)
from tenancy.keycloak.port import AdminChange, Realm

_ORGANIZATION: Final = "ORGANIZATION"
_GROUP: Final = "ORGANIZATION_GROUP"
_IN_GROUP: Final = "ORGANIZATION_GROUP_MEMBERSHIP"
_MEMBER: Final = "ORGANIZATION_MEMBERSHIP"

_FIELDS: Final[Mapping[ObjectKind, Mapping[str, str]]] = {
    ObjectKind.ORGANIZATION: {"name": "name", "enabled": "enabled", "code": "attributes.code"},
    ObjectKind.PERSON: {
        "email": "email",
        "family_name": "lastName",
        "given_name": "firstName",
        "enabled": "enabled",
    },
    ObjectKind.SERVICE_CLIENT: {"name": "name", "enabled": "enabled", "full_scope": "fullScopeAllowed"},
}
"""A field of ours → the one in Keycloak's representation. Others say of a change only that the object was written."""

_REALM_OBJECTS: Final = (
    (re.compile(r"settings()"), "REALM", ""),
    (re.compile(r"user profile (.+)"), "USER_PROFILE", ""),
    (re.compile(r"client scope [^,]+, mapper (.+)"), "PROTOCOL_MAPPER", "client-scopes/"),
    (re.compile(r"client scope ([^,]+)"), "CLIENT_SCOPE", "client-scopes/"),
    (re.compile(r"client [^,]+, mapper (.+)"), "PROTOCOL_MAPPER", "clients/"),
    (re.compile(r"client [^,]+, role ([^:]+)"), "CLIENT_ROLE", "clients/"),
    (re.compile(r"client ([^,]+)"), "CLIENT", "clients/"),
    (re.compile(r"role ([^,]+)"), "REALM_ROLE", "roles"),
)
"""How an object of a realm is named in a difference (with its own name), the kind of its events, where they lie."""


@dataclass(frozen=True, slots=True)
class _Sign:
    """What an event has to be like. `is_only` where it has to be the only one."""

    resource: str
    operations: tuple[ChangeKind, ...]
    fits: Callable[[AdminChange], bool]
    is_only: bool = False


def with_changes(
    differences: Iterable[TenantDifference],
    changes: Sequence[AdminChange],
    known: Iterable[TenantDifference] = (),
) -> tuple[TenantDifference, ...]:
    """The differences, each with the newest change that explains it.

    Where `changes` (the newest first) has none, it keeps that of the same difference among `known`, which were found
    before.
    """
    before = {_identity(one): one.change for one in known}
    found = []
    for one in differences:
        change = _explanation(one, changes) or before.get(_identity(one))
        found.append(one if change is None else one.model_copy(update={"change": change}))
    return tuple(found)


def _identity(one: TenantDifference) -> tuple[str, DifferenceKind, str, str | None, str]:
    return one.tenant, one.kind, one.object, one.field, json.dumps(comparable(one.found), sort_keys=True, default=str)


def _explanation(one: TenantDifference, changes: Sequence[AdminChange]) -> OutsideChange | None:
    if one.about is None:
        in_realm = [change for change in changes if change.realm == one.tenant]
        signs = _signs_in_realm(one)
    else:
        in_realm = [change for change in changes if change.realm is Realm.TENANTS]
        signs = _signs_of(one, one.about)
    for sign in signs:
        fitting = [
            change
            for change in in_realm
            if change.resource_type == sign.resource and change.operation in sign.operations and sign.fits(change)
        ]
        if fitting and (not sign.is_only or len(fitting) == 1):
            return fitting[0].change
    return None


def _signs_in_realm(one: TenantDifference) -> list[_Sign]:
    for pattern, resource, below in _REALM_OBJECTS:
        if (named := pattern.fullmatch(one.object)) is not None:
            return _signs_of_realm_object(one, named[1], resource, below)
    return []


def _signs_of_realm_object(one: TenantDifference, name: str, resource: str, below: str) -> list[_Sign]:
    if one.kind is DifferenceKind.CHANGED:
        return [_Sign(resource, _WRITTEN, lambda change: _names(change, name) and _wrote(change, one))]
    if one.kind is DifferenceKind.FOREIGN:
        return [_Sign(resource, (ChangeKind.CREATE,), lambda change: _names(change, name))]
    gone = (ChangeKind.DELETE,)
    return [
        _Sign(resource, gone, lambda change: change.path.endswith(f"/{name}")),
        _Sign(resource, gone, lambda change: change.path.startswith(below), is_only=True),
    ]


def _signs_of(one: TenantDifference, about: KeycloakObject) -> list[_Sign]:
    path = about.path or ""

    def at(change: AdminChange) -> bool:
        return change.path == path

    def below(change: AdminChange) -> bool:
        return change.path.startswith(path)

    def of_person(change: AdminChange) -> bool:
        return below(change) and change.username == about.name

    gone, come = (ChangeKind.DELETE,), (ChangeKind.CREATE, ChangeKind.UPDATE)
    is_missing = one.kind is DifferenceKind.MISSING
    if about.role is not None and about.kind is ObjectKind.PERSON:
        group_gone = _Sign(_GROUP, gone, lambda change: change.path.startswith(_groups(path)), is_only=True)
        return [_Sign(_IN_GROUP, gone, at), group_gone] if is_missing else [_Sign(_IN_GROUP, come, at)]
    if about.kind is ObjectKind.PERSON and one.field is None:
        by_name = _Sign("USER", gone, lambda change: change.username == about.name)
        return [_Sign(_MEMBER, gone, of_person), by_name] if is_missing else [_Sign(_MEMBER, come, of_person)]
    if about.kind in (ObjectKind.ROLE_GROUP, ObjectKind.GROUP):
        if is_missing:
            return [_Sign(_GROUP, gone, below, is_only=True)]
        if about.kind is ObjectKind.GROUP:
            return [_Sign(_GROUP, come, lambda change: below(change) or change.written.get("name") == about.name)]
        mapping = gone if one.kind is DifferenceKind.CHANGED else come
        return [_Sign(f"{kind}_ROLE_MAPPING", mapping, below) for kind in ("CLIENT", "REALM")]
    resource = {
        ObjectKind.ORGANIZATION: _ORGANIZATION,
        ObjectKind.PERSON: "USER",
        ObjectKind.SERVICE_CLIENT: "CLIENT",
    }.get(about.kind)
    if resource is None:
        return []
    if is_missing:
        return [_Sign(resource, gone, below, is_only=True)]
    if one.field is None:
        return [_Sign(resource, (ChangeKind.CREATE,), at)]
    return [_Sign(resource, _WRITTEN, lambda change: at(change) and _wrote(change, one, about.kind))]


_WRITTEN: Final = (ChangeKind.UPDATE, ChangeKind.CREATE)


def _groups(path: str) -> str:
    """The address of the groups of the organization in whose group this is."""
    return path.partition("/groups/")[0] + "/groups/"


def _names(change: AdminChange, name: str) -> bool:
    """Whether what was written has this name; an object without one has the empty."""
    return not name or name in (change.written.get("clientId"), change.written.get("name"))


def _wrote(change: AdminChange, one: TenantDifference, kind: ObjectKind | None = None) -> bool:
    """Whether the change wrote what was found in the field; of a field that it does not name, whether it may have."""
    field = one.field or ""
    if kind is not None:
        known = _FIELDS[kind].get(field)
        if known is None:
            return True
        field = known
    is_there, value = _value_at(change.written, field)
    return is_there and _as_compared(value) == _as_compared(one.found)


def _value_at(written: Mapping[str, Any], field: str) -> tuple[bool, object]:
    """Whether a field is there and its value; a dot is between two fields or in the name of one."""
    if field in written:
        return True, written[field]
    for dot in (place for place, letter in enumerate(field) if letter == "."):
        inner = written.get(field[:dot])
        if isinstance(inner, Mapping):
            is_there, value = _value_at(inner, field[dot + 1 :])
            if is_there:
                return True, value
    return False, None


def _as_compared(value: object) -> object:
    """As differences are: attributes come in a list of one."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return comparable(value)
