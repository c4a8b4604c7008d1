"""Whoever is added after the tenant came in: who waits to be made in Keycloak, and who is still to be sent a mail.

A tenant's steps, run once more, sync them. The operator's people have a realm of their own and no
organization; they are made one by one. Not here: people of a tenant that is still coming in, its onboarding has them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select, union
from sqlalchemy.orm import Session

from governance.commands import Command, CommandContext, Result, handles
from governance.events import Event
from governance.permissions import OPERATOR_ROLES, Permission
from tenancy.clients.states import ClientState
from tenancy.clients.tables import ServiceClient
from tenancy.keycloak.port import OperatorIntent
from tenancy.onboarding.steps import OnboardingState
from tenancy.onboarding.tables import Onboarding
from tenancy.people import queries as people
from tenancy.people.states import MemberState
from tenancy.people.tables import Member
from tenancy.tenants.states import TenantState
from tenancy.tenants.tables import Tenant

INVITE: Final = "member.invite"
"""The job that has Keycloak send a person the mail in which to set a password."""

_PARTICIPATING: Final = (TenantState.TRIAL.value, TenantState.ACTIVE.value)


class SyncMember(Command):
    """Keycloak's id of a person of the operator, who has been made there."""

    tenant_id: UUID
    member_id: UUID
    keycloak_id: str


class MemberSynced(Result):
    member_id: UUID


@handles(Permission.MEMBER_SYNC, Event.MEMBER_SYNCED)
def sync_member(ctx: CommandContext, command: SyncMember) -> MemberSynced:
    """Record that the person is in Keycloak now, and have the mail sent. Moyai's own worker's. Raises NotFound."""
    member = people.member(ctx.session, command.tenant_id, command.member_id, lock=True)
    if member.keycloak_id == command.keycloak_id:
        ctx.mark_noop()
        return MemberSynced(member_id=member.id)
    member.keycloak_id = command.keycloak_id
    enqueue_invitation(ctx, member)
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
    """Record the attempt to send the password mail, before it is made: a mail is never sent twice by itself."""
    member = people.member(ctx.session, command.tenant_id, command.member_id, lock=True)
    if member.password_mail_sent_at is not None or member.state not in people.PRESENT_STATES:
        ctx.mark_noop()
        return MemberInvited(person_id=member.person_id, is_first=False)
    member.password_mail_sent_at = ctx.now
    ctx.audit(subject=member.person_id, tenant_id=member.tenant_id)
    return MemberInvited(person_id=member.person_id, is_first=True)


def enqueue_invitation(ctx: CommandContext, member: Member) -> None:
    """Leave the job that sends the person the mail, unless one was sent."""
    if member.password_mail_sent_at is None:
        ctx.enqueue(
            INVITE,
            {"tenant_id": str(member.tenant_id), "member_id": str(member.id)},
            tenant_id=member.tenant_id,
        )


def tenants_with_unsynced_members(session: Session, limit: int = 20) -> list[UUID]:
    """Tenants that are in, have people or systems that Keycloak lacks, and no onboarding under way."""
    waiting = union(
        select(Member.tenant_id).where(Member.keycloak_id.is_(None), Member.state == MemberState.INVITED),
        select(ServiceClient.tenant_id).where(ServiceClient.state == ClientState.REGISTERED),
    ).subquery()
    under_way = select(Onboarding.id).where(Onboarding.tenant_id == Tenant.id, Onboarding.state != OnboardingState.DONE)
    return list(
        session.scalars(
            select(Tenant.id)
            .join(waiting, waiting.c.tenant_id == Tenant.id)
            .where(Tenant.state.in_(_PARTICIPATING), ~Tenant.is_operator, ~under_way.exists())
            .order_by(Tenant.id)
            .limit(limit)
        )
    )


def operators_to_provision(session: Session, now: datetime, limit: int = 20) -> list[tuple[Member, OperatorIntent]]:
    """The operator's people whom Keycloak lacks, with the roles they were granted."""
    found = session.scalars(
        select(Member)
        .join(Tenant, Tenant.id == Member.tenant_id)
        .where(Tenant.is_operator, Member.keycloak_id.is_(None), Member.state == MemberState.INVITED)
        .order_by(Member.id)
        .limit(limit)
    ).all()
    if not found:
        return []
    roles = people.roles_of_members(session, found[0].tenant_id, now)
    return [
        (
            member,
            OperatorIntent(
                person_id=member.person_id,
                email=member.email,
                family_name=member.family_name,
                given_name=member.given_name,
                roles=frozenset(role.value for role in roles.get(member.person_id, frozenset()) & OPERATOR_ROLES),
            ),
        )
        for member in found
    ]
