"""Costs over the API and the command line: pools, costs and deductions of a fiscal year."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from admin.features.costs.entry_points import ENTRY_POINTS
from admin.interface.api_requests import PageQuery, YearParam
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from billing.costs import queries as costs
from billing.costs.queries import CostItemFacts, CostPoolFacts
from governance.declaration import Input
from governance.kernel.database import db
from governance.kernel.field_type import Control
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.yen import format_amount
from governance.permissions import Permission

routes = ApiRoutes(Tag.COSTS, ENTRY_POINTS)


class CostsQuery(PageQuery):
    """The costs of one fiscal year; with `withdrawn` those taken out too."""

    fiscal_year: YearParam
    withdrawn: Annotated[bool, Input("取消分も", "Withdrawn ones too", control=Control.YES_NO)] = False


def _cost_line(item: CostItemFacts) -> str:
    gone = f"（取消: {item.withdrawn_reason}）" if item.withdrawn_at else ""
    return f"{item.id}  {item.kind.value:<13}  {format_amount(item.yen):>19}円  {item.name}{gone}"


@routes.list("/cost-pools", Permission.COST_READ, "PoolPage", key="name")
@cli_query("cost pools", "経費区分の一覧", rows="pools", line="id name label rule_id")
def list_cost_pools() -> Sequence[CostPoolFacts]:
    """List the kinds of cost by name, with the rule that shares each."""
    return costs.cost_pools(db.session())


@routes.list("/costs", Permission.COST_READ, "CostPage")
@cli_query(
    "cost list",
    "年度の経費の一覧（取消分も）",
    rows="items",
    line=_cost_line,
    arguments=["fiscal_year"],
    repeats=["fiscal_year"],
    fixed={"withdrawn": "true"},
)
def list_costs(query: CostsQuery) -> Sequence[CostItemFacts]:
    """List the costs and deductions of a fiscal year, oldest first."""
    return costs.cost_items(db.session(), FiscalYear(query.fiscal_year), withdrawn=query.withdrawn)


@routes.query("/costs/<item>", Permission.COST_READ, ja="経費を 1 つ見る")
def get_cost(item: UUID) -> CostItemFacts:
    """Show one cost or deduction, withdrawn or not."""
    return costs.cost_item(db.session(), item)
