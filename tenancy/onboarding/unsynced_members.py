"""People and service clients that were added after their tenant's onboarding and are not in Keycloak yet.

For a tenant, running its onboarding steps again creates them. The operator's people are in a realm of their own without
an organization and are created one by one. People of a tenant that is being onboarded are left to its onboarding.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import and_, select, union
from sqlalchemy.orm import Session

from governance.commands import Command, CommandContext, Result, handles
from governance.events import Event
from governance.grants import roles_of_people
from governance.permissions import OPERATOR_ROLES, Permission, Role
from tenancy.clients.queries import tenants_with_unsynced_clients
from tenancy.keycloak.port import OperatorIntent
from tenancy.onboarding.steps import OnboardingKind, OnboardingState
from tenancy.onboarding.tables import Onboarding
from tenancy.people import queries as people
from tenancy.people.models import MemberFacts, MemberToSync
from tenancy.people.sync import lock_member, record_address_released, record_keycloak_id, record_password_mails
from tenancy.tenants.facts import operator_id, select_tenant_states
from tenancy.tenants.states import TenantState

INVITE: Final = "member.invite"
"""The job that makes Keycloak send a person the email for setting a password."""

_PARTICIPATING: Final = (TenantState.TRIAL.value, TenantState.ACTIVE.value)


class SyncMember(Command):
    """A person of the operator who was created in Keycloak, with Keycloak's id."""

    tenant_id: UUID
    member_id: UUID
    keycloak_id: str


class MemberSynced(Result):
    """The member whose Keycloak id is recorded."""

    member_id: UUID


@handles(Permission.MEMBER_SYNC, Event.MEMBER_SYNCED)
def sync_member(ctx: CommandContext, command: SyncMember) -> MemberSynced:
    """Record the person's Keycloak id and enqueue the invitation. Only the worker may. Raises NotFound."""
    member = lock_member(ctx.session, command.tenant_id, command.member_id)
    if member.keycloak_id == command.keycloak_id:
        ctx.mark_noop()
        return MemberSynced(member_id=member.id)
    enqueue_invitation(ctx, record_keycloak_id(ctx.session, member.tenant_id, member.person_id, command.keycloak_id))
    ctx.audit(subject=member.person_id, tenant_id=member.tenant_id)
    return MemberSynced(member_id=member.id)


class InviteMember(Command):
    tenant_id: UUID
    member_id: UUID


class MemberInvited(Result):
    """`is_first` is False when a mail was sent, or may have been, before."""

    person_id: UUID
    is_first: bool


@handles(Permission.MEMBER_INVITE, Event.MEMBER_INVITED)
def invite_member(ctx: CommandContext, command: InviteMember) -> MemberInvited:
    """Record the attempt to send the password email before it is made, so that a retry does not send it again."""
    member = lock_member(ctx.session, command.tenant_id, command.member_id)
    if member.password_mail_sent_at is not None or member.state not in people.PRESENT_STATES:
        ctx.mark_noop()
        return MemberInvited(person_id=member.person_id, is_first=False)
    record_password_mails(ctx.session, member.tenant_id, [member.person_id], ctx.now)
    ctx.audit(subject=member.person_id, tenant_id=member.tenant_id)
    return MemberInvited(person_id=member.person_id, is_first=True)


class ReleaseAddress(Command):
    """A person whose address was given up in Keycloak."""

    tenant_id: UUID
    member_id: UUID


class AddressReleased(Result):
    """The member whose address others may have now."""

    member_id: UUID


@handles(Permission.MEMBER_SYNC, Event.MEMBER_ADDRESS_RELEASED)
def release_address(ctx: CommandContext, command: ReleaseAddress) -> AddressReleased:
    """Record that Keycloak no longer has the person's address. Only the worker may. Raises NotFound."""
    member = lock_member(ctx.session, command.tenant_id, command.member_id)
    if not audit_released_address(ctx, member.username):
        ctx.mark_noop()
    return AddressReleased(member_id=member.id)


def audit_released_address(ctx: CommandContext, username: UUID) -> bool:
    """Record the release in each tenant of the account, not for whom it was. False where it was recorded before."""
    released = record_address_released(ctx.session, username, ctx.now)
    for tenant_id, person_id in released:
        ctx.audit(subject=person_id, tenant_id=tenant_id, event=Event.MEMBER_ADDRESS_RELEASED)
    return bool(released)


def enqueue_invitation(ctx: CommandContext, member: MemberToSync) -> None:
    """Enqueue the job that sends the person the password email, unless one was sent."""
    if member.password_mail_sent_at is None:
        ctx.enqueue(
            INVITE,
            {"tenant_id": str(member.tenant_id), "member_id": str(member.id)},
            tenant_id=member.tenant_id,
        )


def tenants_with_unsynced_members(session: Session, now: datetime, limit: int = 20) -> list[UUID]:
    """Ids of at most `limit` tenants on trial or active that have people or service clients to be made in Keycloak now.

    Those with an onboarding that is not done are left out, since it creates them; but not where one of later changes
    failed and waits for a person. These come last, so that they keep nobody from the list.
    """
    waiting = union(people.tenants_with_unsynced_members(now), tenants_with_unsynced_clients()).subquery()
    tenant = select_tenant_states().subquery()
    unfinished = select(Onboarding.id).where(
        Onboarding.tenant_id == tenant.c.id, Onboarding.state != OnboardingState.DONE
    )
    has_failed = and_(Onboarding.kind == OnboardingKind.SYNC, Onboarding.state == OnboardingState.FAILED)
    return list(
        session.scalars(
            select(tenant.c.id)
            .join(waiting, waiting.c.tenant_id == tenant.c.id)
            .where(tenant.c.state.in_(_PARTICIPATING), ~tenant.c.is_operator, ~unfinished.where(~has_failed).exists())
            .order_by(unfinished.exists(), tenant.c.id)
            .limit(limit)
        )
    )


def operators_to_provision(
    session: Session, now: datetime, limit: int = 20
) -> list[tuple[MemberToSync, OperatorIntent]]:
    """The operator's people who are not in Keycloak, with the roles they were granted."""
    tenant_id = operator_id(session)
    if tenant_id is None:
        return []
    found = people.unsynced_members(session, tenant_id, now, limit)
    roles = roles_of_people(session, tenant_id, now) if found else {}
    return [(member, _operator_intent(member, roles.get(member.person_id, frozenset()))) for member in found]


def operator_intent(session: Session, tenant_id: UUID, person_id: UUID, now: datetime) -> OperatorIntent:
    """One of the operator's people as Keycloak is to have them, with the roles granted at this instant.

    Raises NotFound.
    """
    member = people.member(session, tenant_id, person_id, now)
    return _operator_intent(member, frozenset(member.roles))


def _operator_intent(member: MemberFacts, roles: frozenset[Role]) -> OperatorIntent:
    return OperatorIntent(
        person_id=member.person_id,
        email=member.email,
        family_name=member.family_name,
        given_name=member.given_name,
        roles=frozenset(role.value for role in roles & OPERATOR_ROLES),
    )
