"""利用の終了: a person who leaves on a day, prepared as one act and undone until then.

From 0:00 in Japan of the day after the last one they are refused everywhere, whether anything runs then or not
(`membership`); the worker then ends their roles as of that instant and closes the account in Keycloak.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.clock import jst_date
from governance.kernel.errors import Conflict, Invalid, message
from governance.kernel.field_types import EndDate, Id, LongLine, last_day
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy.people.owners import require_owners
from tenancy.people.queries import PRESENT_STATES
from tenancy.people.rights import require_within_rights
from tenancy.people.role_changes import midnight
from tenancy.people.rows import member_row
from tenancy.people.states import LeavingKind, MemberState
from tenancy.people.tables import Member
from tenancy.people.withdrawal import withdraw
from tenancy.preferences.filters import forget_filters
from tenancy.tenants.queries import lock_tenant

MAIL_LEAVING: Final = "member.mail-leaving"
"""The job that tells a person until which day they may use the platform, or that they may go on."""

LEAVES_NOT_PRESENT = message(
    "member.leaving_of_absent",
    ja="この利用者は「{state}」なので、利用の終了を予定できません。",
    en="This member is {state}; no leaving is prepared.",
)
LAST_DAY_OVER = message(
    "member.leaving_in_the_past",
    ja="最終日 {given} は過ぎています。",
    en="The last day {given} is over.",
    hint_ja="今日から後の日を指定してください。すぐにやめさせるときは、停止または削除してください。",
    hint_en="Give today or a later day. To end it at once, disable or remove the person.",
)
NO_LEAVING = message(
    "member.no_leaving_planned",
    ja="利用の終了は予定されていないか、すでに行われています。",
    en="No leaving is prepared, or it has taken effect already.",
)


class PlanLeaving(Command):
    """A person who leaves after a last day, what becomes of them, and why. One that was prepared before is replaced."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    member_id: Annotated[
        Id, Input("利用者", "Member", Label("", "The id that `member list` prints, or the username in Keycloak."))
    ]
    valid_until: Annotated[
        EndDate,
        Input(
            "最終日（この日まで利用できる）",
            "Last day",
            Label("翌日の 0:00 に、すべての役割が終わる", "every role ends at 0:00 of the day after"),
            option="last-day",
        ),
    ]
    leaves_as: Annotated[LeavingKind, Input("その後", "After it")]
    reason: Annotated[LongLine, Input("理由", "Reason")]


class LeavingPlanned(Result):
    """Who leaves, and from when on they are refused."""

    person_id: UUID
    takes_effect_at: datetime


@handles(Permission.MEMBER_PLAN_LEAVING, Event.MEMBER_LEAVING_PLANNED, edits="member {member_id}")
def plan_leaving(ctx: CommandContext, command: PlanLeaving) -> LeavingPlanned:
    """Prepare that a person leaves. Nothing changes for them until 0:00 of the day after the last one.

    Raises NotFound, NotAllowed for a person above the actor's own rights, Invalid for a last day that is over, Conflict
    for somebody who is suspended or removed, and when too few owners would be left then.
    """
    tenant = lock_tenant(ctx.session, command.tenant_id)
    member = member_row(ctx.session, tenant.id, command.member_id)
    if member.state not in PRESENT_STATES:
        raise Conflict(LEAVES_NOT_PRESENT, field="member_id", state=MemberState(member.state))
    require_within_rights(ctx, member)
    at = midnight(command.valid_until)
    if at <= ctx.now:
        raise Invalid(LAST_DAY_OVER, field="valid_until", given=last_day(command.valid_until).isoformat())
    member.leaves_at, member.leaves_as = at, command.leaves_as.value
    require_owners(ctx, tenant)
    _tell(ctx, member)
    ctx.audit(
        subject=member.person_id,
        tenant_id=tenant.id,
        valid_until=command.valid_until.isoformat(),
        leaves_as=command.leaves_as.value,
        reason=command.reason,
    )
    return LeavingPlanned(person_id=member.person_id, takes_effect_at=at)


class UndoLeaving(Command):
    """A person who is not to leave after all, and why."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    member_id: Annotated[
        Id, Input("利用者", "Member", Label("", "The id that `member list` prints, or the username in Keycloak."))
    ]
    reason: Annotated[LongLine, Input("理由", "Reason")]


class LeavingUndone(Result):
    """Who stays."""

    person_id: UUID


@handles(Permission.MEMBER_UNDO_LEAVING, Event.MEMBER_LEAVING_UNDONE, edits="member {member_id}")
def undo_leaving(ctx: CommandContext, command: UndoLeaving) -> LeavingUndone:
    """Take back a leaving before its day: the person keeps every role.

    Raises NotFound, NotAllowed for a person above the actor's own rights, Conflict where none is prepared or the day
    has come.
    """
    tenant = lock_tenant(ctx.session, command.tenant_id)
    member = member_row(ctx.session, tenant.id, command.member_id)
    if member.leaves_at is None or member.leaves_at <= ctx.now:
        raise Conflict(NO_LEAVING, field="member_id")
    require_within_rights(ctx, member)
    until = jst_date(member.leaves_at)
    member.leaves_at = member.leaves_as = None
    _tell(ctx, member)
    ctx.audit(subject=member.person_id, tenant_id=tenant.id, valid_until=until.isoformat(), reason=command.reason)
    return LeavingUndone(person_id=member.person_id)


class CarryOutLeaving(Command):
    """A person whose last day is over."""

    tenant_id: UUID
    member_id: UUID


class LeavingCarriedOut(Result):
    """How many grants ended."""

    grants_ended: int


@handles(Permission.MEMBER_CARRY_OUT_LEAVING, Event.MEMBER_LEFT)
def carry_out_leaving(ctx: CommandContext, command: CarryOutLeaving) -> LeavingCarriedOut:
    """Suspend or remove a person whose last day is over, as of the midnight after it. Only the worker may.

    Raises NotFound, and Conflict where too few owners would be left.
    """
    tenant = lock_tenant(ctx.session, command.tenant_id)
    member = member_row(ctx.session, tenant.id, command.member_id)
    if member.leaves_at is None or member.leaves_at > ctx.now or member.leaves_as is None:
        ctx.mark_noop()
        return LeavingCarriedOut(grants_ended=0)
    kind, at = LeavingKind(member.leaves_as), member.leaves_at
    ended, _ = withdraw(ctx, tenant, member, kind.state, planned_for=at)
    if kind is LeavingKind.REMOVED:
        forget_filters(ctx.session, tenant.id, member.person_id)
    ctx.audit(
        subject=member.person_id,
        tenant_id=tenant.id,
        valid_until=jst_date(at).isoformat(),
        leaves_as=kind.value,
        grants_ended=ended,
    )
    return LeavingCarriedOut(grants_ended=ended)


def people_who_left(session: Session, now: datetime, limit: int = 50) -> list[tuple[UUID, UUID]]:
    """Tenant and id of at most `limit` people, of every tenant, whose last day is over, the longest first."""
    query = (
        select(Member.tenant_id, Member.id)
        .where(Member.leaves_at <= now)
        .order_by(Member.leaves_at, Member.id)
        .limit(limit)
    )
    return [(tenant_id, member_id) for tenant_id, member_id in session.execute(query)]


def _tell(ctx: CommandContext, member: Member) -> None:
    until = None if member.leaves_at is None else jst_date(member.leaves_at).isoformat()
    payload = {"tenant_id": str(member.tenant_id), "person_id": str(member.person_id), "until": until}
    ctx.enqueue(MAIL_LEAVING, payload, tenant_id=member.tenant_id)
