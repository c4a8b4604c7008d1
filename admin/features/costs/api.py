"""Costs over the API: pools, costs and deductions of a fiscal year."""

from __future__ import annotations

from admin.core.guard import requires
from admin.features.costs.entry_points import ENTRY_POINTS
from admin.interface.api_requests import PageQuery, YearParam
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.paging import Page, paginate
from billing.costs import queries as costs
from billing.costs.queries import CostItemFacts, CostPoolFacts
from governance.kernel.database import db
from governance.kernel.fiscal_year import FiscalYear
from governance.permissions import Permission

routes = ApiRoutes(Tag.COSTS, ENTRY_POINTS)


class CostsQuery(PageQuery):
    """The costs of one fiscal year; with `withdrawn` those taken out too."""

    fiscal_year: YearParam
    withdrawn: bool = False


class PoolPage(Page[CostPoolFacts]):
    """Cost pools by name."""


class CostPage(Page[CostItemFacts]):
    """Costs and deductions, oldest first."""


@routes.query_route("/cost-pools")
@requires(Permission.COST_READ)
def list_cost_pools(query: PageQuery) -> PoolPage:
    """List the kinds of cost and the rule that shares each."""
    return paginate(PoolPage, costs.cost_pools(db.session()), lambda row: row.name, query)


@routes.query_route("/costs")
@requires(Permission.COST_READ)
def list_costs(query: CostsQuery) -> CostPage:
    """List the costs of a fiscal year."""
    found = costs.cost_items(db.session(), FiscalYear(query.fiscal_year), withdrawn=query.withdrawn)
    return paginate(CostPage, found, lambda row: str(row.id), query)
