"""`moyai cost`: pools, costs and deductions of a fiscal year."""

from __future__ import annotations

import click

from admin.features.costs.entry_points import ENTRY_POINTS
from admin.interface.cli_context import app_context
from admin.interface.command_line import command_group
from admin.interface.output import handle_errors, print_model, print_models
from admin.interface.param_types import as_json_option
from billing.costs.queries import YearCosts, cost_items, cost_pools
from governance.commands import system_transaction
from governance.kernel.database import OPERATOR
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.yen import format_amount

cost = command_group("cost", "経費 / Costs.", ENTRY_POINTS)


@cost.command("list")
@click.argument("fiscal_year", type=int)
@as_json_option
@handle_errors
def list_costs(fiscal_year: int, as_json: bool) -> None:
    """年度の経費の一覧 / The costs of a fiscal year, oldest first, withdrawn ones too."""
    with app_context(), system_transaction(OPERATOR) as session:
        items = tuple(cost_items(session, FiscalYear(fiscal_year), withdrawn=True))
    if as_json:
        print_model(YearCosts(fiscal_year=fiscal_year, items=items), as_json)
        return
    for item in items:
        gone = f"（取消: {item.withdrawn_reason}）" if item.withdrawn_at else ""
        click.echo(f"{item.id}  {item.kind.value:<13}  {format_amount(item.yen):>19}円  {item.name}{gone}")


@cost.command("pools")
@as_json_option
@handle_errors
def list_pools(as_json: bool) -> None:
    """経費区分の一覧 / Every cost pool, and the rule that divides it."""
    with app_context(), system_transaction(OPERATOR) as session:
        found = cost_pools(session)
    print_models("pools", found, as_json, lambda pool: f"{pool.id}  {pool.name}  {pool.label}  {pool.rule_id}")
