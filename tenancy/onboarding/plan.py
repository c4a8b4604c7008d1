"""What an onboarding would do to one tenant, object by object, before anybody does it. Pure.

The same facts and intents give the same plan, so its digest can be named when it is applied.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from governance.permissions import Role
from tenancy.keycloak.port import (
    TENANT_ROLE_GROUPS,
    KeycloakTenantFacts,
    PersonFacts,
    ServiceClientFacts,
)
from tenancy.keycloak.representations import organization_changes, person_changes, service_client_changes
from tenancy.onboarding.intents import MemberIntent, OnboardingIntent
from tenancy.onboarding.steps import StepName
from tenancy.tenants.states import TenantState

Target = Literal["keycloak", "moyai"]


class Action(StrEnum):
    CREATE = "create"
    CHANGE = "change"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """One object and what would become of it. `fields` names what differs where it is changed."""

    target: Target
    object: str
    action: Action
    fields: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"where": self.target, "object": self.object, "action": self.action.value}


@dataclass(frozen=True, slots=True)
class OnboardingPlan:
    """The plan of one tenant. `missing` names the steps that would wait, because nobody entered what they need."""

    code: str | None
    name: str
    changes: tuple[ResourceChange, ...]
    missing: tuple[StepName, ...]

    @property
    def is_empty(self) -> bool:
        return all(change.action is Action.KEEP for change in self.changes)

    def as_json(self) -> dict[str, Any]:
        """As the contract of the command line has it; in the order in which it would be done."""
        return {"code": self.code, "changes": [change.as_json() for change in self.changes]}


def plan_tenant(intent: OnboardingIntent, found: KeycloakTenantFacts) -> OnboardingPlan:
    """Compare what is wanted with what is there; `found` must tell who holds each role that is wanted."""
    changes = [_organization(intent, found), *_role_groups(found), *_people(intent, found)]
    changes += [*_service_clients(intent, found), *_local_changes(intent)]
    return OnboardingPlan(intent.code, intent.name, tuple(changes), _missing(intent))


def required_roles(intent: OnboardingIntent) -> frozenset[str]:
    """The roles whose holders a plan must know."""
    return frozenset({Role.TENANT_OWNER.value}).union(*(person.intent.roles for person in intent.people))


def _organization(intent: OnboardingIntent, found: KeycloakTenantFacts) -> ResourceChange:
    name = f"organization {intent.organization.alias}"
    if found.organization is None:
        return ResourceChange("keycloak", name, Action.CREATE)
    return _change_or_keep(name, tuple(sorted(organization_changes(intent.organization, found.organization))))


def _role_groups(found: KeycloakTenantFacts) -> list[ResourceChange]:
    there = {group.name: group for group in found.role_groups}
    planned = []
    for role in TENANT_ROLE_GROUPS:
        name = f"role group {role}"
        if role not in there:
            planned.append(ResourceChange("keycloak", name, Action.CREATE))
        else:
            planned.append(_change_or_keep(name, () if role in there[role].roles else ("roles",)))
    return planned


def _people(intent: OnboardingIntent, found: KeycloakTenantFacts) -> list[ResourceChange]:
    there = {person.username: person for person in found.people}
    return [_person(person, there.get(person.intent.username)) for person in intent.people]


def _person(person: MemberIntent, found: PersonFacts | None) -> ResourceChange:
    name = f"person {person.intent.username}"
    if found is None:
        return ResourceChange("keycloak", name, Action.CREATE)
    fields = sorted(person_changes(person.intent, found))
    if found.groups is not None and not person.intent.roles <= found.groups:
        fields.append("roles")
    return _change_or_keep(name, tuple(fields))


def _service_clients(intent: OnboardingIntent, found: KeycloakTenantFacts) -> list[ResourceChange]:
    there: dict[str, ServiceClientFacts] = {client.client_id: client for client in found.service_clients}
    planned = []
    for client in intent.service_clients:
        name = f"service client {client.client_id}"
        if client.client_id not in there:
            planned.append(ResourceChange("keycloak", name, Action.CREATE))
        else:
            planned.append(
                _change_or_keep(name, tuple(sorted(service_client_changes(client, there[client.client_id]))))
            )
    return planned


def _local_changes(intent: OnboardingIntent) -> list[ResourceChange]:
    planned = [ResourceChange("moyai", f"quota {dimension}", Action.KEEP) for dimension, _ in intent.quotas]
    if intent.agreement is not None:
        planned.append(ResourceChange("moyai", f"agreement {intent.agreement}", Action.KEEP))
    is_member = intent.state is TenantState.ACTIVE
    planned.append(ResourceChange("moyai", "membership", Action.KEEP if is_member else Action.CREATE))
    return planned


def _missing(intent: OnboardingIntent) -> tuple[StepName, ...]:
    entered = {
        StepName.FIRST_OWNER: intent.owners,
        StepName.SERVICE_CLIENT: intent.service_clients,
        StepName.QUOTAS: intent.quotas,
        StepName.AGREEMENT: intent.agreement,
    }
    return tuple(step for step, what in entered.items() if not what)


def _change_or_keep(name: str, fields: tuple[str, ...]) -> ResourceChange:
    return ResourceChange("keycloak", name, Action.CHANGE if fields else Action.KEEP, fields)
