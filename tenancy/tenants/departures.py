"""Leaving (脱退): the tenant's notice with its last day, and the tenants whose last day is over."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input, check
from governance.events import Event
from governance.kernel.errors import Invalid, message
from governance.kernel.field_types import Id, JstDate, LongLine, last_day
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.models import ReadModel
from governance.permissions import Permission
from tenancy.tenants.facts import select_tenant_states
from tenancy.tenants.state_changes import apply_transition
from tenancy.tenants.states import TenantState
from tenancy.tenants.tables import Departure

BEFORE_THE_NOTICE = message(
    "departure.before_the_notice",
    ja="最終日 {given} は、届出日より前です。",
    en="The last day {given} is before the day of the notice.",
)
LAST_DAY_IS_OVER = message(
    "departure.last_day_is_over",
    ja="最終日 {given} は過ぎています。今日以降の日にしてください。",
    en="The last day {given} is over; enter today or a later day.",
)


class DepartureFacts(ReadModel):
    """A notice that a tenant leaves. `ended_at` is None while it is under way."""

    id: UUID
    tenant_id: UUID
    notified_on: date
    ends_on: date
    reason: str
    announced_by: str
    announced_at: datetime
    ended_at: datetime | None

    @property
    def last_day(self) -> date:
        """The last day on which the tenant's people sign in."""
        return last_day(self.ends_on)


class AnnounceDeparture(Command):
    """A tenant's notice that it leaves, and the last day of its access."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    notified_on: Annotated[JstDate, Input("届出日", "Day of the notice")]
    last_day: Annotated[
        JstDate,
        Input(
            "最終日",
            "Last day",
            Label(
                "この日まで、利用者はログインできます。翌日の0:00に脱退となります。",
                "Its people can sign in until this day. It has left at 0:00 of the next.",
            ),
        ),
    ]
    reason: Annotated[LongLine, Input("理由", "Reason")]

    @check("last_day", "notified_on")
    @staticmethod
    def not_before_the_notice(last_day: date, notified_on: date) -> None:
        """Nobody has left before saying so."""
        if last_day < notified_on:
            raise Invalid(BEFORE_THE_NOTICE, field="last_day", given=str(last_day))


class DepartureAnnounced(Result):
    """The tenant is leaving; `version` is its new one."""

    departure_id: UUID
    version: int


@handles(Permission.TENANT_ANNOUNCE_DEPARTURE, Event.DEPARTURE_ANNOUNCED, edits="tenant {tenant_id}")
def announce_departure(ctx: CommandContext, command: AnnounceDeparture) -> DepartureAnnounced:
    """Record the notice; the tenant is leaving from now on, and has left when its last day is over.

    Its service clients get no tokens any more. Raises NotFound, Invalid for a last day that is over, Conflict for a
    tenant that cannot leave.
    """
    if command.last_day < ctx.today:
        raise Invalid(LAST_DAY_IS_OVER, field="last_day", given=str(command.last_day))
    departure_id, version = record_departure(
        ctx,
        command.tenant_id,
        notified_on=command.notified_on,
        ends_on=command.last_day + timedelta(days=1),
        reason=command.reason,
    )
    ctx.audit(
        subject=command.tenant_id,
        tenant_id=command.tenant_id,
        notified_on=command.notified_on.isoformat(),
        last_day=command.last_day.isoformat(),
        reason=command.reason,
    )
    return DepartureAnnounced(departure_id=departure_id, version=version)


def record_departure(
    ctx: CommandContext, tenant_id: UUID, *, notified_on: date, ends_on: date, reason: str
) -> tuple[UUID, int]:
    """Let the tenant be leaving and note when its access ends; the departure's id and the tenant's new version.

    Raises NotFound, and Conflict for a tenant that cannot leave.
    """
    version = apply_transition(ctx, tenant_id, TenantState.LEAVING, reason=reason, effective_on=ctx.today)
    departure_id = new_id()
    ctx.session.add(
        Departure(
            id=departure_id,
            tenant_id=tenant_id,
            notified_on=notified_on,
            ends_on=ends_on,
            reason=reason,
            announced_by=ctx.actor.id,
            announced_at=ctx.now,
        )
    )
    ctx.session.flush()
    return departure_id, version


def departure_under_way(session: Session, tenant_id: UUID) -> DepartureFacts | None:
    """The tenant's notice that is under way, None where it does not leave."""
    query = select(Departure).where(Departure.tenant_id == tenant_id, Departure.ended_at.is_(None))
    found = session.scalars(query).one_or_none()
    return None if found is None else DepartureFacts.model_validate(found)


def departures(session: Session, tenant_id: UUID) -> list[DepartureFacts]:
    """The tenant's notices, the newest first."""
    query = select(Departure).where(Departure.tenant_id == tenant_id).order_by(Departure.id.desc())
    return [DepartureFacts.model_validate(row) for row in session.scalars(query)]


def departures_due(session: Session, today: date) -> list[DepartureFacts]:
    """The notices of tenants that are leaving and whose last day is over, the longest ago first."""
    tenant = select_tenant_states().subquery()
    query = (
        select(Departure)
        .join(tenant, tenant.c.id == Departure.tenant_id)
        .where(Departure.ended_at.is_(None), Departure.ends_on <= today, tenant.c.state == TenantState.LEAVING.value)
        .order_by(Departure.ends_on, Departure.id)
    )
    return [DepartureFacts.model_validate(row) for row in session.scalars(query)]
