"""Comparing what Moyai wants of a tenant in Keycloak with what was found. Pure: intent and facts in, differences out.

Objects with Moyai's marker may be repaired (missing, changed) or removed (orphan) elsewhere. Everything else is
foreign: it is reported and never changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from uuid import UUID

from tenancy.keycloak.comparison import DifferenceKind, KeycloakObject, ObjectKind, RealmDifference, TenantDifference
from tenancy.keycloak.port import (
    MANAGED_BY,
    SERVICE_CLIENT_PREFIX,
    TENANT_ROLE_GROUPS,
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
from tenancy.keycloak.representations import organization_changes, person_changes, service_client_changes
from tenancy.keycloak.specification.model import REALM_MANAGEMENT

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
            KeycloakObject(ObjectKind.ORGANIZATION, found.alias, found.title),
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

    def differences(self) -> Iterator[TenantDifference]:
        yield from self._of_organization()
        yield from self._of_groups()
        yield from self._of_people()
        yield from self._of_service_clients()

    def _of_organization(self) -> Iterator[TenantDifference]:
        intent, found = self._intent.organization, self._found.organization
        about = KeycloakObject(ObjectKind.ORGANIZATION, intent.alias, intent.name)
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
                yield self._difference(_MISSING, KeycloakObject(ObjectKind.ROLE_GROUP, name, name))
            else:
                yield from self._of_group(found[name])
        for name in sorted(found.keys() - set(TENANT_ROLE_GROUPS)):
            yield self._difference(_FOREIGN, KeycloakObject(ObjectKind.GROUP, name, name))

    def _of_group(self, group: RoleGroupFacts) -> Iterator[TenantDifference]:
        about = KeycloakObject(ObjectKind.ROLE_GROUP, group.name, group.name)
        if group.name not in group.roles:
            yield self._difference(_CHANGED, about, "roles", [group.name], sorted(group.roles))
        for role in sorted((group.roles - {group.name}) | group.other_roles):
            yield self._difference(_FOREIGN, replace(about, role=role))

    def _of_people(self) -> Iterator[TenantDifference]:
        found = {person.username: person for person in self._found.people}
        for intent in self._intent.people:
            about = _person(intent)
            person = found.pop(intent.username, None)
            if person is None:
                yield self._difference(_MISSING, about)
            elif not self._is_ours(person):
                yield self._difference(_FOREIGN, about)
            else:
                yield from self._changed(about, person_changes(intent, person))
                yield from self._of_groups_of(intent, person)
        for _, person in sorted(found.items()):
            yield self._difference(_ORPHAN if self._is_ours(person) else _FOREIGN, _person(person))

    def _of_groups_of(self, intent: PersonIntent, person: PersonFacts) -> Iterator[TenantDifference]:
        if person.groups is None:
            return
        about = _person(intent)
        for role in sorted(intent.roles - person.groups):
            yield self._difference(_MISSING, replace(about, role=role))
        for role in sorted(person.groups - intent.roles):
            # Moyai granted no such role, so it has no effect (both must agree); it is reported to be removed by hand.
            yield self._difference(_FOREIGN, replace(about, role=role))

    def _of_service_clients(self) -> Iterator[TenantDifference]:
        found = {client.client_id: client for client in self._found.service_clients}
        for intent in self._intent.service_clients:
            about = _service_client(intent)
            client = found.pop(intent.client_id, None)
            if client is None:
                yield self._difference(_MISSING, about)
            elif not self._is_ours(client):
                yield self._difference(_FOREIGN, about)
            else:
                yield from self._changed(about, service_client_changes(intent, client))
        for _, client in sorted(found.items()):
            yield self._difference(_ORPHAN if self._is_ours(client) else _FOREIGN, _service_client(client))

    def _is_ours(self, found: PersonFacts | ServiceClientFacts) -> bool:
        return found.managed_by == MANAGED_BY and found.tenant_id == str(self._intent.organization.tenant_id)

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


def _person(person: PersonIntent | PersonFacts) -> KeycloakObject:
    name = " ".join(part for part in (person.family_name, person.given_name) if part)
    return KeycloakObject(ObjectKind.PERSON, person.username, name or person.email or "")


def _service_client(client: ServiceClientIntent | ServiceClientFacts) -> KeycloakObject:
    return KeycloakObject(ObjectKind.SERVICE_CLIENT, client.client_id, client.name or client.client_id)
