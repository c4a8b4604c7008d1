"""Commands of costs."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final
from uuid import UUID

from pydantic import StringConstraints
from sqlalchemy import select

from billing.costs.states import ItemKind, TaxKind
from billing.costs.tables import CostItem, CostPool
from governance.commands import Command, CommandContext, Result, handles
from governance.events import Event
from governance.kernel.errors import Conflict, Invalid, message, require_found
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.ids import new_id
from governance.kernel.locks import advisory_lock
from governance.kernel.plain_text import PlainLine, plain_line
from governance.kernel.yen import whole_yen
from governance.permissions import Permission
from governance.rules.queries import rule_by_name

POOL_EXISTS = message(
    "cost.pool_exists",
    ja="経費区分「{given}」は、別の内容ですでに定義されています。",
    en="The cost pool “{given}” is already defined with different contents.",
)
TAX_REASON = message(
    "cost.tax_reason",
    ja="税区分を「不課税」以外にするときは、その理由を入力してください（指定された税区分: {given}）。",
    en="A tax kind other than out of scope needs a reason; given: {given}.",
)
NOT_OF_YEAR = message(
    "cost.not_of_year",
    ja="発生日 {given} は {label}（{first} 〜 {last}）に属しません。",
    en="The date {given} is not in fiscal year {year} ({first} to {last}).",
)
ALREADY_WITHDRAWN = message(
    "cost.already_withdrawn",
    ja="経費「{name}」はすでに取り消されています（理由: {withdrawn_reason}）。",
    en="The cost “{name}” has already been withdrawn: {withdrawn_reason}.",
)

CONTRIBUTION_REASON: Final = "公的団体間で分担する経費の負担金であり、資産の譲渡等の対価に当たらないため"
"""Why a contribution is out of scope of consumption tax, unless somebody says otherwise for the line."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,59}$")]


class DefineCostPool(Command):
    """A kind of cost and, by its name, the rule that shares it."""

    name: Name
    label: PlainLine
    rule: str


class CostPoolDefined(Result):
    pool_id: UUID


class RecordCost(Command):
    """One cost item, or one deduction. Without a tax kind: a contribution, out of scope of consumption tax (不課税)."""

    fiscal_year: int
    pool: str
    kind: ItemKind = ItemKind.COST
    name: PlainLine
    yen: int
    tax_kind: TaxKind = TaxKind.OUT_OF_SCOPE
    tax_reason: PlainLine | None = None
    source: PlainLine
    incurred_on: date | None = None


class CostRecorded(Result):
    item_id: UUID


class WithdrawCost(Command):
    """Take an item out that was entered in error. It stays visible with the reason."""

    item_id: UUID
    reason: PlainLine


class CostWithdrawn(Result):
    item_id: UUID


@handles(Permission.COST_POOL_DEFINE, Event.COST_POOL_DEFINED)
def define_cost_pool(ctx: CommandContext, command: DefineCostPool) -> CostPoolDefined:
    """Define a pool. Safe to repeat; raises Conflict when the name has other contents, NotFound without the rule."""
    rule_id = rule_by_name(ctx.session, command.rule)
    label = plain_line(command.label, field="label")
    advisory_lock(ctx.session, f"cost-pool.{command.name}")
    found = ctx.session.scalars(select(CostPool).where(CostPool.name == command.name)).first()
    if found is not None:
        if (found.label, found.rule_id) != (label, rule_id):
            raise Conflict(POOL_EXISTS, field="name", given=command.name)
        ctx.mark_noop()
        return CostPoolDefined(pool_id=found.id)
    pool = CostPool(id=new_id(), name=command.name, label=label, rule_id=rule_id, defined_at=ctx.now)
    ctx.session.add(pool)
    ctx.audit(subject=pool.id, pool=command.name, rule=command.rule)
    return CostPoolDefined(pool_id=pool.id)


@handles(Permission.COST_RECORD, Event.COST_RECORDED)
def record_cost(ctx: CommandContext, command: RecordCost) -> CostRecorded:
    """Record one item. Raises Invalid for an amount that is none and NotFound for an unknown pool."""
    whole_yen(command.yen, field="yen")
    year = FiscalYear(command.fiscal_year)
    if command.tax_kind is not TaxKind.OUT_OF_SCOPE and command.tax_reason is None:
        raise Invalid(TAX_REASON, field="tax_reason", given=command.tax_kind.value)
    if command.incurred_on is not None and command.incurred_on not in year:
        raise Invalid(
            NOT_OF_YEAR,
            field="incurred_on",
            given=command.incurred_on,
            year=year.year,
            label=year.label,
            first=year.starts_on,
            last=year.last_day,
        )
    pool = require_found(
        ctx.session.scalars(select(CostPool).where(CostPool.name == command.pool)).first(),
        what="経費区分 / cost pool",
        given=command.pool,
        field="pool",
    )
    item = CostItem(
        id=new_id(),
        tenant_id=ctx.actor.tenant_id,
        pool_id=pool.id,
        fiscal_year=year.year,
        kind=command.kind.value,
        name=plain_line(command.name, field="name"),
        yen=command.yen,
        tax_kind=command.tax_kind.value,
        tax_reason=plain_line(command.tax_reason or CONTRIBUTION_REASON, field="tax_reason"),
        source=plain_line(command.source, field="source"),
        incurred_on=command.incurred_on,
        recorded_at=ctx.now,
        recorded_by=ctx.actor.id,
    )
    ctx.session.add(item)
    ctx.audit(subject=item.id, fiscal_year=year.year, pool=command.pool, kind=command.kind.value, yen=command.yen)
    return CostRecorded(item_id=item.id)


@handles(Permission.COST_WITHDRAW, Event.COST_WITHDRAWN)
def withdraw_cost(ctx: CommandContext, command: WithdrawCost) -> CostWithdrawn:
    """Withdraw an item. Runs that were posted keep their yen; the next revision is made without it."""
    item = require_found(
        ctx.session.scalars(select(CostItem).where(CostItem.id == command.item_id).with_for_update()).first(),
        what="経費 / cost item",
        given=command.item_id,
        field="item_id",
    )
    if item.withdrawn_at is not None:
        raise Conflict(ALREADY_WITHDRAWN, name=item.name, withdrawn_reason=item.withdrawn_reason)
    item.withdrawn_at = ctx.now
    item.withdrawn_by = ctx.actor.id
    item.withdrawn_reason = plain_line(command.reason, field="reason")
    ctx.audit(subject=item.id, fiscal_year=item.fiscal_year, yen=item.yen, reason=command.reason)
    return CostWithdrawn(item_id=item.id)
