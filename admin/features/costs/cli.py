"""`moyai cost`: pools, costs and deductions of a fiscal year."""

from __future__ import annotations

import click
from sqlalchemy.orm import Session

from admin.features.costs.entry_points import ENTRY_POINTS
from admin.interface.command_line import command_group
from admin.interface.output import Answer, rows
from billing.costs.queries import CostItemFacts, YearCosts, cost_items, cost_pools
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.yen import format_amount
from governance.permissions import Permission

cost = command_group("cost", "経費 / Costs.", ENTRY_POINTS)


@cost.query("list", Permission.COST_READ)
@click.argument("fiscal_year", type=int)
def list_costs(session: Session, fiscal_year: int) -> Answer:
    """年度の経費の一覧 / The costs of a fiscal year, oldest first, withdrawn ones too."""
    items = tuple(cost_items(session, FiscalYear(fiscal_year), withdrawn=True))
    return Answer(YearCosts(fiscal_year=fiscal_year, items=items), map(_line, items))


@cost.query("pools", Permission.COST_READ)
def list_pools(session: Session) -> Answer:
    """経費区分の一覧 / Every cost pool, and the rule that divides it."""
    return rows("pools", cost_pools(session), lambda pool: f"{pool.id}  {pool.name}  {pool.label}  {pool.rule_id}")


def _line(item: CostItemFacts) -> str:
    gone = f"（取消: {item.withdrawn_reason}）" if item.withdrawn_at else ""
    return f"{item.id}  {item.kind.value:<13}  {format_amount(item.yen):>19}円  {item.name}{gone}"
