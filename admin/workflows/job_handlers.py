"""The handler of each kind of job, by its name, and the tasks the worker runs periodically.

A handler may be called twice with the same payload, where a worker was killed before the job's state was committed, so
each checks what is done already.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any
from uuid import UUID

import structlog

from admin.identity.kept_forms import delete_expired_forms
from admin.identity.sessions import delete_expired_sessions
from admin.workflows.jobs import Handler
from admin.workflows.new_passwords import NewPasswords
from admin.workflows.repairs import repair
from billing.runs.commands import NOTHING_DIFFERS, NOTHING_TO_REVISE, DraftRevision, draft_revision
from billing.runs.inputs import NO_COST
from governance.actors import Actor, system_actor
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.errors import Conflict, DependencyUnavailable, DomainError
from governance.outbox import INPUT_ENTERED
from tenancy import directory
from tenancy.clients.ownership import SYNC_CLIENT
from tenancy.clients.queries import is_in_keycloak
from tenancy.clients.rotation import EndClientKeys, clients_with_ended_keys, end_client_keys
from tenancy.keycloak.port import TENANT_ROLE_GROUPS, Identities, Realm
from tenancy.onboarding.changed_roles import RecordRolesSynced, people_with_changed_roles, record_roles_synced
from tenancy.onboarding.commands import COHORT_COMPLETED, RUN_ONBOARDING, StartSync, start_sync
from tenancy.onboarding.intents import read_intent
from tenancy.onboarding.step_actions import MAIL_UNKNOWN, sync_problem_of
from tenancy.onboarding.unsynced_members import (
    INVITE,
    InviteMember,
    ReleaseAddress,
    SyncMember,
    invite_member,
    operator_intent,
    operators_to_provision,
    release_address,
    sync_member,
    tenants_with_unsynced_members,
)
from tenancy.onboarding.worker import OnboardingWorker, wake
from tenancy.people import queries as people
from tenancy.people.invitations import invitations
from tenancy.people.second_factor import RESET_FACTOR
from tenancy.people.states import MemberState
from tenancy.people.sync import lock_member, record_account_deleted, record_sync_problem
from tenancy.people.unaccepted_invitations import REPLACE_ACCOUNT
from tenancy.people.withdrawal import WITHDRAW
from tenancy.repairs.commands import REPAIR_TENANT
from tenancy.tenants.queries import cohort_by_id

log = structlog.get_logger(__name__)


def worker_actor() -> Actor:
    """The system at work, `system:worker`. Raises NotFound before the operator is registered."""
    with system_transaction(OPERATOR) as session:
        return system_actor("worker", directory.operator(session).id)


def onboarding_runner(identities: Identities) -> Callable[[UUID], None]:
    """A function that runs one onboarding, in the name of this process."""
    name = f"{socket.gethostname()}:{os.getpid()}"

    def onboard(onboarding_id: UUID) -> None:
        OnboardingWorker(identities, actor=worker_actor(), name=name).run(onboarding_id)

    return onboard


def handlers(identities: Identities) -> dict[str, Handler]:
    """Job kind → its handler."""
    onboard = onboarding_runner(identities)

    def handle_onboarding(payload: dict[str, Any]) -> None:
        onboard(UUID(payload["onboarding_id"]))

    def wake_onboarding(payload: dict[str, Any]) -> None:
        """Run the tenant's onboarding where a step of it waited for what was entered. Safe to repeat."""
        with system_transaction(OPERATOR) as session:
            onboarding_id = wake(session, UUID(payload["tenant_id"]), clock.now())
        if onboarding_id is not None:
            onboard(onboarding_id)

    def withdraw_member(payload: dict[str, Any]) -> None:
        """Disable the person and end their sessions, then remove them from the role groups. Safe to repeat.

        A removed person leaves the organization and the address is released. One who was resumed meanwhile is left.
        """
        tenant_id, person_id = UUID(payload["tenant_id"]), UUID(payload["person_id"])
        realm = _realm_of(tenant_id)
        with system_transaction(OPERATOR) as session:
            state = people.member(session, tenant_id, person_id, clock.now()).state
        if state in people.PRESENT_STATES:
            return
        identities.suspend_person(person_id, realm)
        if state is MemberState.REMOVED:
            if realm is Realm.TENANTS:
                identities.remove_person(tenant_id, person_id)
            identities.release_address(person_id, realm)
            release_address(ReleaseAddress(tenant_id=tenant_id, member_id=person_id), actor=worker_actor())
        elif realm is Realm.TENANTS:
            with system_transaction(OPERATOR) as session:
                wanted = read_intent(session, tenant_id, on=clock.today(), now=clock.now()).people
            withdrawn = [one.intent for one in wanted if one.intent.person_id == person_id and not one.intent.enabled]
            if withdrawn:
                identities.ensure_people(tenant_id, withdrawn, withdraw_from=TENANT_ROLE_GROUPS)

    def sync_client(payload: dict[str, Any]) -> None:
        """Bring the client to Keycloak as it is wanted now: enabled or not, its keys. Safe to repeat.

        One that is not there yet is left to the tenant's onboarding.
        """
        tenant_id, client_id = UUID(payload["tenant_id"]), UUID(payload["client_id"])
        with system_transaction(OPERATOR) as session:
            if not is_in_keycloak(session, tenant_id, client_id):
                return
            wanted = read_intent(session, tenant_id, on=clock.today(), now=clock.now()).service_clients
        identities.ensure_service_clients(tenant_id, [one for one in wanted if one.service_client_id == client_id])

    def invite(payload: dict[str, Any]) -> None:
        """Send the password email once. Raises Conflict (MAIL_UNKNOWN) where it is unknown whether it was sent."""
        tenant_id = UUID(payload["tenant_id"])
        command = InviteMember(tenant_id=tenant_id, member_id=UUID(payload["member_id"]))
        invited = invite_member(command, actor=worker_actor())
        if invited.is_first:
            with system_transaction(OPERATOR) as session:
                known = invitations(session, tenant_id, [invited.person_id])
            try:
                identities.send_password_mail(
                    invited.person_id, _realm_of(tenant_id), invitation=known.get(invited.person_id)
                )
            except DependencyUnavailable:
                raise Conflict(MAIL_UNKNOWN) from None

    def replace_account(payload: dict[str, Any]) -> None:
        """Delete the account whose link is to lead nowhere. Safe to repeat. Who was withdrawn meanwhile keeps it."""
        tenant_id, person_id = UUID(payload["tenant_id"]), UUID(payload["person_id"])
        realm = _realm_of(tenant_id)
        with system_transaction(OPERATOR) as session:
            member = lock_member(session, tenant_id, person_id)
        if member.replaced_keycloak_id is None:
            return
        if member.state is MemberState.INVITED:
            identities.delete_account(person_id, member.replaced_keycloak_id, realm)
        with system_transaction(OPERATOR) as session:
            record_account_deleted(session, tenant_id, person_id)

    def reset_factor(payload: dict[str, Any]) -> None:
        """Remove the second factors, require a new one, log out. Safe to repeat."""
        identities.reset_second_factor(UUID(payload["person_id"]), _realm_of(UUID(payload["tenant_id"])))

    def repair_tenant(payload: dict[str, Any]) -> None:
        """Write what differs of the tenant in Keycloak, or record that it is more than was asked for."""
        repair(identities, UUID(payload["tenant_id"]), payload["up_to"], actor=worker_actor())

    return {
        RUN_ONBOARDING: handle_onboarding,
        INPUT_ENTERED: wake_onboarding,
        WITHDRAW: withdraw_member,
        SYNC_CLIENT: sync_client,
        REPAIR_TENANT: repair_tenant,
        RESET_FACTOR: reset_factor,
        INVITE: invite,
        REPLACE_ACCOUNT: replace_account,
        COHORT_COMPLETED: revise_shares,
    }


def periodic_tasks(identities: Identities) -> tuple[Callable[[], None], ...]:
    """What the worker runs every few seconds.

    Bring unsynced members to Keycloak, take out keys of service clients whose last day is over, create operators, bring
    changed roles there, end sessions of former passwords, delete what has expired.
    """

    def sync_members() -> None:
        with system_transaction(OPERATOR) as session:
            waiting = tenants_with_unsynced_members(session, clock.now())
        for tenant_id in waiting:
            start_sync(StartSync(tenant_id=tenant_id), actor=worker_actor())

    def end_keys() -> None:
        with system_transaction(OPERATOR) as session:
            ended = clients_with_ended_keys(session, clock.today())
        for tenant_id, client_id in ended:
            end_client_keys(EndClientKeys(tenant_id=tenant_id, client_id=client_id), actor=worker_actor())

    def delete_sessions() -> None:
        delete_expired_sessions(clock.now())
        delete_expired_forms(clock.now())

    return (
        sync_members,
        end_keys,
        lambda: provision_operators(identities),
        lambda: sync_roles(identities),
        delete_sessions,
        NewPasswords(identities),
    )


def sync_roles(identities: Identities) -> None:
    """Bring the roles that began or ended to Keycloak, person by person; whom Keycloak refuses stops nobody else."""
    with system_transaction(OPERATOR) as session:
        waiting = people_with_changed_roles(session, clock.now())
    for one in waiting:
        as_of = clock.now()
        try:
            if one.is_operator:
                with system_transaction(OPERATOR) as session:
                    intent = operator_intent(session, one.tenant_id, one.person_id, as_of)
                identities.ensure_operator(intent)
            else:
                with system_transaction(OPERATOR) as session:
                    people_now = read_intent(session, one.tenant_id, on=clock.jst_date(as_of), now=as_of).people
                wanted = [found.intent for found in people_now if found.intent.person_id == one.person_id]
                identities.ensure_people(one.tenant_id, wanted, withdraw_from=TENANT_ROLE_GROUPS)
        except DependencyUnavailable:
            raise
        except DomainError as refused:
            log.warning("member.roles_not_synced", tenant=str(one.tenant_id), code=refused.code)
            continue
        record_roles_synced(
            RecordRolesSynced(tenant_id=one.tenant_id, person_id=one.person_id, synced_at=one.synced_at, as_of=as_of),
            actor=worker_actor(),
        )


def provision_operators(identities: Identities) -> None:
    """Create the operator's people who are not in Keycloak yet, with the roles they were granted.

    Each by themselves: whom Keycloak refuses waits, and the others are created.
    """
    with system_transaction(OPERATOR) as session:
        waiting = operators_to_provision(session, clock.now())
    for member, intent in waiting:
        try:
            made = identities.ensure_operator(intent)
        except DependencyUnavailable:
            raise
        except DomainError as refused:
            log.warning("member.not_synced", tenant=str(member.tenant_id), code=refused.code)
            with system_transaction(OPERATOR) as session:
                record_sync_problem(session, member.tenant_id, member.person_id, sync_problem_of(refused), clock.now())
            continue
        sync_member(
            SyncMember(tenant_id=member.tenant_id, member_id=member.id, keycloak_id=made.found.id),
            actor=worker_actor(),
        )


def _realm_of(tenant_id: UUID) -> Realm:
    with system_transaction(OPERATOR) as session:
        return Realm.OPERATORS if directory.operator(session).id == tenant_id else Realm.TENANTS


def revise_shares(payload: dict[str, Any]) -> None:
    """Draft the revision of the cohort's fiscal year where a run of it is posted; finance reviews and submits it."""
    with system_transaction(OPERATOR) as session:
        cohort = cohort_by_id(session, UUID(payload["cohort_id"]))
    try:
        draft_revision(
            DraftRevision(fiscal_year=cohort.fiscal_year), actor=worker_actor(), key=f"cohort.completed:{cohort.id}"
        )
    except Conflict as refused:
        if refused.message not in (NOTHING_TO_REVISE, NOTHING_DIFFERS, NO_COST):
            raise
        log.info("cohort.completed", cohort=cohort.name, revision=refused.code)
