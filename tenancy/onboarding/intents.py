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
from tenancy.people.models import MemberToSync
from tenancy.people.queries import PRESENT_STATES, former_holders, members_in_keycloak
from tenancy.people.shared_accounts import SharedAccount, accounts_to_ask, shared_accounts
from tenancy.people.states import NOT_WANTED_YET, MemberState
from tenancy.quotas.queries import quotas_in_force
from tenancy.tenants.queries import tenant as find_tenant
from tenancy.tenants.states import STATE_EFFECTS, TenantState

DISABLED_STATES = (TenantState.LEFT, TenantState.SUSPENDED)
"""States in which a tenant's organization and its people are to be disabled in Keycloak."""


@dataclass(frozen=True, slots=True)
class MemberIntent:
    """A person to be in Keycloak. `keycloak_id` is None until synced, `mailed_at` until the password mail was sent.

    `is_due` is False while the person waits, for instance because the address is somebody else's; `is_skipped` where
    it is not wanted there yet: the operator decided so, or the person is asked. `former_holders` are the accounts, by
    username, that give up this address for the person; `asks` is the account whose person is to be asked first.
    `invitation` is what an owner's password mail tells, None for others and once it was sent.
    """

    intent: PersonIntent
    is_owner: bool
    keycloak_id: str | None
    mailed_at: datetime | None
    is_due: bool = True
    is_skipped: bool = False
    former_holders: tuple[UUID, ...] = ()
    asks: UUID | None = None
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
        people=_people(session, tenant_id, now, enabled=tenant.state not in DISABLED_STATES),
        service_clients=_service_clients(tenant_id, clients, on, enabled=_clients_enabled(tenant.state)),
        has_new_clients=any(client.state is ClientState.REGISTERED for client in clients),
        quotas=tuple((quota.dimension, quota.value) for quota in quotas_in_force(session, tenant_id, on)),
        agreement=_agreement(session, tenant_id, on),
    )


def _people(session: Session, tenant_id: UUID, now: datetime, *, enabled: bool) -> tuple[MemberIntent, ...]:
    roles = roles_of_people(session, tenant_id, now)
    members = members_in_keycloak(session, tenant_id)
    unmade = [member for member in members if member.keycloak_id is None]
    holders = former_holders(session, unmade)
    asked = accounts_to_ask(session, [member for member in unmade if member.state is MemberState.INVITED])
    shared = shared_accounts(session, tenant_id, now)
    owners = {person_id for person_id, held in roles.items() if Role.TENANT_OWNER in held}
    to_mail = [one.person_id for one in members if one.password_mail_sent_at is None and one.person_id in owners]
    invited = invitations(session, tenant_id, to_mail)
    return tuple(
        MemberIntent(
            intent=_person_intent(
                member, shared.get(member.username), roles.get(member.person_id, frozenset()), enabled=enabled
            ),
            is_owner=member.person_id in owners,
            keycloak_id=member.keycloak_id,
            mailed_at=member.password_mail_sent_at,
            is_due=member.is_due(now),
            is_skipped=member.sync_problem in NOT_WANTED_YET,
            asks=asked.get(member.person_id),
            former_holders=tuple(holders.get(member.person_id, ())),
            invitation=invited.get(member.person_id),
        )
        for member in members
        # Whom one tenant suspends leaves its organization, where another one still lets the account in.
        if member.state in PRESENT_STATES or member.username not in shared
    )


def _person_intent(
    member: MemberToSync, account: SharedAccount | None, roles: frozenset[Role], *, enabled: bool
) -> PersonIntent:
    """The person as Keycloak is to have them; what is the account's own is as its tenants together want it."""
    in_groups = frozenset({role.value for role in roles} & set(TENANT_ROLE_GROUPS))
    if account is None:
        return PersonIntent(
            person_id=member.person_id,
            tenant_id=member.tenant_id,
            email=member.email if member.address_released_at is None else released_address(member.person_id),
            family_name=member.family_name,
            given_name=member.given_name,
            enabled=enabled and member.state in PRESENT_STATES,
            roles=in_groups,
        )
    return PersonIntent(
        person_id=member.person_id,
        tenant_id=member.tenant_id,
        email=released_address(account.username) if account.email is None else account.email,
        family_name=account.family_name,
        given_name=account.given_name,
        enabled=account.is_enabled,
        roles=in_groups,
        account_id=account.username,
        made_for=account.made_for,
        is_owner_somewhere=account.is_owner,
    )


def _service_clients(
    tenant_id: UUID, clients: Iterable[ServiceClientDetails], on: date, *, enabled: bool
) -> tuple[ServiceClientIntent, ...]:
    found = []
    for row in clients:
        is_let_in = enabled and row.state is not ClientState.SUSPENDED
        scopes = frozenset(row.scopes)
        found.append(
            ServiceClientIntent(row.id, tenant_id, row.name, keys_in_force(row, on), scopes, enabled=is_let_in)
        )
        found += [
            ServiceClientIntent(
                row.id,
                tenant_id,
                row.name,
                "",
                scopes,
                enabled=is_let_in and one.valid_until > on,
                secret_number=one.number,
            )
            for one in row.secrets
        ]
    return tuple(found)


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
