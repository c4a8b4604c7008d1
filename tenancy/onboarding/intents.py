"""The intent of one tenant, read from Moyai's tables: what Keycloak and the tenant's quotas are compared with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from governance.agreements.queries import acceptance_in_force
from governance.grants import roles_of_people
from governance.permissions import Role
from tenancy.clients.models import ServiceClientDetails
from tenancy.clients.queries import keys_in_force, service_clients
from tenancy.clients.states import ClientState
from tenancy.keycloak.port import (
    TENANT_ROLE_GROUPS,
    Invitation,
    OrganizationIntent,
    PersonIntent,
    ServiceClientIntent,
    released_address,
)
from tenancy.onboarding.steps import KEYCLOAK_STEPS, StepName
from tenancy.people.invitations import invitations
from tenancy.people.queries import PRESENT_STATES, former_holders, members_in_keycloak
from tenancy.people.states import SyncProblem
from tenancy.quotas.queries import quotas_in_force
from tenancy.tenants.queries import tenant as find_tenant
from tenancy.tenants.states import STATE_EFFECTS, TenantState

DISABLED_STATES = (TenantState.LEFT, TenantState.SUSPENDED)
"""States in which a tenant's organization is to be disabled in Keycloak."""


@dataclass(frozen=True, slots=True)
class MemberIntent:
    """A person to be in Keycloak. `keycloak_id` is None until synced, `mailed_at` until the password mail was sent.

    `is_due` is False while the person waits, for instance because the address is somebody else's; `is_skipped` where
    the operator decided so. `former_holders` are the people, by person_id, who give up this address for the person.
    `invitation` is what an owner's password mail tells, None for others and once it was sent.
    """

    intent: PersonIntent
    is_owner: bool
    keycloak_id: str | None
    mailed_at: datetime | None
    is_due: bool = True
    is_skipped: bool = False
    former_holders: tuple[UUID, ...] = ()
    invitation: Invitation | None = None


@dataclass(frozen=True, slots=True)
class OnboardingIntent:
    """The objects that a tenant is to have. Empty tuples and None stand for input that has not been entered.

    `has_new_clients` says whether one of the service clients is not in Keycloak yet.
    """

    tenant_id: UUID
    code: str | None
    name: str
    state: TenantState
    organization: OrganizationIntent
    people: tuple[MemberIntent, ...]
    service_clients: tuple[ServiceClientIntent, ...]
    quotas: tuple[tuple[str, int | None], ...]
    agreement: str | None
    has_new_clients: bool = False

    @property
    def owners(self) -> tuple[MemberIntent, ...]:
        return tuple(person for person in self.people if person.is_owner and person.intent.enabled)

    @property
    def others(self) -> tuple[MemberIntent, ...]:
        return tuple(person for person in self.people if not person.is_owner and person.intent.enabled)


def steps_to_sync(intent: OnboardingIntent) -> tuple[StepName, ...]:
    """The steps that bring to Keycloak what was added since the tenant came in; none where nothing was."""
    has_new_owners = any(_is_new(one) for one in intent.owners)
    wanted = {
        StepName.FIRST_OWNER: has_new_owners,
        StepName.PASSWORD_MAIL: has_new_owners,
        StepName.PEOPLE: any(_is_new(one) for one in intent.others),
        StepName.SERVICE_CLIENT: intent.has_new_clients,
    }
    return tuple(step for step in StepName if wanted.get(step))


def steps_to_check(intent: OnboardingIntent) -> tuple[StepName, ...]:
    """The steps that compare a participating tenant with Keycloak and write what differs: none for what it has not."""
    return tuple(step for step in KEYCLOAK_STEPS if step is not StepName.SERVICE_CLIENT or intent.service_clients)


def _is_new(person: MemberIntent) -> bool:
    return person.keycloak_id is None and person.is_due


def read_intent(session: Session, tenant_id: UUID, *, on: date, now: datetime) -> OnboardingIntent:
    """The tenant's intent on that day. Raises NotFound."""
    tenant = find_tenant(session, tenant_id)
    clients = service_clients(session, tenant_id)
    return OnboardingIntent(
        tenant_id=tenant.id,
        code=tenant.code,
        name=tenant.name,
        state=tenant.state,
        organization=OrganizationIntent(
            tenant.id, tenant.code or "-", tenant.name, enabled=tenant.state not in DISABLED_STATES
        ),
        people=_people(session, tenant_id, now),
        service_clients=_service_clients(tenant_id, clients, on, enabled=_clients_enabled(tenant.state)),
        has_new_clients=any(client.state is ClientState.REGISTERED for client in clients),
        quotas=tuple((quota.dimension, quota.value) for quota in quotas_in_force(session, tenant_id, on)),
        agreement=_agreement(session, tenant_id, on),
    )


def _people(session: Session, tenant_id: UUID, now: datetime) -> tuple[MemberIntent, ...]:
    roles = roles_of_people(session, tenant_id, now)
    members = members_in_keycloak(session, tenant_id)
    holders = former_holders(session, [member for member in members if member.keycloak_id is None])
    owners = {person_id for person_id, held in roles.items() if Role.TENANT_OWNER in held}
    to_mail = [one.person_id for one in members if one.password_mail_sent_at is None and one.person_id in owners]
    invited = invitations(session, tenant_id, to_mail)
    return tuple(
        MemberIntent(
            intent=PersonIntent(
                person_id=member.person_id,
                tenant_id=tenant_id,
                email=member.email if member.address_released_at is None else released_address(member.person_id),
                family_name=member.family_name,
                given_name=member.given_name,
                enabled=member.state in PRESENT_STATES,
                roles=frozenset({role.value for role in roles.get(member.person_id, ())} & set(TENANT_ROLE_GROUPS)),
            ),
            is_owner=member.person_id in owners,
            keycloak_id=member.keycloak_id,
            mailed_at=member.password_mail_sent_at,
            is_due=member.is_due(now),
            is_skipped=member.sync_problem is SyncProblem.SKIPPED,
            former_holders=tuple(holders.get(member.person_id, ())),
            invitation=invited.get(member.person_id),
        )
        for member in members
    )


def _service_clients(
    tenant_id: UUID, clients: Iterable[ServiceClientDetails], on: date, *, enabled: bool
) -> tuple[ServiceClientIntent, ...]:
    return tuple(
        ServiceClientIntent(
            row.id,
            tenant_id,
            row.name,
            keys_in_force(row, on),
            frozenset(row.scopes),
            enabled=enabled and row.state is not ClientState.SUSPENDED,
        )
        for row in clients
    )


def _clients_enabled(state: TenantState) -> bool:
    """Whether the tenant's service clients are enabled: during onboarding too, not in a state that stops them."""
    return STATE_EFFECTS[state].clients_get_tokens or state in (
        TenantState.APPLIED,
        TenantState.SCREENING,
        TenantState.AGREED,
        TenantState.PROVISIONING,
    )


def _agreement(session: Session, tenant_id: UUID, on: date) -> str | None:
    acceptance = acceptance_in_force(session, tenant_id, on)
    return None if acceptance is None else str(acceptance.version_id)
