"""経費: what a fiscal year costs, entered with its source; what was entered in error is taken out with a reason."""

from __future__ import annotations

from flask import Blueprint, request

from admin.core.guard import requires
from admin.features.costs.entry_points import ENTRY_POINTS, is_posted
from admin.interface.command_forms import add_forms
from admin.interface.lists import current_fiscal_year, query_year
from admin.interface.pages import render_page, session
from billing.costs.queries import cost_items, cost_pools
from billing.runs.queries import run_summaries
from governance.kernel.fiscal_year import FiscalYear
from governance.permissions import Permission

pages = add_forms(Blueprint("costs", __name__, template_folder="templates"), ENTRY_POINTS)


@pages.get("/costs")
@requires(Permission.COST_READ)
def costs() -> tuple[str, int]:
    """A year's costs and deductions, the withdrawn ones apart. A municipality is told where it finds its part."""
    runs = run_summaries(session(), limit=200)
    year = query_year() or (runs[0].fiscal_year if runs else current_fiscal_year())
    items = cost_items(session(), FiscalYear(year), withdrawn=True)
    current_items = [item for item in items if item.withdrawn_at is None]
    return render_page(
        "costs/costs",
        year=year,
        years=sorted(
            {run.fiscal_year for run in runs} | {year, current_fiscal_year(), current_fiscal_year() + 1}, reverse=True
        ),
        items=current_items,
        withdrawn=[item for item in items if item.withdrawn_at is not None],
        pools=cost_pools(session()),
        is_posted=is_posted(session(), year),
        done=request.args.get("done", ""),
    )
