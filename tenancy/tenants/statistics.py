"""Recording figures about tenants: dated, with their source, superseded and never edited."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from governance.commands import Command, CommandContext, Result, handles
from governance.events import Event
from governance.kernel.ids import new_id
from governance.kernel.plain_text import PlainLine, plain_line
from governance.permissions import Permission
from tenancy.tenants import queries
from tenancy.tenants.states import StatisticKind
from tenancy.tenants.statistic_values import basis_date, statistic_text
from tenancy.tenants.tables import Statistic


class StatisticInput(BaseModel):
    """A figure with its day and source; `value` is decimal text, never a float."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: StatisticKind
    value: PlainLine
    basis_date: date
    source: PlainLine


class RecordStatistic(StatisticInput, Command):
    """A figure of one tenant; for a day that has one already, the new one supersedes it."""

    tenant_id: UUID


class StatisticRecorded(Result):
    statistic_id: UUID
    supersedes_id: UUID | None


@handles(Permission.STATISTIC_RECORD, Event.STATISTIC_RECORDED)
def record_statistic(ctx: CommandContext, command: RecordStatistic) -> StatisticRecorded:
    """Record a figure; one that stands for the same day is superseded and stays readable.

    Raises Invalid for what is no figure of its kind and for a day in the future, NotFound for the tenant.
    """
    tenant = queries.tenant(ctx.session, command.tenant_id, lock=True)
    return record_statistic_value(ctx, tenant.id, command)


def record_statistic_value(ctx: CommandContext, tenant_id: UUID, figure: StatisticInput) -> StatisticRecorded:
    """Check the figure and add it, inside any command. The same figure again leaves the one that stands."""
    value = statistic_text(figure.kind, figure.value, field="value")
    source = plain_line(figure.source, field="source", most=500)
    basis_date(figure.basis_date, today=ctx.today)
    current = queries.current_statistic(ctx.session, tenant_id, figure.kind, figure.basis_date)
    if current is not None and (current.value, current.source) == (value, source):
        ctx.mark_noop()
        return StatisticRecorded(statistic_id=current.id, supersedes_id=current.supersedes_id)
    made = add_statistic(
        ctx,
        tenant_id,
        figure.kind,
        value,
        figure.basis_date,
        source,
        supersedes_id=None if current is None else current.id,
    )
    ctx.audit(
        subject=made.id,
        tenant_id=tenant_id,
        event=Event.STATISTIC_RECORDED,
        kind=figure.kind.value,
        value=value,
        basis_date=figure.basis_date.isoformat(),
        supersedes=None if current is None else str(current.id),
    )
    return StatisticRecorded(statistic_id=made.id, supersedes_id=made.supersedes_id)


def add_statistic(
    ctx: CommandContext,
    tenant_id: UUID,
    kind: StatisticKind,
    value: str,
    basis_date: date,
    source: str,
    *,
    supersedes_id: UUID | None = None,
) -> Statistic:
    """Add a figure that was checked already, without a record of its own: for a whole file, which has one."""
    made = Statistic(
        id=new_id(),
        tenant_id=tenant_id,
        kind=kind.value,
        value=value,
        basis_date=basis_date,
        source=source,
        supersedes_id=supersedes_id,
        recorded_by=ctx.actor.id,
        recorded_at=ctx.now,
    )
    ctx.session.add(made)
    return made
