"""経費: what a fiscal year costs, entered with its source; what was entered in error is taken out with a reason."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from admin.core.guard import current_actor, may, requires
from admin.core.language import current_language, either, gettext
from admin.core.rate_limits import RateLimit, limited
from admin.features.costs.entry_points import ENTRY_POINTS, is_posted
from admin.interface.command_forms import add_forms
from admin.interface.downloads import table_response
from admin.interface.history import history
from admin.interface.lists import current_fiscal_year, query_year
from admin.interface.pages import render_page, session
from admin.interface.years import show_year_of_object, year_of_single
from billing.costs.queries import CostItemFacts, cost_item, cost_items, cost_pools
from billing.costs.states import ItemKind
from billing.runs.queries import run_summaries, runs_with_item
from governance.events import Event
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.labels import Label
from governance.permissions import Permission
from governance.rules.queries import rule_by_name, rule_versions

pages = add_forms(Blueprint("costs", __name__, template_folder="templates"), ENTRY_POINTS)

_FILE_HEADER: Final = (
    Label("会計年度", "fiscal year"),
    Label("経費区分", "pool"),
    Label("種類", "kind"),
    Label("名称", "name"),
    Label("金額（円）", "yen"),
    Label("根拠", "source"),
    Label("日付", "date"),
    Label("登録日時", "recorded at"),
    Label("取消日時", "withdrawn at"),
    Label("取消の理由", "reason of the withdrawal"),
)


@pages.get("/costs")
@requires(Permission.COST_READ)
def costs() -> tuple[str, int]:
    """A year's costs and deductions, the withdrawn ones apart. A municipality is told where it finds its part."""
    runs = run_summaries(session(), limit=200)
    year = year_of_single(runs[0].fiscal_year if runs else current_fiscal_year())
    items = cost_items(session(), FiscalYear(year), withdrawn=True)
    current_items = [item for item in items if item.withdrawn_at is None]
    return render_page(
        "costs/costs",
        year=year,
        items=current_items,
        withdrawn=[item for item in items if item.withdrawn_at is not None],
        pools=cost_pools(session()),
        is_posted=is_posted(session(), year),
        done=request.args.get("done", ""),
    )


@pages.get("/costs.<any(csv, xlsx):file_kind>")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.COST_READ)
def costs_file(file_kind: str) -> Response:
    """A year's costs and deductions, the withdrawn ones with their reason; of deductions the amount is negative."""
    year = query_year() or current_fiscal_year()
    language = current_language()
    rows = (
        (
            item.fiscal_year,
            item.pool.label,
            item.kind.label(language),
            item.name,
            item.yen if item.kind is ItemKind.COST else -item.yen,
            item.source,
            item.incurred_on,
            item.recorded_at,
            item.withdrawn_at,
            item.withdrawn_reason,
        )
        for item in cost_items(session(), FiscalYear(year), withdrawn=True)
    )
    name = gettext("costs_%(year)s", year=year)
    return table_response(file_kind, name, [either(*label) for label in _FILE_HEADER], rows)


@pages.get("/costs/<uuid:item_id>")
@requires(Permission.COST_READ)
def cost(item_id: UUID) -> tuple[str, int]:
    """One cost or deduction: its amount and source, and what it is a part of."""
    item = cost_item(session(), item_id)
    year = cost_items(session(), FiscalYear(item.fiscal_year))
    return _render_part("costs/cost", item, costs_yen=sum(one.yen for one in year if one.kind is ItemKind.COST))


@pages.get("/costs/<uuid:item_id>/related")
@requires(Permission.COST_READ)
def cost_related(item_id: UUID) -> tuple[str, int]:
    """The runs that shared it out, the rule of its pool, and what else is in the pool."""
    item = cost_item(session(), item_id)
    labels = {rule_by_name(session(), version.name): version.name for version in rule_versions(session())}
    rule = labels.get(item.pool.rule_id)
    return _render_part(
        "costs/cost_related",
        item,
        part_title=gettext("Related"),
        rules=[one for one in rule_versions(session(), rule) if one.decision is not None]
        if rule is not None and may(Permission.RULE_READ)
        else [],
        of_pool=[
            one
            for one in cost_items(session(), FiscalYear(item.fiscal_year))
            if one.pool.id == item.pool.id and one.id != item.id
        ],
    )


@pages.get("/costs/<uuid:item_id>/history")
@requires(Permission.AUDIT_READ)
def cost_history(item_id: UUID) -> tuple[str, int]:
    """What was done about a cost."""
    item = cost_item(session(), item_id)
    return _render_part("costs/cost_history", item, actions_shown=50, part_title=gettext("History"), is_wide=True)


def _render_part(template: str, item: CostItemFacts, *, actions_shown: int = 5, **values: Any) -> tuple[str, int]:
    """A part of a cost's page, with what every part has: the runs with it, who recorded it, and its last events."""
    own = current_actor().tenant_id
    show_year_of_object(item.fiscal_year, url_for("costs.costs"))
    return render_page(
        template,
        item=item,
        runs=runs_with_item(session(), item.id),
        recorded=history(item.id, own, 1, event=Event.COST_RECORDED),
        record=history(item.id, own, actions_shown),
        **values,
    )
