"""Commands of costs."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.costs.queries import cost_pools
from billing.costs.states import ItemKind, TaxKind
from billing.costs.tables import CostItem, CostPool
from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input, check
from governance.events import Event
from governance.kernel import clock
from governance.kernel.errors import Conflict, Invalid, Language, message, require_found
from governance.kernel.field_type import Control
from governance.kernel.field_types import FiscalYear, Id, JstDate, PlainLine, PositiveYen, Slug
from governance.kernel.fiscal_year import FiscalYear as Year
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.locks import advisory_lock
from governance.permissions import Permission
from governance.rules.queries import rule_by_name, rule_versions

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


def rule_choices(session: Session, language: Language) -> list[tuple[str, str]]:
    """The rules there are, by name."""
    return list({version.name: version.label for version in rule_versions(session)}.items())


def pool_choices(session: Session, language: Language) -> list[tuple[str, str]]:
    """The cost pools there are, by name."""
    return [(pool.name, pool.label) for pool in cost_pools(session)]


class DefineCostPool(Command):
    """A kind of cost and, by its name, the rule that shares it."""

    name: Annotated[Slug, Input("名前（半角）", "Name")]
    label: Annotated[PlainLine, Input("表示名", "Label")]
    rule: Annotated[
        str,
        Input(
            "按分する規程",
            "Rule",
            choices=rule_choices,
            none=Label("先に規程を起案します。", "Draft a rule first."),
        ),
    ]


class CostPoolDefined(Result):
    pool_id: UUID


class RecordCost(Command):
    """One cost item, or one deduction. Without a tax kind it is a contribution (不課税)."""

    fiscal_year: Annotated[FiscalYear, Input("会計年度", "Fiscal year", start=lambda: Year.of(clock.today()).year)]
    pool: Annotated[
        str,
        Input(
            "経費区分",
            "Pool",
            choices=pool_choices,
            none=Label("先に経費区分を作成します。", "Define a pool first."),
        ),
    ]
    kind: Annotated[
        ItemKind,
        Input(
            "種類",
            "Kind",
            Label("経費のほかは、按分の前に差し引きます。", "Everything except a cost is deducted before allocation."),
        ),
    ] = ItemKind.COST
    name: Annotated[PlainLine, Input("名称", "Name")]
    yen: Annotated[PositiveYen, Input("額（円）", "Yen")]
    source: Annotated[
        PlainLine,
        Input(
            "出典",
            "Source",
            Label("契約書、請求書、予算書などの名称と番号", "the contract, invoice or budget it comes from"),
        ),
    ]
    incurred_on: Annotated[
        JstDate | None,
        Input(
            "発生日",
            "Incurred on",
            Label("年度内の日付。わからないときは空にします。", "A day in the fiscal year; optional."),
        ),
    ] = None
    tax_kind: Annotated[
        TaxKind,
        Input(
            "消費税の区分（団体への請求）",
            "Consumption tax on the charge",
            Label("負担金は不課税です。", "Contributions are out of scope."),
        ),
    ] = TaxKind.OUT_OF_SCOPE
    tax_reason: Annotated[
        PlainLine | None,
        Input(
            "税区分の理由",
            "Reason for the tax category",
            Label("不課税以外を選んだときは必須", "required unless out of scope"),
        ),
    ] = None

    @check("tax_kind", "tax_reason")
    @staticmethod
    def tax_reason_given(tax_kind: TaxKind, tax_reason: str | None) -> None:
        """A charge within the scope of consumption tax says why."""
        if tax_kind is not TaxKind.OUT_OF_SCOPE and tax_reason is None:
            raise Invalid(TAX_REASON, field="tax_reason", given=tax_kind)

    @check("incurred_on", "fiscal_year")
    @staticmethod
    def incurred_in_year(incurred_on: date | None, fiscal_year: int) -> None:
        """A cost belongs to the fiscal year in which it arose (地方自治法208条2項)."""
        year = Year(fiscal_year)
        if incurred_on is not None and incurred_on not in year:
            raise Invalid(
                NOT_OF_YEAR,
                field="incurred_on",
                given=incurred_on,
                year=year.year,
                label=year.label,
                first=year.starts_on,
                last=year.last_day,
            )


class CostRecorded(Result):
    item_id: UUID


class WithdrawCost(Command):
    """Take an item out that was entered in error. It stays visible with the reason."""

    item_id: Annotated[Id, Input("経費", "Cost")]
    reason: Annotated[PlainLine, Input("理由", "Reason", control=Control.TEXT)]


class CostWithdrawn(Result):
    item_id: UUID


@handles(Permission.COST_POOL_DEFINE, Event.COST_POOL_DEFINED)
def define_cost_pool(ctx: CommandContext, command: DefineCostPool) -> CostPoolDefined:
    """Define a pool. Safe to repeat; raises Conflict when the name has other contents, NotFound without the rule."""
    rule_id = rule_by_name(ctx.session, command.rule)
    advisory_lock(ctx.session, f"cost-pool.{command.name}")
    found = ctx.session.scalars(select(CostPool).where(CostPool.name == command.name)).first()
    if found is not None:
        if (found.label, found.rule_id) != (command.label, rule_id):
            raise Conflict(POOL_EXISTS, field="name", given=command.name)
        ctx.mark_noop()
        return CostPoolDefined(pool_id=found.id)
    pool = CostPool(id=new_id(), name=command.name, label=command.label, rule_id=rule_id, defined_at=ctx.now)
    ctx.session.add(pool)
    ctx.audit(subject=pool.id, pool=command.name, rule=command.rule)
    return CostPoolDefined(pool_id=pool.id)


@handles(Permission.COST_RECORD, Event.COST_RECORDED)
def record_cost(ctx: CommandContext, command: RecordCost) -> CostRecorded:
    """Record one item. Raises Invalid for an amount that is none and NotFound for an unknown pool."""
    pool = require_found(
        ctx.session.scalars(select(CostPool).where(CostPool.name == command.pool)).first(),
        what=Label("経費区分", "cost pool"),
        given=command.pool,
        field="pool",
    )
    item = CostItem(
        id=new_id(),
        tenant_id=ctx.actor.tenant_id,
        pool_id=pool.id,
        fiscal_year=command.fiscal_year,
        kind=command.kind.value,
        name=command.name,
        yen=command.yen,
        tax_kind=command.tax_kind.value,
        tax_reason=command.tax_reason or CONTRIBUTION_REASON,
        source=command.source,
        incurred_on=command.incurred_on,
        recorded_at=ctx.now,
        recorded_by=ctx.actor.id,
    )
    ctx.session.add(item)
    ctx.audit(
        subject=item.id, fiscal_year=command.fiscal_year, pool=command.pool, kind=command.kind.value, yen=command.yen
    )
    return CostRecorded(item_id=item.id)


@handles(Permission.COST_WITHDRAW, Event.COST_WITHDRAWN, edits="cost {item_id}")
def withdraw_cost(ctx: CommandContext, command: WithdrawCost) -> CostWithdrawn:
    """Withdraw an item. Runs that were posted keep their yen; the next revision is made without it."""
    item = require_found(
        ctx.session.scalars(select(CostItem).where(CostItem.id == command.item_id).with_for_update()).first(),
        what=Label("経費", "cost item"),
        given=command.item_id,
        field="item_id",
    )
    if item.withdrawn_at is not None:
        raise Conflict(ALREADY_WITHDRAWN, name=item.name, withdrawn_reason=item.withdrawn_reason)
    item.withdrawn_at = ctx.now
    item.withdrawn_by = ctx.actor.id
    item.withdrawn_reason = command.reason
    ctx.audit(subject=item.id, fiscal_year=item.fiscal_year, yen=item.yen, reason=command.reason)
    return CostWithdrawn(item_id=item.id)
