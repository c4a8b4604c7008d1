"""Mergers (廃置分合、地方自治法6条・7条): one municipality ends on a day, and another goes on."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input, check
from governance.events import Event
from governance.kernel.errors import Conflict, Invalid, message
from governance.kernel.field_types import Id, JstDate, LongLine
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.models import ReadModel
from governance.permissions import Permission
from tenancy.tenants.departures import record_departure
from tenancy.tenants.rows import tenant_row
from tenancy.tenants.states import TenantState
from tenancy.tenants.tables import Merger

SAME_TENANT = message(
    "merger.same_tenant",
    ja="合併で消滅する団体と、存続する団体が同じです。",
    en="A tenant cannot be merged into itself.",
)
NOT_IN_FUTURE = message(
    "merger.not_in_future",
    ja="合併の日 {given} は、明日以降にしてください。",
    en="The day of the merger, {given}, must be tomorrow or later.",
)
SUCCESSOR_NOT_ACTIVE = message(
    "merger.successor_not_active",
    ja="存続する「{name}」は「{state}」です。参加している団体を選んでください。",
    en="{name}, which is to go on, is {state}; choose a tenant that takes part.",
)


class MergerFacts(ReadModel):
    """`tenant_id`, whose code and name were these, ended on `merged_on`; `successor_id` goes on."""

    id: UUID
    tenant_id: UUID
    successor_id: UUID
    code: str | None
    name: str
    successor_code: str | None
    successor_name: str
    merged_on: date
    reason: str
    recorded_by: str
    recorded_at: datetime


class MergeTenants(Command):
    """Which tenant ends on which day, and which goes on."""

    tenant_id: Annotated[Id, Input("消滅する団体", "Tenant that ends")]
    successor_id: Annotated[Id, Input("存続する団体", "Tenant that goes on")]
    merged_on: Annotated[
        JstDate,
        Input(
            "合併の日",
            "Day of the merger",
            Label(
                "告示された日。この日の0:00に、消滅する団体は脱退となります。",
                "As proclaimed. At 0:00 of this day the tenant that ends has left.",
            ),
        ),
    ]
    reason: Annotated[LongLine, Input("理由", "Reason")]

    @check("successor_id", "tenant_id")
    @staticmethod
    def two_tenants(successor_id: UUID, tenant_id: UUID) -> None:
        """One ends and the other goes on."""
        if successor_id == tenant_id:
            raise Invalid(SAME_TENANT, field="successor_id")


class TenantsMerged(Result):
    """`version` is that of the tenant that ends."""

    merger_id: UUID
    version: int


@handles(Permission.TENANT_MERGE, Event.TENANTS_MERGED, edits="tenant {tenant_id}")
def merge_tenants(ctx: CommandContext, command: MergeTenants) -> TenantsMerged:
    """Record a merger: the one tenant is leaving, with the day before as its last day; the other is as it was.

    The codes and names that both have now are kept with the merger. Raises NotFound, Invalid for a day that is not to
    come, Conflict where the one cannot leave or the other does not take part.
    """
    if command.merged_on <= ctx.today:
        raise Invalid(NOT_IN_FUTURE, field="merged_on", given=str(command.merged_on))
    # In the order of their ids, so that two mergers do not wait for each other.
    rows = {one: tenant_row(ctx.session, one) for one in sorted((command.tenant_id, command.successor_id))}
    ending, successor = rows[command.tenant_id], rows[command.successor_id]
    if successor.is_operator or successor.state not in (TenantState.TRIAL, TenantState.ACTIVE):
        state = TenantState(successor.state)
        raise Conflict(SUCCESSOR_NOT_ACTIVE, field="successor_id", name=successor.name, state=state)
    _, version = record_departure(
        ctx, ending.id, notified_on=ctx.today, ends_on=command.merged_on, reason=command.reason
    )
    merger_id = new_id()
    ctx.session.add(
        Merger(
            id=merger_id,
            tenant_id=ending.id,
            successor_id=successor.id,
            code=ending.code,
            name=ending.name,
            successor_code=successor.code,
            successor_name=successor.name,
            merged_on=command.merged_on,
            reason=command.reason,
            recorded_by=ctx.actor.id,
            recorded_at=ctx.now,
        )
    )
    ctx.session.flush()
    ctx.audit(
        subject=ending.id,
        tenant_id=ending.id,
        merged_into=successor.name,
        successor_id=str(successor.id),
        merged_on=command.merged_on.isoformat(),
        reason=command.reason,
    )
    return TenantsMerged(merger_id=merger_id, version=version)


def mergers(session: Session, tenant_id: UUID) -> list[MergerFacts]:
    """The mergers in which the tenant ended or went on, the newest first, as row-level security shows them."""
    query = (
        select(Merger)
        .where(or_(Merger.tenant_id == tenant_id, Merger.successor_id == tenant_id))
        .order_by(Merger.id.desc())
    )
    return [MergerFacts.model_validate(row) for row in session.scalars(query)]
