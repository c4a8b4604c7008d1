"""Changing the roles of somebody who is here already, now or on a day to come; and taking such a change back.

A change that is prepared is a grant whose beginning or end lies ahead, so that it counts from 0:00 in Japan on its day,
whether anything runs then or not. Keycloak follows by the worker (`tenancy.onboarding.changed_roles`).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, time
from typing import Annotated, ClassVar, Final
from uuid import UUID

from governance import grants
from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.grants import PlannedGrant
from governance.kernel.clock import JST
from governance.kernel.errors import Conflict, Invalid, NotAllowed, message
from governance.kernel.field_types import EndDate, Id, JstDate, LongLine, last_day
from governance.kernel.labels import Label
from governance.permissions import EXCLUDED_BY, Permission, Role, SecondPerson
from governance.persons import accounts_of_person
from tenancy.people.operators import refuse_naming_from_command_line
from tenancy.people.owners import require_owners
from tenancy.people.queries import PRESENT_STATES
from tenancy.people.rights import (
    PERSON_ABOVE_OWN,
    ROLES_EXCLUDE_EACH_OTHER,
    may_withdraw,
    require_grantable,
)
from tenancy.people.rows import member_row
from tenancy.people.second_person import announce_owner, second_person_for
from tenancy.people.states import MemberState
from tenancy.people.tables import Member
from tenancy.tenants.models import TenantDetails
from tenancy.tenants.queries import lock_tenant

MAIL_ROLE_CHANGE: Final = "member.mail-role-change"
"""The job that tells a person which role they get or lose, and from when."""

NOT_PRESENT = message(
    "member.roles_of_absent",
    ja="この利用者は「{state}」なので、役割を変更できません。",
    en="This member is {state}; their roles are not changed.",
    hint_ja="停止中の利用者の役割は、再開するときに選びます。",
    hint_en="The roles of a suspended member are chosen when they are resumed.",
)
TO_ONESELF = message(
    "member.role_to_oneself",
    ja="自分に役割を付与することはできません。",
    en="Nobody grants a role to themselves.",
    hint_ja="ほかの団体管理者または運営者に依頼してください。",
    hint_en="Ask another owner or the operator.",
)
ROLE_OF_EVERYBODY = message(
    "member.role_of_everybody",
    ja="役割「{role}」は、団体のすべての利用者が持ちます。1 つだけ付与したり終えたりはしません。",
    en="Everybody of a tenant is {role}; it is neither granted nor ended by itself.",
    hint_ja="利用をやめさせるときは、停止してください。",
    hint_en="Disable the person instead.",
)
ROLE_HELD = message(
    "member.role_held",
    ja="この利用者は、その期間の役割「{role}」をすでに持っているか、付与が予定されています。",
    en="This person already holds the role {role} in that time, or is to get it.",
    hint_ja="予定されている変更を取り消してから、あらためて付与してください。",
    hint_en="Undo what is prepared, then grant it anew.",
)
ROLE_NOT_HELD = message(
    "member.role_not_held",
    ja="この利用者は、役割「{role}」を持っていません。",
    en="This person does not hold the role {role}.",
)
BEGINS_IN_THE_PAST = message(
    "member.role_begins_in_the_past",
    ja="開始日 {given} は過ぎています。",
    en="The first day {given} is over.",
    hint_ja="今日から後の日を指定するか、空欄にしてください。",
    hint_en="Give today or a later day, or leave it empty.",
)
ENDS_TOO_EARLY = message(
    "member.role_ends_too_early",
    ja="最終日 {given} が早すぎます。",
    en="The last day {given} is too early.",
    hint_ja="開始日から後の、まだ過ぎていない日を指定してください。",
    hint_en="Give a day that is not over and not before the first one.",
)
NOTHING_PLANNED = message(
    "member.no_planned_change",
    ja="この変更は、すでに行われたか取り消されています。",
    en="This change has taken effect or was undone already.",
)


class GrantRole(Command):
    """A role that a person is to get, from when to when, and why."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    member_id: Annotated[
        Id, Input("利用者", "Member", Label("", "The id that `member list` prints, or the username in Keycloak."))
    ]
    role: Annotated[Role, Input("役割", "Role")]
    valid_from: Annotated[
        JstDate | None,
        Input(
            "開始日",
            "First day",
            Label("その日の 0:00 から。空欄ならただちに", "from 0:00 of that day; at once if empty"),
            option="first-day",
        ),
    ] = None
    valid_until: Annotated[
        EndDate | None,
        Input(
            "最終日（この日まで有効）",
            "Last day",
            Label("空欄なら期限なし", "no end if empty"),
            option="last-day",
        ),
    ] = None
    reason: Annotated[LongLine, Input("理由", "Reason")]


class RoleGranted(Result):
    """Whose role it is, the grant's id, and from when it counts."""

    person_id: UUID
    grant_id: UUID
    takes_effect_at: datetime


def _who_decides_grant(ctx: CommandContext, command: GrantRole) -> SecondPerson | None:
    return second_person_for(ctx, command.tenant_id, (command.role,))


@handles(
    Permission.MEMBER_GRANT_ROLE, Event.MEMBER_ROLE_GRANTED, approval=_who_decides_grant, edits="member {member_id}"
)
def grant_role(ctx: CommandContext, command: GrantRole) -> RoleGranted:
    """Grant a role to somebody who is here already. It counts at the first sign-in after it began.

    Who else must agree is as for a person who is added with the role. Raises NotFound, NotAllowed for a role that the
    actor may not grant and for oneself, Invalid for a role or days that cannot be, Conflict for a person who is
    suspended or removed, and for a role that the person holds in that time.
    """
    tenant = lock_tenant(ctx.session, command.tenant_id)
    member = member_row(ctx.session, tenant.id, command.member_id)
    _require_present(member)
    require_grantable(ctx, tenant, (command.role,))
    _require_single(command.role)
    if tenant.is_operator:
        refuse_naming_from_command_line(ctx.session, ctx.actor, tenant.id, ctx.now)
    require_somebody_else(ctx, member)
    since = beginning(ctx, command.valid_from)
    until = None if command.valid_until is None else midnight(command.valid_until)
    if until is not None and until <= since:
        _refuse_end(command.valid_until)
    _refuse_excluded(ctx, tenant, member, command.role)
    grant_id = carry_out_grant(ctx, tenant, member, command.role, since, until, command.reason)
    return RoleGranted(person_id=member.person_id, grant_id=grant_id, takes_effect_at=since)


def carry_out_grant(
    ctx: CommandContext,
    tenant: TenantDetails,
    member: Member,
    role: Role,
    since: datetime,
    until: datetime | None,
    reason: str,
) -> UUID:
    """Grant the role that was found possible, tell the person, record it; returns the grant's id.

    Raises Conflict for a role that the person holds in that time.
    """
    grant_id = grants.grant(ctx.session, tenant.id, member.person_id, role, since, ctx.actor.id, until=until)
    if grant_id is None:
        raise Conflict(ROLE_HELD, field="role", role=role)
    mark_roles_changed(ctx, member)
    if role is Role.TENANT_OWNER:
        announce_owner(ctx, tenant.id, member.person_id)
    tell_of_role(ctx, member, "granted", role, since=since, until=until)
    ctx.audit(
        event=Event.MEMBER_ROLE_GRANTED,
        subject=member.person_id,
        tenant_id=tenant.id,
        role=role.value,
        valid_from=day_ahead(ctx, since),
        valid_until=None if until is None else until.astimezone(JST).date().isoformat(),
        reason=reason,
    )
    return grant_id


class EndRole(Command):
    """A role that a person is to lose, when, and why."""

    added_later: ClassVar[frozenset[str]] = frozenset({"valid_until"})

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    member_id: Annotated[
        Id, Input("利用者", "Member", Label("", "The id that `member list` prints, or the username in Keycloak."))
    ]
    role: Annotated[Role, Input("役割", "Role")]
    valid_until: Annotated[
        EndDate | None,
        Input(
            "最終日（この日まで有効）",
            "Last day",
            Label("空欄ならただちに終わる", "ends at once if empty"),
            option="last-day",
        ),
    ] = None
    reason: Annotated[LongLine, Input("理由", "Reason")]


class RoleEnded(Result):
    """Whose role it was."""

    person_id: UUID


def _who_decides_end(ctx: CommandContext, command: EndRole) -> SecondPerson | None:
    """Of the operator's people another of operator-security: what the role excluded counts once it has ended."""
    return SecondPerson.ROLES if lock_tenant(ctx.session, command.tenant_id).is_operator else None


@handles(Permission.MEMBER_END_ROLE, Event.MEMBER_ROLE_ENDED, approval=_who_decides_end, edits="member {member_id}")
def end_role(ctx: CommandContext, command: EndRole) -> RoleEnded:
    """End a role now, or after a last day. It allows nothing from then on; Keycloak follows.

    Raises NotFound, NotAllowed for a role that the actor may not grant, Invalid for a last day that is over or a role
    that everybody has, Conflict for a role that the person does not hold then, and when no owner would be left.
    """
    tenant = lock_tenant(ctx.session, command.tenant_id)
    member = member_row(ctx.session, tenant.id, command.member_id)
    _require_within_rights(ctx, command.role)
    _require_single(command.role)
    until = ctx.now if command.valid_until is None else midnight(command.valid_until)
    if until < ctx.now:
        _refuse_end(command.valid_until)
    carry_out_end(ctx, tenant, member, command.role, until, command.reason)
    if command.role is Role.TENANT_OWNER:
        require_owners(ctx, tenant)
    return RoleEnded(person_id=member.person_id)


def carry_out_end(
    ctx: CommandContext, tenant: TenantDetails, member: Member, role: Role, until: datetime, reason: str
) -> None:
    """End the role at that instant, tell the person, record it. Whether an owner is left is the caller's to ask.

    Raises Conflict for a role that the person does not hold then.
    """
    if not grants.end(ctx.session, tenant.id, member.person_id, role, until, ctx.now):
        raise Conflict(ROLE_NOT_HELD, field="role", role=role)
    mark_roles_changed(ctx, member)
    tell_of_role(ctx, member, "ended", role, until=until)
    ctx.audit(
        event=Event.MEMBER_ROLE_ENDED,
        subject=member.person_id,
        tenant_id=tenant.id,
        role=role.value,
        valid_until=day_ahead(ctx, until),
        reason=reason,
    )


def end_roles_held(
    ctx: CommandContext, tenant: TenantDetails, member_id: UUID, roles: Collection[Role], reason: str
) -> list[Role]:
    """End those of these roles that the person holds, at once; returns them. For use inside a command.

    The caller has locked the tenant, and asks afterwards whether an owner is left. Raises NotFound, and NotAllowed for
    a role that the actor may not grant.
    """
    member = member_row(ctx.session, tenant.id, member_id)
    held = grants.roles_in_force(ctx.session, tenant.id, member.person_id, ctx.now)
    ended = sorted(set(roles) & held - {Role.TENANT_MEMBER})
    for role in ended:
        _require_within_rights(ctx, role)
        carry_out_end(ctx, tenant, member, role, ctx.now, reason)
    return ended


class UndoRoleChange(Command):
    """A change of somebody's roles that has not taken effect yet and is not to, and why."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    member_id: Annotated[
        Id, Input("利用者", "Member", Label("", "The id that `member list` prints, or the username in Keycloak."))
    ]
    grant_id: Annotated[
        Id, Input("予定されている変更", "Planned change", Label("", "The id that `member planned-changes` prints."))
    ]
    reason: Annotated[LongLine, Input("理由", "Reason")]


class RoleChangeUndone(Result):
    """Whose change it was."""

    person_id: UUID


def _who_decides_undoing(ctx: CommandContext, command: UndoRoleChange) -> SecondPerson | None:
    """As for granting the role: an end that is undone is a grant."""
    tenant = lock_tenant(ctx.session, command.tenant_id)
    if tenant.is_operator:
        return SecondPerson.ROLES
    planned = _planned(ctx, tenant, command)
    return None if planned.begins_later else second_person_for(ctx, tenant.id, (planned.role,))


@handles(
    Permission.MEMBER_UNDO_ROLE_CHANGE,
    Event.MEMBER_ROLE_CHANGE_UNDONE,
    approval=_who_decides_undoing,
    edits="member {member_id}",
)
def undo_role_change(ctx: CommandContext, command: UndoRoleChange) -> RoleChangeUndone:
    """Take back a change before its day: a grant never begins, an end never comes.

    Raises NotFound for the person, NotAllowed for a role that the actor may not grant and for an own role that would go
    on, Conflict for a change that took effect or was undone, and when no owner would be left.
    """
    tenant = lock_tenant(ctx.session, command.tenant_id)
    member = member_row(ctx.session, tenant.id, command.member_id)
    planned = _planned(ctx, tenant, command)
    _require_within_rights(ctx, planned.role)
    if not planned.begins_later:
        _require_present(member)
        require_grantable(ctx, tenant, (planned.role,))
        require_somebody_else(ctx, member)
        _refuse_excluded(ctx, tenant, member, planned.role)
    if not grants.undo_planned(ctx.session, planned):
        raise Conflict(ROLE_HELD, field="grant_id", role=planned.role)
    if planned.role is Role.TENANT_OWNER and planned.begins_later:
        require_owners(ctx, tenant)
    mark_roles_changed(ctx, member)
    tell_of_role(ctx, member, "undone", planned.role)
    ctx.audit(
        subject=member.person_id,
        tenant_id=tenant.id,
        role=planned.role.value,
        valid_from=day_ahead(ctx, planned.takes_effect_at) if planned.begins_later else None,
        valid_until=None if planned.begins_later else day_ahead(ctx, planned.takes_effect_at),
        reason=command.reason,
    )
    return RoleChangeUndone(person_id=member.person_id)


def midnight(day: date) -> datetime:
    """0:00 of a day in Japan."""
    return datetime.combine(day, time(), JST)


def _planned(ctx: CommandContext, tenant: TenantDetails, command: UndoRoleChange) -> PlannedGrant:
    member = member_row(ctx.session, tenant.id, command.member_id)
    found = grants.planned_grants(ctx.session, tenant.id, ctx.now, person_id=member.person_id)
    planned = next((one for one in found if one.id == command.grant_id), None)
    if planned is None:
        raise Conflict(NOTHING_PLANNED, field="grant_id")
    return planned


def beginning(ctx: CommandContext, first: date | None) -> datetime:
    """When a grant begins: at 0:00 of that day in Japan, now without one. Raises Invalid for a day that is over.

    A day that came while the request waited for its second person is today."""
    if first is None or first == ctx.today or (ctx.approval is not None and first < ctx.today):
        return ctx.now
    if first < ctx.today:
        raise Invalid(BEGINS_IN_THE_PAST, field="valid_from", given=first.isoformat())
    return midnight(first)


def day_ahead(ctx: CommandContext, instant: datetime) -> str | None:
    """The day of a change that lies ahead; None for one at once."""
    return None if instant <= ctx.now else instant.astimezone(JST).date().isoformat()


def _refuse_end(end: date | None) -> None:
    raise Invalid(ENDS_TOO_EARLY, field="valid_until", given="" if end is None else last_day(end).isoformat())


def _require_present(member: Member) -> None:
    if member.state not in PRESENT_STATES:
        raise Conflict(NOT_PRESENT, field="member_id", state=MemberState(member.state))


def _require_single(role: Role) -> None:
    if role is Role.TENANT_MEMBER:
        raise Invalid(ROLE_OF_EVERYBODY, field="role", role=role)


def _require_within_rights(ctx: CommandContext, role: Role) -> None:
    """Whoever approves need not be one who grants: the requester was, when the request was made."""
    if ctx.approval is None and not may_withdraw(ctx.actor, {role}):
        raise NotAllowed(PERSON_ABOVE_OWN, field="role", role=role)


def require_somebody_else(ctx: CommandContext, member: Member) -> None:
    """Raise NotAllowed where the actor and the member are one person, through whichever account."""
    if str(member.person_id) in accounts_of_person(ctx.session, ctx.actor.id):
        raise NotAllowed(TO_ONESELF, field="member_id")


def _refuse_excluded(ctx: CommandContext, tenant: TenantDetails, member: Member, role: Role) -> None:
    """Raise Invalid where the person, through whichever account, holds or is to get a role that excludes this one."""
    others = {other for one, by in EXCLUDED_BY.items() for other in (one, by) if role in (one, by)} - {role}
    if not others:
        return
    for account in accounts_of_person(ctx.session, str(member.person_id)):
        try:
            person_id = UUID(account)
        except ValueError:
            continue
        held = grants.roles_held_from(ctx.session, tenant.id, person_id, ctx.now) & others
        if held:
            raise Invalid(ROLES_EXCLUDE_EACH_OTHER, field="role", role=role, other=min(held))


def mark_roles_changed(ctx: CommandContext, member: Member) -> None:
    """Have the worker bring Keycloak in line with what counts now, also where it is just doing so.

    Another value than the worker read, so that it does not record what it brought there before this change.
    """
    member.roles_synced_at = min(member.roles_synced_at, ctx.now) - grants.INSTANT


def tell_of_role(
    ctx: CommandContext,
    member: Member,
    what: str,
    role: Role,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> None:
    """Enqueue the mail to the person about a role: `what` is granted, ended or undone."""

    def day(instant: datetime | None) -> str | None:
        return None if instant is None else day_ahead(ctx, instant)

    payload = {
        "tenant_id": str(member.tenant_id),
        "person_id": str(member.person_id),
        "what": what,
        "role": role.value,
        "since": day(since),
        "until": day(until),
    }
    ctx.enqueue(MAIL_ROLE_CHANGE, payload, tenant_id=member.tenant_id)
