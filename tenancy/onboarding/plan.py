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
    PersonFacts,
    ServiceClientFacts,
    TenantFacts,
)
from tenancy.keycloak.representations import organization_changes, person_changes, service_client_changes
from tenancy.onboarding.intents import OnboardingIntent, WantedPerson
from tenancy.onboarding.steps import StepName
from tenancy.tenants.states import TenantState

Where = Literal["keycloak", "moyai"]


class Action(StrEnum):
    CREATE = "create"
    CHANGE = "change"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One object and what would become of it. `fields` names what differs where it is changed."""

    where: Where
    object: str
    action: Action
    fields: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"where": self.where, "object": self.object, "action": self.action.value}


@dataclass(frozen=True, slots=True)
class TenantPlan:
    """The plan of one tenant. `missing` names the steps that would wait, because nobody entered what they need."""

    code: str | None
    name: str
    changes: tuple[PlannedChange, ...]
    missing: tuple[StepName, ...]

    @property
    def is_nothing(self) -> bool:
        return all(change.action is Action.KEEP for change in self.changes)

    def as_json(self) -> dict[str, Any]:
        """As the contract of the command line has it; in the order in which it would be done."""
        return {"code": self.code, "changes": [change.as_json() for change in self.changes]}


def plan_tenant(intent: OnboardingIntent, found: TenantFacts) -> TenantPlan:
    """Compare what is wanted with what is there; `found` must tell who holds each role that is wanted."""
    changes = [_organization(intent, found), *_role_groups(found), *_people(intent, found)]
    changes += [*_service_clients(intent, found), *_moyai(intent)]
    return TenantPlan(intent.code, intent.name, tuple(changes), _missing(intent))


def roles_wanted(intent: OnboardingIntent) -> frozenset[str]:
    """The roles whose holders a plan must know."""
    return frozenset({Role.TENANT_OWNER.value}).union(*(person.intent.roles for person in intent.people))


def _organization(intent: OnboardingIntent, found: TenantFacts) -> PlannedChange:
    name = f"organization {intent.organization.alias}"
    if found.organization is None:
        return PlannedChange("keycloak", name, Action.CREATE)
    return _compared(name, tuple(sorted(organization_changes(intent.organization, found.organization))))


def _role_groups(found: TenantFacts) -> list[PlannedChange]:
    there = {group.name: group for group in found.role_groups}
    planned = []
    for role in TENANT_ROLE_GROUPS:
        name = f"role group {role}"
        if role not in there:
            planned.append(PlannedChange("keycloak", name, Action.CREATE))
        else:
            planned.append(_compared(name, () if role in there[role].roles else ("roles",)))
    return planned


def _people(intent: OnboardingIntent, found: TenantFacts) -> list[PlannedChange]:
    there = {person.username: person for person in found.people}
    return [_person(person, there.get(person.intent.username)) for person in intent.people]


def _person(person: WantedPerson, found: PersonFacts | None) -> PlannedChange:
    name = f"person {person.intent.username}"
    if found is None:
        return PlannedChange("keycloak", name, Action.CREATE)
    fields = sorted(person_changes(person.intent, found))
    if found.groups is not None and not person.intent.roles <= found.groups:
        fields.append("roles")
    return _compared(name, tuple(fields))


def _service_clients(intent: OnboardingIntent, found: TenantFacts) -> list[PlannedChange]:
    there: dict[str, ServiceClientFacts] = {client.client_id: client for client in found.service_clients}
    planned = []
    for client in intent.service_clients:
        name = f"service client {client.client_id}"
        if client.client_id not in there:
            planned.append(PlannedChange("keycloak", name, Action.CREATE))
        else:
            planned.append(_compared(name, tuple(sorted(service_client_changes(client, there[client.client_id])))))
    return planned


def _moyai(intent: OnboardingIntent) -> list[PlannedChange]:
    planned = [PlannedChange("moyai", f"quota {dimension}", Action.KEEP) for dimension, _ in intent.quotas]
    if intent.agreement is not None:
        planned.append(PlannedChange("moyai", f"agreement {intent.agreement}", Action.KEEP))
    is_member = intent.state is TenantState.ACTIVE
    planned.append(PlannedChange("moyai", "membership", Action.KEEP if is_member else Action.CREATE))
    return planned


def _missing(intent: OnboardingIntent) -> tuple[StepName, ...]:
    entered = {
        StepName.FIRST_OWNER: intent.owners,
        StepName.SERVICE_CLIENT: intent.service_clients,
        StepName.QUOTAS: intent.quotas,
        StepName.AGREEMENT: intent.agreement,
    }
    return tuple(step for step, what in entered.items() if not what)


def _compared(name: str, fields: tuple[str, ...]) -> PlannedChange:
    return PlannedChange("keycloak", name, Action.CHANGE if fields else Action.KEEP, fields)
