"""The write door of costs."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final
from uuid import UUID

from pydantic import StringConstraints
from sqlalchemy import select

from billing.costs.tables import CostItem, CostPool, ItemKind, TaxKind
from governance.commands import Order, Outcome, Work, command
from governance.events import Event
from governance.kernel.errors import NOT_FOUND, Conflict, Invalid, NotFound, reason
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.ids import new_id
from governance.kernel.plain_text import Line, plain_line
from governance.kernel.turns import take_turn
from governance.kernel.yen import whole_yen
from governance.permissions import Permission
from governance.rules.queries import rule_by_name

POOL_EXISTS = reason(
    "cost.pool_exists",
    ja="経費区分「{given}」は、別の内容ですでに定義されています。",
    en="The cost pool “{given}” is defined already, with other contents.",
)
TAX_REASON = reason(
    "cost.tax_reason",
    ja="税区分を「不課税」以外にするときは、その理由を入力してください（指定された税区分: {given}）。",
    en="A tax kind other than out of scope needs its reason; given: {given}.",
)
NOT_OF_YEAR = reason(
    "cost.not_of_year",
    ja="発生日 {given} は {label}（{first} 〜 {last}）に属しません。",
    en="The day {given} does not belong to the fiscal year {year} ({first} to {last}).",
)
ALREADY_WITHDRAWN = reason(
    "cost.already_withdrawn",
    ja="経費「{name}」はすでに取り消されています（理由: {withdrawn_reason}）。",
    en="The cost “{name}” was withdrawn already: {withdrawn_reason}.",
)

BURDEN_REASON: Final = "公的団体間で分担する経費の負担金であり、資産の譲渡等の対価に当たらないため"
"""Why a burden is out of scope of consumption tax, unless somebody says otherwise for the line."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,59}$")]


class DefineCostPool(Order):
    """A kind of cost and, by its name, the rule that shares it."""

    name: Name
    label: Line
    rule: str


class CostPoolDefined(Outcome):
    pool_id: UUID


class RecordCost(Order):
    """One cost item, or one deduction. Without a tax kind it is a burden, out of scope of consumption tax (不課税)."""

    fiscal_year: int
    pool: str
    kind: ItemKind = ItemKind.COST
    name: Line
    yen: int
    tax_kind: TaxKind = TaxKind.OUT_OF_SCOPE
    tax_reason: Line | None = None
    source: Line
    incurred_on: date | None = None


class CostRecorded(Outcome):
    item_id: UUID


class WithdrawCost(Order):
    """Take an item out that was entered in error. It stays visible with the reason."""

    item_id: UUID
    reason: Line


class CostWithdrawn(Outcome):
    item_id: UUID


@command(Permission.COST_POOL_DEFINE, Event.COST_POOL_DEFINED)
def define_cost_pool(work: Work, order: DefineCostPool) -> CostPoolDefined:
    """Define a pool. Safe to repeat; raises Conflict when the name has other contents, NotFound without the rule."""
    rule_id = rule_by_name(work.session, order.rule)
    label = plain_line(order.label, field="label")
    take_turn(work.session, f"cost-pool.{order.name}")
    found = work.session.scalars(select(CostPool).where(CostPool.name == order.name)).first()
    if found is not None:
        if (found.label, found.rule_id) != (label, rule_id):
            raise Conflict(POOL_EXISTS, field="name", given=order.name)
        work.unchanged()
        return CostPoolDefined(pool_id=found.id)
    pool = CostPool(id=new_id(), name=order.name, label=label, rule_id=rule_id, defined_at=work.now)
    work.session.add(pool)
    work.record(subject=pool.id, pool=order.name, rule=order.rule)
    return CostPoolDefined(pool_id=pool.id)


@command(Permission.COST_RECORD, Event.COST_RECORDED)
def record_cost(work: Work, order: RecordCost) -> CostRecorded:
    """Record one item. Raises Invalid for an amount that is none and NotFound for an unknown pool."""
    whole_yen(order.yen, field="yen")
    year = FiscalYear(order.fiscal_year)
    if order.tax_kind is not TaxKind.OUT_OF_SCOPE and order.tax_reason is None:
        raise Invalid(TAX_REASON, field="tax_reason", given=order.tax_kind.value)
    if order.incurred_on is not None and order.incurred_on not in year:
        raise Invalid(
            NOT_OF_YEAR,
            field="incurred_on",
            given=order.incurred_on,
            year=year.year,
            label=year.label,
            first=year.starts_on,
            last=year.last_day,
        )
    pool = work.session.scalars(select(CostPool).where(CostPool.name == order.pool)).first()
    if pool is None:
        raise NotFound(NOT_FOUND, field="pool", what="経費区分 / cost pool", given=order.pool)
    item = CostItem(
        id=new_id(),
        tenant_id=work.actor.tenant_id,
        pool_id=pool.id,
        fiscal_year=year.year,
        kind=order.kind.value,
        name=plain_line(order.name, field="name"),
        yen=order.yen,
        tax_kind=order.tax_kind.value,
        tax_reason=plain_line(order.tax_reason or BURDEN_REASON, field="tax_reason"),
        source=plain_line(order.source, field="source"),
        incurred_on=order.incurred_on,
        recorded_at=work.now,
        recorded_by=work.actor.id,
    )
    work.session.add(item)
    work.record(subject=item.id, fiscal_year=year.year, pool=order.pool, kind=order.kind.value, yen=order.yen)
    return CostRecorded(item_id=item.id)


@command(Permission.COST_WITHDRAW, Event.COST_WITHDRAWN)
def withdraw_cost(work: Work, order: WithdrawCost) -> CostWithdrawn:
    """Withdraw an item. Runs that were posted keep their yen; the next revision is made without it."""
    item = work.session.scalars(select(CostItem).where(CostItem.id == order.item_id).with_for_update()).first()
    if item is None:
        raise NotFound(NOT_FOUND, field="item_id", what="経費 / cost item", given=str(order.item_id))
    if item.withdrawn_at is not None:
        raise Conflict(ALREADY_WITHDRAWN, name=item.name, withdrawn_reason=item.withdrawn_reason)
    item.withdrawn_at = work.now
    item.withdrawn_by = work.actor.id
    item.withdrawn_reason = plain_line(order.reason, field="reason")
    work.record(subject=item.id, fiscal_year=item.fiscal_year, yen=item.yen, reason=order.reason)
    return CostWithdrawn(item_id=item.id)
