"""Comparing what Moyai wants of a tenant in Keycloak with what was found. Pure: intent and facts in, differences out.

Objects with Moyai's marker may be repaired (missing, changed) or removed (orphan) elsewhere. Everything else is
foreign: it is reported and never changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from tenancy.keycloak.comparison import DifferenceKind, KeycloakObject, ObjectKind, RealmDifference, TenantDifference
from tenancy.keycloak.port import (
    MANAGED_BY,
    SERVICE_CLIENT_PREFIX,
    TENANT_ROLE_GROUPS,
    IdentityProviderFacts,
    IdentityProviderIntent,
    KeycloakTenantFacts,
    OrganizationFacts,
    OrganizationIntent,
    PersonFacts,
    PersonIntent,
    Privilege,
    Realm,
    RoleGroupFacts,
    ServiceClientFacts,
    ServiceClientIntent,
)
from tenancy.keycloak.representations import (
    identity_provider_changes,
    organization_changes,
    person_changes,
    service_client_changes,
)
from tenancy.keycloak.specification.model import REALM_MANAGEMENT
from tenancy.keycloak.specification.shared import AFTER_IDENTITY_PROVIDER_FLOW, UNKNOWN_PERSON_FLOW

_MISSING, _CHANGED, _FOREIGN, _ORPHAN = DifferenceKind


@dataclass(frozen=True, slots=True)
class TenantIntent:
    """All that Moyai wants Keycloak to hold of one tenant."""

    organization: OrganizationIntent
    people: tuple[PersonIntent, ...] = ()
    service_clients: tuple[ServiceClientIntent, ...] = ()


def tenant_drift(intent: TenantIntent, found: KeycloakTenantFacts) -> tuple[TenantDifference, ...]:
    """Every difference of one tenant, in the order organization, groups, people, service clients.

    People's groups are compared as far as they were read (`PersonFacts.groups`).
    """
    return tuple(_Comparison(intent, found).differences())


def privilege_drift(privileges: Iterable[Privilege]) -> tuple[TenantDifference, ...]:
    """Each management role held in our realms by anybody but the backend's own accounts. `tenant` is the realm."""
    return tuple(
        TenantDifference.of(
            KeycloakObject(
                ObjectKind(held.holder_kind), held.holder, held.holder, role=f"{REALM_MANAGEMENT}:{held.role}"
            ),
            _FOREIGN,
            tenant=str(held.realm),
        )
        for held in privileges
    )


def orphaned_organizations(
    known: Collection[UUID], organizations: Iterable[OrganizationFacts]
) -> tuple[TenantDifference, ...]:
    """Organizations of no `known` tenant: with our marker orphans, else foreign. `tenant` is the code or the alias."""
    tenants = {str(tenant) for tenant in known}
    return tuple(
        TenantDifference.of(
            KeycloakObject(ObjectKind.ORGANIZATION, found.alias, found.title, path=f"organizations/{found.id}"),
            _ORPHAN if found.managed_by == MANAGED_BY else _FOREIGN,
            tenant=found.code or found.alias,
        )
        for found in organizations
        if found.tenant_id not in tenants or found.managed_by != MANAGED_BY
    )


def orphaned_service_clients(
    known: Collection[UUID], clients: Iterable[ServiceClientFacts]
) -> tuple[TenantDifference, ...]:
    """Service clients of no `known` tenant, which no tenant's own comparison would show."""
    tenants = {str(tenant) for tenant in known}
    return tuple(
        TenantDifference.of(
            _service_client(found),
            _ORPHAN if found.managed_by == MANAGED_BY else _FOREIGN,
            tenant=found.tenant_id or found.client_id,
        )
        for found in clients
        if found.tenant_id not in tenants
    )


def identity_provider_drift(
    wanted: Mapping[str, IdentityProviderIntent], found: Iterable[IdentityProviderFacts], *, others: bool
) -> tuple[TenantDifference, ...]:
    """Every difference of tenants' own identity providers; `wanted` by the tenant's code.

    With `others` also those that no tenant wants: with our marker orphans, else foreign, and `tenant` is the alias.
    """
    by_alias = {one.alias: one for one in found}
    differences: list[TenantDifference] = []
    for code, intent in wanted.items():
        about = KeycloakObject(ObjectKind.IDENTITY_PROVIDER, intent.alias, intent.name)
        there = by_alias.pop(intent.alias, None)
        if there is None:
            differences.append(TenantDifference.of(about, _MISSING, tenant=code))
        elif (there.managed_by, there.tenant_id) != (MANAGED_BY, str(intent.tenant_id)):
            differences.append(TenantDifference.of(about, _FOREIGN, tenant=code))
        else:
            changes = identity_provider_changes(intent, there, (UNKNOWN_PERSON_FLOW, AFTER_IDENTITY_PROVIDER_FLOW))
            differences += [
                TenantDifference.of(about, _CHANGED, tenant=code, field=field, intended=pair[0], found=pair[1])
                for field, pair in changes.items()
            ]
    if others:
        differences += [
            TenantDifference.of(
                KeycloakObject(ObjectKind.IDENTITY_PROVIDER, alias, one.name or alias),
                _ORPHAN if one.managed_by == MANAGED_BY else _FOREIGN,
                tenant=alias,
            )
            for alias, one in sorted(by_alias.items())
        ]
    return tuple(differences)


def realm_drift(differences: Iterable[RealmDifference]) -> tuple[TenantDifference, ...]:
    """What of the realms themselves is not as specified. `tenant` is the realm.

    Service clients are compared with the tenants' (`orphaned_service_clients`), so that none is named twice.
    """
    return tuple(
        TenantDifference(
            tenant=one.realm,
            kind=one.kind,
            object=one.object,
            field=one.field,
            intended=one.intended,
            found=one.found,
        )
        for one in differences
        if one.realm != Realm.TENANTS or not one.object.startswith(f"client {SERVICE_CLIENT_PREFIX}")
    )


class _Comparison:
    def __init__(self, intent: TenantIntent, found: KeycloakTenantFacts) -> None:
        self._intent = intent
        self._found = found
        self._code = intent.organization.code
        self._path = f"organizations/{'' if found.organization is None else found.organization.id}"
        self._group_paths = {group.name: f"{self._path}/groups/{group.id}" for group in found.role_groups}

    def differences(self) -> Iterator[TenantDifference]:
        yield from self._of_organization()
        yield from self._of_groups()
        yield from self._of_people()
        yield from self._of_service_clients()

    def _of_organization(self) -> Iterator[TenantDifference]:
        intent, found = self._intent.organization, self._found.organization
        about = KeycloakObject(ObjectKind.ORGANIZATION, intent.alias, intent.name, path=self._path)
        if found is None:
            yield self._difference(_MISSING, about)
        elif found.managed_by != MANAGED_BY:
            yield self._difference(_FOREIGN, about)
        else:
            yield from self._changed(about, organization_changes(intent, found))

    def _of_groups(self) -> Iterator[TenantDifference]:
        found = {group.name: group for group in self._found.role_groups}
        for name in TENANT_ROLE_GROUPS:
            if name not in found:
                absent = KeycloakObject(ObjectKind.ROLE_GROUP, name, name, path=f"{self._path}/groups/")
                yield self._difference(_MISSING, absent)
            else:
                yield from self._of_group(found[name])
        for name in sorted(found.keys() - set(TENANT_ROLE_GROUPS)):
            about = KeycloakObject(ObjectKind.GROUP, name, name, path=self._group_paths[name])
            yield self._difference(_FOREIGN, about)

    def _of_group(self, group: RoleGroupFacts) -> Iterator[TenantDifference]:
        about = KeycloakObject(ObjectKind.ROLE_GROUP, group.name, group.name, path=self._group_paths[group.name])
        if group.name not in group.roles:
            yield self._difference(_CHANGED, about, "roles", [group.name], sorted(group.roles))
        for role in sorted((group.roles - {group.name}) | group.other_roles):
            yield self._difference(_FOREIGN, replace(about, role=role))

    def _of_people(self) -> Iterator[TenantDifference]:
        found = {person.username: person for person in self._found.people}
        for intent in self._intent.people:
            member = _person(intent, f"{self._path}/members")
            person = found.pop(intent.username, None)
            if person is None:
                yield self._difference(_MISSING, member)
            elif not self._is_ours(person, intent.account_tenant_id):
                yield self._difference(_FOREIGN, member)
            else:
                yield from self._changed(_person(intent, f"users/{person.id}"), person_changes(intent, person))
                yield from self._of_groups_of(intent, person)
        for _, person in sorted(found.items()):
            kind = _ORPHAN if self._is_ours(person) else _FOREIGN
            yield self._difference(kind, _person(person, f"{self._path}/members"))

    def _of_groups_of(self, intent: PersonIntent, person: PersonFacts) -> Iterator[TenantDifference]:
        if person.groups is None:
            return
        for role in sorted(intent.roles - person.groups):
            yield self._difference(_MISSING, self._membership(intent, person, role))
        for role in sorted(person.groups - intent.roles):
            # Moyai granted no such role, so it has no effect (both must agree); it is reported to be removed by hand.
            yield self._difference(_FOREIGN, self._membership(intent, person, role))

    def _membership(self, intent: PersonIntent, person: PersonFacts, role: str) -> KeycloakObject:
        group = self._group_paths.get(role)
        path = f"{self._path}/groups/" if group is None else f"{group}/members/{person.id}"
        return replace(_person(intent, path), role=role)

    def _of_service_clients(self) -> Iterator[TenantDifference]:
        found = {client.client_id: client for client in self._found.service_clients}
        for intent in self._intent.service_clients:
            client = found.pop(intent.client_id, None)
            if client is None:
                yield self._difference(_MISSING, _service_client(intent))
            elif not self._is_ours(client):
                yield self._difference(_FOREIGN, _service_client(client))
            else:
                about = replace(_service_client(intent), path=f"clients/{client.id}")
                yield from self._changed(about, service_client_changes(intent, client))
        for _, client in sorted(found.items()):
            yield self._difference(_ORPHAN if self._is_ours(client) else _FOREIGN, _service_client(client))

    def _is_ours(self, found: PersonFacts | ServiceClientFacts, made_for: UUID | None = None) -> bool:
        tenant_id = made_for or self._intent.organization.tenant_id
        return found.managed_by == MANAGED_BY and found.tenant_id == str(tenant_id)

    def _changed(self, about: KeycloakObject, changes: dict[str, tuple[object, object]]) -> Iterator[TenantDifference]:
        for field, (intended, found) in changes.items():
            yield self._difference(_CHANGED, about, field, intended, found)

    def _difference(
        self,
        kind: DifferenceKind,
        about: KeycloakObject,
        field: str | None = None,
        intended: object = None,
        found: object = None,
    ) -> TenantDifference:
        return TenantDifference.of(about, kind, tenant=self._code, field=field, intended=intended, found=found)


def _person(person: PersonIntent | PersonFacts, path: str) -> KeycloakObject:
    name = " ".join(part for part in (person.family_name, person.given_name) if part)
    return KeycloakObject(ObjectKind.PERSON, person.username, name or person.email or "", path=path)


def _service_client(client: ServiceClientIntent | ServiceClientFacts) -> KeycloakObject:
    path = f"clients/{client.id}" if isinstance(client, ServiceClientFacts) else "clients/"
    return KeycloakObject(ObjectKind.SERVICE_CLIENT, client.client_id, client.name or client.client_id, path=path)
