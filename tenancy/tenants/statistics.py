"""Recording statistics about tenants: dated, with their source, superseded and never edited."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input, check
from governance.events import Event
from governance.kernel.field_type import FieldType
from governance.kernel.field_types import PLAIN_LINE, Id, JstDate
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.plain_text import plain_line
from governance.permissions import Permission
from tenancy.tenants.queries import superseded
from tenancy.tenants.rows import tenant_row
from tenancy.tenants.states import StatisticKind
from tenancy.tenants.statistic_values import MAX_SOURCE_LENGTH, basis_date, grouped, read_statistic, statistic_text
from tenancy.tenants.tables import Statistic

VALUE: Final = FieldType(
    name="statistic_value",
    read=read_statistic,
    show=lambda value, language: grouped(value),
    hint=Label("例: 738,865、2.5万。面積と指数は小数可", "as in 738,865; decimals for area and index"),
    inputmode="decimal",
    is_short=True,
    right=("738,865", "７３８８６５"),
    wrong=(("73,88", "statistic.invalid_value"), ("約７０万", "statistic.invalid_value")),
)
SOURCE: Final = PLAIN_LINE.but(
    name="statistic_source", check=lambda value: plain_line(value, field="", most=MAX_SOURCE_LENGTH)
)


class StatisticInput(BaseModel):
    """A statistic with its reference date and source; `value` is decimal text, so that no digit is lost to a float."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: Annotated[StatisticKind, Input("統計値", "Statistic")]
    value: Annotated[str, StringConstraints(max_length=1_000), VALUE, Input("値", "Value")]
    basis_date: Annotated[JstDate, Input("基準日", "As of", former=("on",))]
    source: Annotated[
        str,
        StringConstraints(max_length=1_000),
        SOURCE,
        Input("出典", "Source", Label("公表資料の名称", "the publication it comes from")),
    ]

    @check("kind", "value")
    @staticmethod
    def _in_the_form_of_its_kind(kind: StatisticKind, value: str) -> None:
        statistic_text(kind, value, field="value")


class RecordStatistic(StatisticInput, Command):
    """A statistic of one tenant. One of the same kind and reference date is superseded."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]


class StatisticRecorded(Result):
    statistic_id: UUID
    supersedes_id: UUID | None


@handles(Permission.STATISTIC_RECORD, Event.STATISTIC_RECORDED)
def record_statistic(ctx: CommandContext, command: RecordStatistic) -> StatisticRecorded:
    """Record a statistic; one of the same kind and reference date is superseded and stays readable.

    Raises Invalid for a date in the future, NotFound for the tenant.
    """
    tenant = tenant_row(ctx.session, command.tenant_id)
    return record_statistic_value(ctx, tenant.id, command)


def record_statistic_value(ctx: CommandContext, tenant_id: UUID, given: StatisticInput) -> StatisticRecorded:
    """Check the statistic and add it, inside any command. An equal one (value and source) that is current is kept.

    Raises Invalid for a value not in the form of its kind and for a reference date in the future.
    """
    value = statistic_text(given.kind, given.value, field="value")
    basis_date(given.basis_date, today=ctx.today)
    current = _current_row(ctx.session, tenant_id, given.kind, given.basis_date)
    if current is not None and (current.value, current.source) == (value, given.source):
        ctx.mark_noop()
        return StatisticRecorded(statistic_id=current.id, supersedes_id=current.supersedes_id)
    made = add_statistic(
        ctx,
        tenant_id,
        given.kind,
        value,
        given.basis_date,
        given.source,
        supersedes_id=None if current is None else current.id,
    )
    ctx.audit(
        subject=made.id,
        tenant_id=tenant_id,
        event=Event.STATISTIC_RECORDED,
        kind=given.kind.value,
        value=value,
        basis_date=given.basis_date.isoformat(),
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
    """Add a statistic that was checked before, without an audit event: the import of a file writes one for all rows."""
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


def _current_row(session: Session, tenant_id: UUID, kind: StatisticKind, basis_date: date) -> Statistic | None:
    """The statistic of that kind and reference date that was not superseded, or None."""
    return session.scalars(
        select(Statistic).where(
            Statistic.tenant_id == tenant_id,
            Statistic.kind == kind.value,
            Statistic.basis_date == basis_date,
            ~superseded(),
        )
    ).first()
