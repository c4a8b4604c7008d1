"""The handler of each kind of job, by its name, and the tasks the worker runs periodically.

A handler may be called twice with the same payload, where a worker was killed before the job's state was committed, so
each checks what is done already.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog

from admin.identity.kept_forms import delete_expired_forms
from admin.identity.session_ends import END_SESSIONS
from admin.identity.sessions import delete_expired_sessions
from admin.identity.token_sessions import ended_sids
from admin.workflows.departures import complete_departures
from admin.workflows.drift import check_drift, enqueue_nightly_checks
from admin.workflows.hand_back import make_hand_back
from admin.workflows.jobs import Handler
from admin.workflows.new_passwords import NewPasswords
from admin.workflows.recorded_mails import recorded_mail
from admin.workflows.renamings import carry_out_renamings
from admin.workflows.repairs import repair
from admin.workflows.tenant_access import sync_tenant, withdraw_from_tenant
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
from tenancy.drift_checks.commands import CHECK_DRIFT
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
from tenancy.people.break_glass import CloseBreakGlass, close_break_glass, hours_to_close
from tenancy.people.editing import SYNC_PERSON
from tenancy.people.invitations import invitations
from tenancy.people.leaving import CarryOutLeaving, carry_out_leaving, people_who_left
from tenancy.people.membership import keycloak_id_of, tenants_of_user
from tenancy.people.second_factor import RESET_FACTOR
from tenancy.people.shared_accounts import shared_account, username
from tenancy.people.states import MemberState
from tenancy.people.sync import lock_member, record_account_deleted, record_account_kept, record_sync_problem
from tenancy.people.unaccepted_invitations import REPLACE_ACCOUNT
from tenancy.people.withdrawal import WITHDRAW
from tenancy.repairs.commands import REPAIR_TENANT
from tenancy.tenants.hand_backs import HAND_BACK
from tenancy.tenants.queries import cohort_by_id
from tenancy.tenants.state_changes import SYNC_TENANT

log = structlog.get_logger(__name__)

INVITATION_SUBJECT: Final = "【Moyai】利用者登録とパスワード設定のお知らせ"
"""What the mail is about that Keycloak sends, as its theme has it."""


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

        A removed person leaves the organization and the address is released. One who was resumed meanwhile is left. Of
        an account that other tenants' people have or had, only this tenant's part ends, until nobody lets it in.
        """
        tenant_id, person_id = UUID(payload["tenant_id"]), UUID(payload["person_id"])
        realm = _realm_of(tenant_id)
        with system_transaction(OPERATOR) as session:
            state = people.member(session, tenant_id, person_id, clock.now()).state
            account = shared_account(session, tenant_id, person_id, clock.now())
        if state in people.PRESENT_STATES:
            return
        if account is not None:
            withdraw_from_tenant(identities, tenant_id, person_id, account, actor=worker_actor())
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

    def sync_person(payload: dict[str, Any]) -> None:
        """Bring the person's name and address to Keycloak as they are wanted now. Safe to repeat.

        One that is not there yet, or was removed meanwhile, is left.
        """
        tenant_id, person_id = UUID(payload["tenant_id"]), UUID(payload["person_id"])
        realm = _realm_of(tenant_id)
        with system_transaction(OPERATOR) as session:
            if people.member(session, tenant_id, person_id, clock.now()).state is MemberState.REMOVED:
                return
            if realm is Realm.OPERATORS:
                operator = operator_intent(session, tenant_id, person_id, clock.now())
            wanted = read_intent(session, tenant_id, on=clock.today(), now=clock.now()).people
        known = [one.intent for one in wanted if one.intent.person_id == person_id and one.keycloak_id is not None]
        if realm is Realm.OPERATORS:
            identities.ensure_operator(operator)
        elif known:
            identities.ensure_people(tenant_id, known)

    def sync_client(payload: dict[str, Any]) -> None:
        """Bring the client to Keycloak as it is wanted now: enabled or not, its keys. Safe to repeat.

        One that is not there yet is left to the tenant's onboarding; one that was stopped for good is deleted there.
        """
        tenant_id, client_id = UUID(payload["tenant_id"]), UUID(payload["client_id"])
        with system_transaction(OPERATOR) as session:
            is_there = is_in_keycloak(session, tenant_id, client_id)
            intent = read_intent(session, tenant_id, on=clock.today(), now=clock.now())
        for number in payload.get("removed_secrets", ()):
            identities.remove_service_client(tenant_id, client_id, number)
        wanted = [one for one in intent.service_clients if one.service_client_id == client_id]
        if not wanted:
            identities.remove_service_client(tenant_id, client_id)
        elif is_there:
            identities.ensure_service_clients(tenant_id, wanted)

    def invite(payload: dict[str, Any]) -> None:
        """Send the password email once. Raises Conflict (MAIL_UNKNOWN) where it is unknown whether it was sent."""
        tenant_id = UUID(payload["tenant_id"])
        command = InviteMember(tenant_id=tenant_id, member_id=UUID(payload["member_id"]))
        invited = invite_member(command, actor=worker_actor())
        if invited.is_first:
            with system_transaction(OPERATOR) as session:
                known = invitations(session, tenant_id, [invited.person_id])
                address = people.member(session, tenant_id, invited.person_id, clock.now()).email
            with recorded_mail(address, INVITATION_SUBJECT):
                try:
                    identities.send_password_mail(
                        invited.person_id, _realm_of(tenant_id), invitation=known.get(invited.person_id)
                    )
                except DependencyUnavailable:
                    raise Conflict(MAIL_UNKNOWN) from None

    def replace_account(payload: dict[str, Any]) -> None:
        """Delete the account whose link is to lead nowhere. Safe to repeat. Who was withdrawn meanwhile keeps it.

        It is disabled, so that the link leads nowhere there, too; what was edited meanwhile is brought to it.
        """
        tenant_id, person_id = UUID(payload["tenant_id"]), UUID(payload["person_id"])
        realm = _realm_of(tenant_id)
        with system_transaction(OPERATOR) as session:
            member = lock_member(session, tenant_id, person_id)
        if member.replaced_keycloak_id is None:
            return
        if member.state is MemberState.INVITED:
            identities.delete_account(person_id, member.replaced_keycloak_id, realm)
        with system_transaction(OPERATOR) as session:
            if member.state is MemberState.SUSPENDED:
                record_account_kept(session, tenant_id, person_id)
            else:
                record_account_deleted(session, tenant_id, person_id)
        if member.state is MemberState.SUSPENDED:
            sync_person(payload)

    def reset_factor(payload: dict[str, Any]) -> None:
        """Remove the second factors, require a new one, log out. Safe to repeat."""
        tenant_id = UUID(payload["tenant_id"])
        with system_transaction(OPERATOR) as session:
            name = username(session, tenant_id, UUID(payload["person_id"]))
        identities.reset_second_factor(name, _realm_of(tenant_id))

    def end_sessions(payload: dict[str, Any]) -> None:
        """End at Keycloak what ended here: the person's one, all but one, or all; never one begun since then.

        Safe to repeat. A person of other tenants, too, keeps the sessions there, where it is asked so.
        """
        tenant_id = UUID(payload["tenant_id"])
        realm, asked_at = _realm_of(tenant_id), datetime.fromisoformat(payload["asked_at"])
        with system_transaction(OPERATOR) as session:
            user = keycloak_id_of(session, tenant_id, UUID(payload["person_id"]))
            if user is None:
                return
            is_elsewhere = payload["of_tenant"] and len(tenants_of_user(session, user)) > 1
            ended = ended_sids(session, tenant_id, user)
        for found in identities.find_sessions(realm, user):
            is_meant = payload["only"] in (None, found.sid) and found.sid != payload["kept"]
            # Keycloak keeps when a session began by the second.
            if is_meant and found.began_at <= asked_at and (not is_elsewhere or found.sid in ended):
                identities.end_session(realm, found.sid)

    def repair_tenant(payload: dict[str, Any]) -> None:
        """Write what differs of the tenant in Keycloak, or record that it is more than was asked for."""
        repair(identities, UUID(payload["tenant_id"]), payload["up_to"], actor=worker_actor())

    def compare_everything(payload: dict[str, Any]) -> None:
        """Compare everything with Keycloak and keep what was found. Safe to repeat."""
        check_drift(identities, UUID(payload["check_id"]), actor=worker_actor())

    def follow_state(payload: dict[str, Any]) -> None:
        """Bring the tenant's state to Keycloak: who of it is let in. Safe to repeat."""
        sync_tenant(identities, UUID(payload["tenant_id"]), actor=worker_actor())

    def hand_back(payload: dict[str, Any]) -> None:
        """Make the archive of the tenant's records. Safe to repeat."""
        make_hand_back(UUID(payload["tenant_id"]), UUID(payload["hand_back_id"]), actor=worker_actor())

    return {
        HAND_BACK: hand_back,
        RUN_ONBOARDING: handle_onboarding,
        INPUT_ENTERED: wake_onboarding,
        WITHDRAW: withdraw_member,
        SYNC_CLIENT: sync_client,
        SYNC_PERSON: sync_person,
        REPAIR_TENANT: repair_tenant,
        CHECK_DRIFT: compare_everything,
        SYNC_TENANT: follow_state,
        RESET_FACTOR: reset_factor,
        END_SESSIONS: end_sessions,
        INVITE: invite,
        REPLACE_ACCOUNT: replace_account,
        COHORT_COMPLETED: revise_shares,
    }


def periodic_tasks(identities: Identities) -> tuple[Callable[[], None], ...]:
    """What the worker runs every few seconds.

    Bring unsynced members to Keycloak, take out keys of service clients and end the access of people whose last day is
    over, let tenants leave whose last day is over, give tenants their new names, compare everything with Keycloak once
    a night, create operators, bring changed roles there, end sessions of former passwords, delete what has expired.
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

    def end_access() -> None:
        with system_transaction(OPERATOR) as session:
            left = people_who_left(session, clock.now())
        for tenant_id, member_id in left:
            try:
                carry_out_leaving(CarryOutLeaving(tenant_id=tenant_id, member_id=member_id), actor=worker_actor())
            except DomainError as refused:
                # They are refused all the same, from the midnight on; whoever counts on the others waits for none.
                log.warning("member.leaving_not_carried_out", tenant=str(tenant_id), code=refused.code)

    def close_break_glass_hours() -> None:
        with system_transaction(OPERATOR) as session:
            over = hours_to_close(session, clock.now())
        for hour_id in over:
            close_break_glass(CloseBreakGlass(hour_id=hour_id), actor=worker_actor())

    def delete_sessions() -> None:
        delete_expired_sessions(clock.now())
        delete_expired_forms(clock.now())

    return (
        sync_members,
        end_keys,
        end_access,
        lambda: complete_departures(worker_actor),
        lambda: carry_out_renamings(worker_actor),
        lambda: enqueue_nightly_checks(worker_actor),
        lambda: provision_operators(identities),
        lambda: sync_roles(identities),
        close_break_glass_hours,
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
