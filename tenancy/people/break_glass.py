"""The emergency role (break glass): one of the operator's people gets it for one hour, asked for and approved by two.

It is for the hour in which those who could act are out of reach: it reads everything, stops anybody, and decides what
an onboarding waits for. Everybody who watches over the installation is told when it begins, and what was done when it
is over. Outside of such an hour nobody holds the role, and nobody grants it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance import grants
from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, NotAllowed, message, require_found
from governance.kernel.field_types import Id, LongLine
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.models import ReadModel
from governance.permissions import Permission, Role, SecondPerson
from governance.persons import accounts_of_person
from tenancy.people.rows import member_row, row_of_person
from tenancy.people.states import MemberState
from tenancy.people.tables import BreakGlassHour

LASTS: Final = timedelta(hours=1)

MAIL_BREAK_GLASS: Final = "member.mail-break-glass"
"""The job that tells those who watch over the installation that such an hour begins, or what was done in it."""

NOT_ACTIVE: Final = message(
    "break_glass.not_active",
    ja="この利用者は「{state}」なので、緊急時の操作を任せられません。",
    en="This member is {state}, and cannot be given the emergency role.",
)
OPEN_ALREADY: Final = message(
    "break_glass.open_already",
    ja="緊急時の操作は、すでに{until}まで認められています。",
    en="The emergency role is given already, until {until}.",
)
DECIDED_BY_ANOTHER: Final = message(
    "break_glass.decided_by_another",
    ja="緊急時の操作を任される本人は、その申請を承認できません。",
    en="Whoever is to get the emergency role does not approve it.",
    hint_ja="ほかの承認者またはセキュリティ担当が承認してください。",
    hint_en="Another approver or security person has to.",
)


class StartBreakGlass(Command):
    """One of the operator's people who gets the emergency role for an hour, and why."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    member_id: Annotated[
        Id, Input("利用者", "Member", Label("", "The id that `member list` prints, or the username in Keycloak."))
    ]
    reason: Annotated[LongLine, Input("理由", "Reason")]


class BreakGlassStarted(Result):
    """The hour, and when it is over."""

    hour_id: UUID
    ends_at: datetime


class CloseBreakGlass(Command):
    """An hour that ends: before its time, or because it is over."""

    hour_id: Annotated[Id, Input("緊急時の操作", "Emergency hour", Label("", "The id that `break-glass list` prints."))]


class BreakGlassClosed(Result):
    hour_id: UUID


class BreakGlassFacts(ReadModel):
    """One such hour: whose it is, why, and from when to when. `closed_at` is null while it lasts."""

    id: UUID
    tenant_id: UUID
    member_id: UUID
    person_id: UUID
    reason: str
    opened_at: datetime
    ends_at: datetime
    closed_at: datetime | None
    approved_by: str


@handles(
    Permission.BREAK_GLASS_START,
    Event.BREAK_GLASS_STARTED,
    approval=SecondPerson.EMERGENCY,
    edits="member {member_id}",
    step_up=True,
)
def start_break_glass(ctx: CommandContext, command: StartBreakGlass) -> BreakGlassStarted:
    """Give the emergency role for one hour. Everybody who watches over the installation is told.

    Raises NotFound, Conflict for somebody who is not active or has such an hour already, and NotAllowed where the
    person would approve it.
    """
    member = member_row(ctx.session, ctx.actor.tenant_id, command.member_id)
    if member.state != MemberState.ACTIVE:
        raise Conflict(NOT_ACTIVE, field="member_id", state=MemberState(member.state))
    if ctx.approval is not None and str(member.person_id) in accounts_of_person(ctx.session, ctx.actor.id):
        raise NotAllowed(DECIDED_BY_ANOTHER)
    lasting = _lasting_hours(ctx.session, member.tenant_id, ctx.now, member.person_id)
    if lasting:
        raise Conflict(OPEN_ALREADY, field="member_id", until=lasting[0].ends_at)
    ends_at = ctx.now + LASTS
    grants.grant(
        ctx.session, member.tenant_id, member.person_id, Role.BREAK_GLASS, ctx.now, ctx.actor.id, until=ends_at
    )
    hour = BreakGlassHour(
        id=new_id(),
        tenant_id=member.tenant_id,
        member_id=member.id,
        person_id=member.person_id,
        reason=command.reason,
        opened_at=ctx.now,
        ends_at=ends_at,
        approved_by=ctx.actor.id,
    )
    ctx.session.add(hour)
    ctx.enqueue(MAIL_BREAK_GLASS, {"hour_id": str(hour.id), "what": "opened"}, tenant_id=member.tenant_id)
    ctx.audit(subject=member.person_id, tenant_id=member.tenant_id, reason=command.reason, ends_at=ends_at.isoformat())
    return BreakGlassStarted(hour_id=hour.id, ends_at=ends_at)


@handles(Permission.BREAK_GLASS_CLOSE, Event.BREAK_GLASS_CLOSED)
def close_break_glass(ctx: CommandContext, command: CloseBreakGlass) -> BreakGlassClosed:
    """Take the emergency role back, and have everybody who watches over the installation told what was done with it.

    The person does, or who may, before its time; the worker once it is over. Raises NotFound; an hour that is closed
    stays so.
    """
    hour = require_found(
        ctx.session.get(BreakGlassHour, command.hour_id, with_for_update=True),
        what=Label("緊急時の操作", "emergency hour"),
        given=command.hour_id,
        field="hour_id",
    )
    if hour.closed_at is not None:
        ctx.mark_noop()
        return BreakGlassClosed(hour_id=hour.id)
    member = row_of_person(ctx.session, hour.tenant_id, hour.person_id)
    grants.revoke(ctx.session, hour.tenant_id, member.person_id, ctx.now, Role.BREAK_GLASS)
    hour.closed_at = min(ctx.now, hour.ends_at)
    ctx.enqueue(MAIL_BREAK_GLASS, {"hour_id": str(hour.id), "what": "closed"}, tenant_id=hour.tenant_id)
    ctx.audit(subject=hour.person_id, tenant_id=hour.tenant_id, is_early=ctx.now < hour.ends_at)
    return BreakGlassClosed(hour_id=hour.id)


def break_glass_hours(session: Session, limit: int = 100) -> list[BreakGlassFacts]:
    """The latest hours, the newest first."""
    newest = select(BreakGlassHour).order_by(BreakGlassHour.opened_at.desc()).limit(limit)
    return list(map(BreakGlassFacts.model_validate, session.scalars(newest)))


def break_glass_hour(session: Session, hour_id: UUID) -> BreakGlassFacts:
    """One hour. Raises NotFound."""
    found = session.get(BreakGlassHour, hour_id)
    return BreakGlassFacts.model_validate(
        require_found(found, what=Label("緊急時の操作", "emergency hour"), given=hour_id)
    )


def hours_to_close(session: Session, now: datetime) -> list[UUID]:
    """The hours that are over and not closed yet."""
    over = select(BreakGlassHour.id).where(BreakGlassHour.closed_at.is_(None), BreakGlassHour.ends_at <= now)
    return list(session.scalars(over))


def _lasting_hours(session: Session, tenant_id: UUID, now: datetime, person_id: UUID) -> Sequence[BreakGlassHour]:
    lasting = select(BreakGlassHour).where(
        BreakGlassHour.tenant_id == tenant_id,
        BreakGlassHour.person_id == person_id,
        BreakGlassHour.closed_at.is_(None),
        BreakGlassHour.ends_at > now,
    )
    return session.scalars(lasting).all()
