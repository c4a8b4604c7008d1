"""Comparing what Moyai wants of a tenant in Keycloak with what was found. Pure: intent and facts in, differences out.

Objects with Moyai's marker may be repaired (missing, changed) or removed (orphan) elsewhere. Everything else is
foreign: it is reported and never changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from tenancy.keycloak.comparison import DifferenceKind, TenantDifference
from tenancy.keycloak.port import (
    MANAGED_BY,
    TENANT_ROLE_GROUPS,
    KeycloakTenantFacts,
    OrganizationFacts,
    OrganizationIntent,
    PersonFacts,
    PersonIntent,
    Privilege,
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
        TenantDifference(
            tenant=str(held.realm),
            kind=_FOREIGN,
            object=f"{held.holder_kind} {held.holder}, role {REALM_MANAGEMENT}:{held.role}",
        )
        for held in privileges
    )


def orphaned_organizations(
    known: Collection[UUID], organizations: Iterable[OrganizationFacts]
) -> tuple[TenantDifference, ...]:
    """Organizations of no `known` tenant: with our marker orphans, else foreign. `tenant` is the code or the alias."""
    tenants = {str(tenant) for tenant in known}
    return tuple(
        TenantDifference(
            tenant=found.code or found.alias,
            kind=_ORPHAN if found.managed_by == MANAGED_BY else _FOREIGN,
            object=f"organization {found.alias}",
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
        TenantDifference(
            tenant=found.tenant_id or found.client_id,
            kind=_ORPHAN if found.managed_by == MANAGED_BY else _FOREIGN,
            object=f"service client {found.client_id}",
        )
        for found in clients
        if found.tenant_id not in tenants
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
        resource = f"organization {intent.alias}"
        if found is None:
            yield self._difference(_MISSING, resource)
        elif found.managed_by != MANAGED_BY:
            yield self._difference(_FOREIGN, resource)
        else:
            yield from self._changed(resource, organization_changes(intent, found))

    def _of_groups(self) -> Iterator[TenantDifference]:
        found = {group.name: group for group in self._found.role_groups}
        for name in TENANT_ROLE_GROUPS:
            if name not in found:
                yield self._difference(_MISSING, f"role group {name}")
            else:
                yield from self._of_group(found[name])
        for name in sorted(found.keys() - set(TENANT_ROLE_GROUPS)):
            yield self._difference(_FOREIGN, f"group {name}")

    def _of_group(self, group: RoleGroupFacts) -> Iterator[TenantDifference]:
        if group.name not in group.roles:
            yield self._difference(_CHANGED, f"role group {group.name}", "roles", [group.name], sorted(group.roles))
        for role in sorted((group.roles - {group.name}) | group.other_roles):
            yield self._difference(_FOREIGN, f"role group {group.name}, role {role}")

    def _of_people(self) -> Iterator[TenantDifference]:
        found = {person.username: person for person in self._found.people}
        for intent in self._intent.people:
            person = found.pop(intent.username, None)
            if person is None:
                yield self._difference(_MISSING, f"person {intent.username}")
            elif not self._is_ours(person):
                yield self._difference(_FOREIGN, f"person {intent.username}")
            else:
                yield from self._changed(f"person {intent.username}", person_changes(intent, person))
                yield from self._of_groups_of(intent, person)
        for username, person in sorted(found.items()):
            yield self._difference(_ORPHAN if self._is_ours(person) else _FOREIGN, f"person {username}")

    def _of_groups_of(self, intent: PersonIntent, person: PersonFacts) -> Iterator[TenantDifference]:
        if person.groups is None:
            return
        for role in sorted(intent.roles - person.groups):
            yield self._difference(_MISSING, f"person {intent.username}, role {role}")
        for role in sorted(person.groups - intent.roles):
            # Moyai granted no such role, so it has no effect (both must agree); it is reported to be removed by hand.
            yield self._difference(_FOREIGN, f"person {intent.username}, role {role}")

    def _of_service_clients(self) -> Iterator[TenantDifference]:
        found = {client.client_id: client for client in self._found.service_clients}
        for intent in self._intent.service_clients:
            client = found.pop(intent.client_id, None)
            if client is None:
                yield self._difference(_MISSING, f"service client {intent.client_id}")
            elif not self._is_ours(client):
                yield self._difference(_FOREIGN, f"service client {intent.client_id}")
            else:
                yield from self._changed(f"service client {intent.client_id}", service_client_changes(intent, client))
        for client_id, client in sorted(found.items()):
            yield self._difference(_ORPHAN if self._is_ours(client) else _FOREIGN, f"service client {client_id}")

    def _is_ours(self, found: PersonFacts | ServiceClientFacts) -> bool:
        return found.managed_by == MANAGED_BY and found.tenant_id == str(self._intent.organization.tenant_id)

    def _changed(self, resource: str, changes: dict[str, tuple[object, object]]) -> Iterator[TenantDifference]:
        for field, (intended, found) in changes.items():
            yield self._difference(_CHANGED, resource, field, intended, found)

    def _difference(
        self,
        kind: DifferenceKind,
        resource: str,
        field: str | None = None,
        intended: object = None,
        found: object = None,
    ) -> TenantDifference:
        return TenantDifference(
            tenant=self._code, kind=kind, object=resource, field=field, intended=intended, found=found
        )
