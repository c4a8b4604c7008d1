"""What an onboarding would do for one tenant, object by object. Pure.

The same intent and the same facts give the same plan, so that applying can name the digest of what was shown.
"""

from __future__ import annotations

from pydantic import Field

from governance.kernel.labels import LabelledEnum
from governance.kernel.models import ReadModel
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


class Target(LabelledEnum):
    """Where an object of a plan is kept."""

    KEYCLOAK = "keycloak", "認証サービス", "Keycloak"
    MOYAI = "moyai", "Moyai", "Moyai"


class Action(LabelledEnum):
    """What applying a plan would do to an object."""

    CREATE = "create", "作成", "create"
    CHANGE = "change", "変更", "change"
    KEEP = "keep", "そのまま", "no change"


class ResourceChange(ReadModel):
    """One object and what applying would do to it. `fields` names the fields that would be changed."""

    where: Target
    object: str
    action: Action
    fields: tuple[str, ...] = Field(default=(), exclude=True)


class OnboardingPlan(ReadModel):
    """What applying would do for one tenant, in the order in which it would be done.

    `missing` names the steps that would wait, because what they need has not been entered. `name` and `missing` are
    for pages; they are neither printed as JSON nor part of the plan's digest.
    """

    code: str | None
    changes: tuple[ResourceChange, ...]
    name: str = Field(exclude=True)
    missing: tuple[StepName, ...] = Field(exclude=True)

    @property
    def is_empty(self) -> bool:
        return all(change.action is Action.KEEP for change in self.changes)


def plan_tenant(intent: OnboardingIntent, found: KeycloakTenantFacts) -> OnboardingPlan:
    """Compare what is wanted with what was found; `found` must name the holders of each role in `required_roles`."""
    changes = [_organization(intent, found), *_role_groups(found), *_people(intent, found)]
    changes += [*_service_clients(intent, found), *_local_changes(intent)]
    return OnboardingPlan(code=intent.code, name=intent.name, changes=tuple(changes), missing=_missing(intent))


def required_roles(intent: OnboardingIntent) -> frozenset[str]:
    """The roles whose holders a plan must know."""
    return frozenset({Role.TENANT_OWNER.value}).union(*(person.intent.roles for person in intent.people))


def _organization(intent: OnboardingIntent, found: KeycloakTenantFacts) -> ResourceChange:
    name = f"organization {intent.organization.alias}"
    if found.organization is None:
        return ResourceChange(where=Target.KEYCLOAK, object=name, action=Action.CREATE)
    return _change_or_keep(name, tuple(sorted(organization_changes(intent.organization, found.organization))))


def _role_groups(found: KeycloakTenantFacts) -> list[ResourceChange]:
    there = {group.name: group for group in found.role_groups}
    planned = []
    for role in TENANT_ROLE_GROUPS:
        name = f"role group {role}"
        if role not in there:
            planned.append(ResourceChange(where=Target.KEYCLOAK, object=name, action=Action.CREATE))
        else:
            planned.append(_change_or_keep(name, () if role in there[role].roles else ("roles",)))
    return planned


def _people(intent: OnboardingIntent, found: KeycloakTenantFacts) -> list[ResourceChange]:
    there = {person.username: person for person in found.people}
    return [_person(person, there.get(person.intent.username)) for person in intent.people]


def _person(person: MemberIntent, found: PersonFacts | None) -> ResourceChange:
    name = f"person {person.intent.username}"
    if found is None:
        return ResourceChange(where=Target.KEYCLOAK, object=name, action=Action.CREATE)
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
            planned.append(ResourceChange(where=Target.KEYCLOAK, object=name, action=Action.CREATE))
        else:
            planned.append(
                _change_or_keep(name, tuple(sorted(service_client_changes(client, there[client.client_id]))))
            )
    return planned


def _local_changes(intent: OnboardingIntent) -> list[ResourceChange]:
    planned = [
        ResourceChange(where=Target.MOYAI, object=f"quota {dimension}", action=Action.KEEP)
        for dimension, _ in intent.quotas
    ]
    if intent.agreement is not None:
        planned.append(ResourceChange(where=Target.MOYAI, object=f"agreement {intent.agreement}", action=Action.KEEP))
    is_member = intent.state is TenantState.ACTIVE
    planned.append(
        ResourceChange(where=Target.MOYAI, object="membership", action=Action.KEEP if is_member else Action.CREATE)
    )
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
    return ResourceChange(
        where=Target.KEYCLOAK, object=name, action=Action.CHANGE if fields else Action.KEEP, fields=fields
    )
