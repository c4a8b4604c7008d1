"""What Moyai wants of one tenant, read from its tables in one look: the one side of every comparison."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from governance.agreements.queries import acceptance_in_force
from governance.grants import RoleGrant
from governance.kernel.errors import require_found
from governance.permissions import Role
from tenancy.clients.states import ClientState
from tenancy.clients.tables import ServiceClient
from tenancy.keycloak.port import (
    TENANT_ROLE_GROUPS,
    OrganizationIntent,
    PersonIntent,
    ServiceClientIntent,
)
from tenancy.people.states import MemberState
from tenancy.people.tables import Member
from tenancy.quotas.queries import quotas_in_force
from tenancy.tenants.states import STATE_EFFECTS, TenantState
from tenancy.tenants.tables import Tenant

ENABLED_STATES = (MemberState.INVITED.value, MemberState.ACTIVE.value)
"""People who are meant to be able to sign in. Suspended ones stay in Keycloak, disabled; removed ones leave it."""

DISABLED_STATES = (TenantState.LEFT, TenantState.SUSPENDED)
"""States in which a tenant's organization is meant to be switched off."""


@dataclass(frozen=True, slots=True)
class MemberIntent:
    """A person with what Moyai knows of the projection: Keycloak's id, and whether the password mail went out."""

    intent: PersonIntent
    is_owner: bool
    keycloak_id: str | None
    mailed_at: datetime | None


@dataclass(frozen=True, slots=True)
class OnboardingIntent:
    """Everything Moyai wants of a tenant. Empty or None is what nobody has entered yet."""

    tenant_id: UUID
    code: str | None
    name: str
    state: TenantState
    organization: OrganizationIntent
    people: tuple[MemberIntent, ...]
    service_clients: tuple[ServiceClientIntent, ...]
    quotas: tuple[tuple[str, int | None], ...]
    agreement: str | None

    @property
    def owners(self) -> tuple[MemberIntent, ...]:
        return tuple(person for person in self.people if person.is_owner and person.intent.enabled)

    @property
    def others(self) -> tuple[MemberIntent, ...]:
        return tuple(person for person in self.people if not person.is_owner and person.intent.enabled)


def read_intent(session: Session, tenant_id: UUID, *, on: date, now: datetime) -> OnboardingIntent:
    """What is wanted of the tenant on that day. Raises NotFound."""
    tenant = require_found(session.get(Tenant, tenant_id, populate_existing=True), what="tenant", given=tenant_id)
    state = TenantState(tenant.state)
    return OnboardingIntent(
        tenant_id=tenant.id,
        code=tenant.code,
        name=tenant.name,
        state=state,
        organization=OrganizationIntent(
            tenant.id, tenant.code or "-", tenant.name, enabled=state not in DISABLED_STATES
        ),
        people=_people(session, tenant_id, now),
        service_clients=_service_clients(session, tenant_id, enabled=_clients_enabled(state)),
        quotas=tuple((quota.dimension, quota.value) for quota in quotas_in_force(session, tenant_id, on)),
        agreement=_agreement(session, tenant_id, on),
    )


def _people(session: Session, tenant_id: UUID, now: datetime) -> tuple[MemberIntent, ...]:
    roles: dict[UUID, set[str]] = {}
    for person_id, role in session.execute(
        select(RoleGrant.person_id, RoleGrant.role).where(
            RoleGrant.tenant_id == tenant_id,
            RoleGrant.in_force_on(now),
        )
    ):
        roles.setdefault(person_id, set()).add(role)
    members = session.scalars(
        select(Member)
        .where(
            Member.tenant_id == tenant_id,
            or_(
                Member.state.in_(ENABLED_STATES),
                (Member.state == MemberState.SUSPENDED) & Member.keycloak_id.is_not(None),
            ),
        )
        .order_by(Member.person_id)
        .execution_options(populate_existing=True)
    )
    return tuple(
        MemberIntent(
            intent=PersonIntent(
                person_id=member.person_id,
                tenant_id=tenant_id,
                email=member.email,
                family_name=member.family_name,
                given_name=member.given_name,
                enabled=member.state in ENABLED_STATES,
                roles=frozenset(roles.get(member.person_id, set()) & set(TENANT_ROLE_GROUPS)),
            ),
            is_owner=Role.TENANT_OWNER in roles.get(member.person_id, set()),
            keycloak_id=member.keycloak_id,
            mailed_at=member.password_mail_sent_at,
        )
        for member in members
    )


def _service_clients(session: Session, tenant_id: UUID, *, enabled: bool) -> tuple[ServiceClientIntent, ...]:
    rows = session.scalars(
        select(ServiceClient)
        .where(ServiceClient.tenant_id == tenant_id, ServiceClient.state != ClientState.STOPPED)
        .order_by(ServiceClient.id)
    )
    return tuple(
        ServiceClientIntent(row.id, tenant_id, row.name, row.jwks, frozenset(row.scopes), enabled=enabled)
        for row in rows
    )


def _clients_enabled(state: TenantState) -> bool:
    """Clients are made ready while the tenant comes in, and stopped where its state says so."""
    return STATE_EFFECTS[state].clients_get_tokens or state in (
        TenantState.APPLIED,
        TenantState.SCREENING,
        TenantState.AGREED,
        TenantState.PROVISIONING,
    )


def _agreement(session: Session, tenant_id: UUID, on: date) -> str | None:
    acceptance = acceptance_in_force(session, tenant_id, on)
    return None if acceptance is None else str(acceptance.version_id)
