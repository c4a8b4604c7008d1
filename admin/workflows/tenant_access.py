"""What a change of a tenant's state does to access: said beforehand, and then brought to Keycloak by a job.

No row of a person or a service client is changed by it. What Keycloak is to hold follows from the tenant's state and
from those rows, so that resuming gives back exactly what was there: who was suspended before stays suspended.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from admin.identity.sessions import count_sessions_of_tenant, end_sessions_of_person, end_sessions_of_tenant
from governance.actors import Actor
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.errors import DomainError
from governance.kernel.models import ReadModel
from tenancy.clients.queries import ADMITTED_STATES, is_in_keycloak, service_clients
from tenancy.keycloak.port import (
    EnsureOutcome,
    Identities,
    OrganizationIntent,
    PersonIntent,
    ServiceClientIntent,
    parse_service_client_name,
)
from tenancy.onboarding.intents import read_intent
from tenancy.onboarding.unsynced_members import ReleaseAddress, release_address
from tenancy.people.queries import count_present, members
from tenancy.people.shared_accounts import (
    SharedAccount,
    refresh_sharing,
    rows_of_account,
    shared_accounts,
    username,
)
from tenancy.tenants.access import RecordTenantSynced, record_tenant_synced
from tenancy.tenants.queries import tenant as find_tenant
from tenancy.tenants.states import PROVISIONED_STATES, STATE_EFFECTS, TenantState, transition

log = structlog.get_logger(__name__)


class StateChangeEffects(ReadModel):
    """What a change of state would do, as it stands now. Each pair is before and after.

    `people` can sign in, `clients` get tokens. `sessions` are open in a browser; where people no longer sign in they
    end, and tokens that have not run out are refused at the next request.
    """

    tenant_id: UUID
    from_state: TenantState
    to_state: TenantState
    people_before: int
    people_after: int
    clients_before: int
    clients_after: int
    sessions_before: int
    sessions_after: int
    bears_cost_before: bool
    bears_cost_after: bool


def state_change_effects(session: Session, tenant_id: UUID, to: TenantState, now: datetime) -> StateChangeEffects:
    """The effects of changing the tenant's state to `to`. Raises NotFound, Conflict for an impossible change."""
    current = find_tenant(session, tenant_id).state
    transition(current, to)
    before, after = STATE_EFFECTS[current], STATE_EFFECTS[to]
    people = count_present(session, tenant_id)
    clients = sum(one.state in ADMITTED_STATES for one in service_clients(session, tenant_id))
    sessions = count_sessions_of_tenant(session, tenant_id, now)
    return StateChangeEffects(
        tenant_id=tenant_id,
        from_state=current,
        to_state=to,
        people_before=people if before.people_sign_in else 0,
        people_after=people if after.people_sign_in else 0,
        clients_before=clients if before.clients_get_tokens else 0,
        clients_after=clients if after.clients_get_tokens else 0,
        sessions_before=sessions if before.people_sign_in else 0,
        sessions_after=sessions if before.people_sign_in and after.people_sign_in else 0,
        bears_cost_before=before.bears_cost,
        bears_cost_after=after.bears_cost,
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What of a tenant Keycloak has already, as it is to be."""

    state: TenantState
    organization: OrganizationIntent
    people: tuple[PersonIntent, ...]
    clients: tuple[ServiceClientIntent, ...]


def sync_tenant(identities: Identities, tenant_id: UUID, *, actor: Actor) -> None:
    """Bring the tenant's state to Keycloak: people disabled and logged out, clients disabled, or both as before.

    Of a tenant that left, everything is taken out; its people's accounts stay, disabled. Safe to repeat. Raises
    DependencyUnavailable while Keycloak is away.
    """
    wanted = _read(tenant_id)
    while True:
        if wanted.state is TenantState.LEFT:
            people, clients = _take_out(identities, tenant_id)
        elif wanted.state in PROVISIONED_STATES:
            people, clients = _bring(identities, tenant_id, wanted)
        else:
            return
        if not STATE_EFFECTS[wanted.state].people_sign_in:
            end_sessions_of_tenant(tenant_id, actor=actor)
        now_wanted = _read(tenant_id)
        if now_wanted.state is wanted.state:
            break
        # Decided otherwise meanwhile: another worker may have been overtaken by what was just written.
        wanted = now_wanted
    record_tenant_synced(
        RecordTenantSynced(tenant_id=tenant_id, state=wanted.state, people=people, clients=clients), actor=actor
    )


def withdraw_from_tenant(
    identities: Identities, tenant_id: UUID, person_id: UUID, account: SharedAccount, *, actor: Actor
) -> None:
    """End what one tenant gave to an account that others' people have or had: membership, role groups, sessions.

    The account is disabled where no tenant lets it in any more, and its address given up where none keeps the person.
    Safe to repeat.
    """
    if not account.is_enabled:
        identities.suspend_person(account.username)
    identities.leave_organization(tenant_id, account.username)
    end_sessions_of_person(tenant_id, person_id, actor=actor)
    with system_transaction(OPERATOR) as session:
        refresh_sharing(session, account.username)
        is_kept = bool(rows_of_account(session, account.username))
    if not is_kept:
        identities.release_address(account.username)
        release_address(ReleaseAddress(tenant_id=tenant_id, member_id=person_id), actor=actor)


def _read(tenant_id: UUID) -> _Wanted:
    with system_transaction(OPERATOR) as session:
        intent = read_intent(session, tenant_id, on=clock.today(), now=clock.now())
        clients = [one for one in intent.service_clients if is_in_keycloak(session, tenant_id, one.service_client_id)]
    return _Wanted(
        intent.state,
        intent.organization,
        tuple(one.intent for one in intent.people if one.keycloak_id is not None),
        tuple(clients),
    )


def _bring(identities: Identities, tenant_id: UUID, wanted: _Wanted) -> tuple[int, int]:
    """Write what differs; how many people and clients it was. Whom Keycloak refuses stops nobody else."""
    identities.ensure_organization(wanted.organization)
    clients = identities.ensure_service_clients(tenant_id, wanted.clients) if wanted.clients else ()
    people = identities.ensure_each_person(tenant_id, wanted.people) if wanted.people else ()
    for person, done in zip(wanted.people, people, strict=True):
        if isinstance(done, DomainError):
            log.warning("tenant.person_not_synced", tenant=str(tenant_id), person=person.username, code=done.code)
    changed = [one for one in people if not isinstance(one, DomainError) and one.outcome is not EnsureOutcome.KEPT]
    return len(changed), sum(one.outcome is not EnsureOutcome.KEPT for one in clients)


def _take_out(identities: Identities, tenant_id: UUID) -> tuple[int, int]:
    """People out of the organization one by one, then the clients, then the organization; how many of each."""
    found = identities.describe_tenant(tenant_id)
    if found.organization is None:
        return 0, 0
    with system_transaction(OPERATOR) as session:
        shared = shared_accounts(session, tenant_id, clock.now())
        people = [username(session, tenant_id, one.person_id) for one in members(session, tenant_id, clock.now())]
        clients = {one.id for one in service_clients(session, tenant_id, also_stopped=True)}
    usernames = {one.username for one in found.people}
    for name in people:
        if str(name) not in usernames:
            continue
        if name not in shared:
            identities.remove_person(tenant_id, name)
            continue
        # Another tenant's person has the account, too: it stays while one of them lets it in.
        if not shared[name].is_enabled:
            identities.suspend_person(name)
        identities.leave_organization(tenant_id, name)
    with system_transaction(OPERATOR) as session:
        for name in shared:
            refresh_sharing(session, name)
    for client in found.service_clients:
        # Each secret of a service client is a client of its own there.
        named = parse_service_client_name(client.client_id)
        if named is not None and named.service_client_id in clients:
            identities.remove_service_client(tenant_id, *named)
    identities.remove_organization(tenant_id)
    return len(found.people), len(found.service_clients)
