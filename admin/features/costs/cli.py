"""`moyai cost`: pools, costs and deductions of a fiscal year."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import click

from admin.interface.cli_context import app_context
from admin.interface.output import handle_errors, print_json
from admin.interface.param_types import DateParam, as_json_option, print_result
from billing.costs.commands import (
    DefineCostPool,
    RecordCost,
    WithdrawCost,
    define_cost_pool,
    record_cost,
    withdraw_cost,
)
from billing.costs.queries import cost_items
from billing.costs.states import ItemKind, TaxKind
from governance.commands import system_transaction
from governance.kernel.database import OPERATOR
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.yen import format_amount, yen_from_form


@click.group()
def cost() -> None:
    """経費 / Costs."""


@cost.command("pool")
@click.argument("name")
@click.option("--label", required=True)
@click.option("--rule", required=True, help="The name of the rule that divides it.")
@as_json_option
@handle_errors
def pool(name: str, label: str, rule: str, as_json: bool) -> None:
    """経費区分を定める / Define a cost pool and the rule that divides it. Safe to repeat."""
    with app_context() as context:
        defined = define_cost_pool(DefineCostPool(name=name, label=label, rule=rule), actor=context.actor)
    print_result({"pool_id": str(defined.pool_id)}, as_json)


@cost.command("record")
@click.argument("fiscal_year", type=int)
@click.option("--pool", "pool_name", required=True)
@click.option("--name", required=True)
@click.option("--yen", required=True, help="Whole yen in half-width digits: 24000000 or 24,000,000.")
@click.option("--source", required=True, help="Where it comes from: a contract, an invoice, a budget.")
@click.option("--kind", type=click.Choice([kind.value for kind in ItemKind]), default=ItemKind.COST.value)
@click.option("--tax-kind", type=click.Choice([kind.value for kind in TaxKind]), default=TaxKind.OUT_OF_SCOPE.value)
@click.option("--tax-reason", help="Required unless the tax kind is out_of_scope.")
@click.option("--incurred-on", type=DateParam())
@as_json_option
@handle_errors
def record(
    fiscal_year: int,
    pool_name: str,
    name: str,
    yen: str,
    source: str,
    kind: str,
    tax_kind: str,
    tax_reason: str | None,
    incurred_on: date | None,
    as_json: bool,
) -> None:
    """経費（または控除）を登録する / Record a cost of a fiscal year, or a deduction."""
    command = RecordCost(
        fiscal_year=fiscal_year,
        pool=pool_name,
        kind=ItemKind(kind),
        name=name,
        yen=yen_from_form(yen, field="--yen"),
        tax_kind=TaxKind(tax_kind),
        tax_reason=tax_reason,
        source=source,
        incurred_on=incurred_on,
    )
    with app_context() as context:
        recorded = record_cost(command, actor=context.actor)
    print_result({"item_id": str(recorded.item_id)}, as_json)


@cost.command("withdraw")
@click.argument("item_id", type=click.UUID)
@click.option("--reason", "why", required=True)
@as_json_option
@handle_errors
def withdraw(item_id: UUID, why: str, as_json: bool) -> None:
    """誤って登録した経費を取り消す / Withdraw a cost that was recorded in error; it stays visible."""
    with app_context() as context:
        withdraw_cost(WithdrawCost(item_id=item_id, reason=why), actor=context.actor)
    print_result({"item_id": str(item_id)}, as_json)


@cost.command("list")
@click.argument("fiscal_year", type=int)
@as_json_option
@handle_errors
def list_costs(fiscal_year: int, as_json: bool) -> None:
    """年度の経費の一覧 / The costs of a fiscal year, oldest first, withdrawn ones too."""
    with app_context(), system_transaction(OPERATOR) as session:
        found = cost_items(session, FiscalYear(fiscal_year), withdrawn=True)
    if not as_json:
        for item in found:
            gone = f"（取消: {item.withdrawn_reason}）" if item.withdrawn_at else ""
            click.echo(f"{item.id}  {item.kind.value:<13}  {format_amount(item.yen):>19}円  {item.name}{gone}")
        return
    items = [
        {
            "id": str(item.id),
            "pool": item.pool.name,
            "kind": item.kind.value,
            "name": item.name,
            "yen": item.yen,
            "tax_kind": item.tax_kind.value,
            "tax_reason": item.tax_reason,
            "source": item.source,
            "incurred_on": None if item.incurred_on is None else item.incurred_on.isoformat(),
            "withdrawn_reason": item.withdrawn_reason,
        }
        for item in found
    ]
    print_json({"fiscal_year": fiscal_year, "items": items})
