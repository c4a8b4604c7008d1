"""Recording figures about tenants: dated, with their source, superseded and never edited."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from governance.commands import Order, Outcome, Work, command
from governance.events import Event
from governance.kernel import clock
from governance.kernel.ids import new_id
from governance.kernel.plain_text import Line, plain_line
from governance.permissions import Permission
from tenancy.tenants import queries
from tenancy.tenants.figures import basis_date, figure_text
from tenancy.tenants.tables import Statistic, StatisticKind


class GivenFigure(BaseModel):
    """A figure with its day and source; `value` is decimal text, never a float."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: StatisticKind
    value: Line
    basis_date: date
    source: Line


class RecordStatistic(GivenFigure, Order):
    """A figure of one tenant; for a day that has one already, the new one supersedes it."""

    tenant_id: UUID


class StatisticRecorded(Outcome):
    statistic_id: UUID
    supersedes_id: UUID | None


@command(Permission.STATISTIC_RECORD, Event.STATISTIC_RECORDED)
def record_statistic(work: Work, order: RecordStatistic) -> StatisticRecorded:
    """Record a figure; one that stands for the same day is superseded and stays readable.

    Raises Invalid for what is no figure of its kind and for a day in the future, NotFound for the tenant.
    """
    tenant = queries.tenant(work.session, order.tenant_id, lock=True)
    return record_figure(work, tenant.id, order)


def record_figure(work: Work, tenant_id: UUID, figure: GivenFigure) -> StatisticRecorded:
    """Check the figure and add it, inside any command. The same figure again leaves the one that stands."""
    value = figure_text(figure.kind, figure.value, field="value")
    source = plain_line(figure.source, field="source", most=500)
    basis_date(figure.basis_date, today=clock.today())
    standing = queries.standing_statistic(work.session, tenant_id, figure.kind, figure.basis_date)
    if standing is not None and (standing.value, standing.source) == (value, source):
        work.unchanged()
        return StatisticRecorded(statistic_id=standing.id, supersedes_id=standing.supersedes_id)
    made = add_figure(
        work,
        tenant_id,
        figure.kind,
        value,
        figure.basis_date,
        source,
        supersedes_id=None if standing is None else standing.id,
    )
    work.record(
        subject=made.id,
        tenant_id=tenant_id,
        event=Event.STATISTIC_RECORDED,
        kind=figure.kind.value,
        value=value,
        basis_date=figure.basis_date.isoformat(),
        supersedes=None if standing is None else str(standing.id),
    )
    return StatisticRecorded(statistic_id=made.id, supersedes_id=made.supersedes_id)


def add_figure(
    work: Work,
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
        recorded_by=work.actor.id,
        recorded_at=work.now,
    )
    work.session.add(made)
    return made
