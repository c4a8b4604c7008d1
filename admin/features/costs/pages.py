"""経費: what a fiscal year costs, entered with its source; what was entered in error is taken out with a reason."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import asks, current_actor
from admin.interface.forms import Form
from admin.interface.lists import chosen_year, this_year
from admin.interface.pages import session, show
from billing.costs.commands import (
    DefineCostPool,
    RecordCost,
    WithdrawCost,
    define_cost_pool,
    record_cost,
    withdraw_cost,
)
from billing.costs.queries import ItemFacts, cost_item, cost_items, cost_pools
from billing.costs.tables import ItemKind, TaxKind
from billing.runs.queries import run_heads
from billing.runs.tables import RunState
from governance.kernel.errors import Refused
from governance.kernel.fiscal_year import FiscalYear
from governance.permissions import Permission
from governance.rules.queries import rule_versions

pages = Blueprint("costs", __name__, template_folder="templates")


@pages.get("/costs")
@asks(Permission.COST_READ)
def costs() -> tuple[str, int]:
    """A year's costs and deductions, the withdrawn ones apart. A municipality is told where it finds its part."""
    runs = run_heads(session(), limit=200)
    year = chosen_year() or (runs[0].fiscal_year if runs else this_year())
    items = cost_items(session(), FiscalYear(year), withdrawn=True)
    standing = [item for item in items if item.withdrawn_at is None]
    return show(
        "costs/costs",
        year=year,
        years=sorted({run.fiscal_year for run in runs} | {year, this_year(), this_year() + 1}, reverse=True),
        items=standing,
        withdrawn=[item for item in items if item.withdrawn_at is not None],
        pools=cost_pools(session()),
        is_posted=_is_posted(year),
        done=request.args.get("done", ""),
    )


@pages.route("/costs/record", methods=["GET", "POST"])
@asks(Permission.COST_RECORD)
def cost_recording() -> AnyResponse | tuple[str, int]:
    """One cost or deduction, with what the year costs before and after it."""
    pools = cost_pools(session())
    fresh = Form.fresh(
        fiscal_year=chosen_year() or this_year(),
        pool=pools[0].name if pools else "",
        kind=ItemKind.COST.value,
        tax_kind=TaxKind.OUT_OF_SCOPE.value,
        **dict.fromkeys(("name", "yen", "source", "incurred_on", "tax_reason"), ""),
    )
    form = Form.sent() if request.method == "POST" else fresh
    if request.method == "POST" and form.step != "enter":
        name, source = form.needed("name"), form.needed("source")
        pool = form.one_of("pool", {one.name: one for one in pools}.__getitem__)
        form.needed("yen")
        year, yen, incurred_on = _year(form), form.yen("yen"), form.day("incurred_on")
        kind, tax_kind = form.one_of("kind", ItemKind), form.one_of("tax_kind", TaxKind)
        if form.is_right and pool and year and yen and kind and tax_kind:
            order = RecordCost(
                fiscal_year=year.year,
                pool=pool.name,
                kind=kind,
                name=name,
                yen=yen,
                tax_kind=tax_kind,
                tax_reason=form.optional("tax_reason"),
                source=source,
                incurred_on=incurred_on,
            )
            if not form.is_final:
                before = _cost_yen(cost_items(session(), year))
                return show(
                    "costs/cost_recording_confirm",
                    form=form,
                    order=order,
                    pool=pool,
                    before_yen=before,
                    after_yen=before + (yen if kind is ItemKind.COST else 0),
                    is_posted=_is_posted(year.year),
                )
            with form.refusing():
                record_cost(order, actor=current_actor(), key=form.key)
                return redirect(url_for("costs.costs", fiscal_year=year.year, done="recorded"), 303)
    return show("costs/cost_recording", form=form, pools=pools, kinds=list(ItemKind), tax_kinds=list(TaxKind))


@pages.route("/costs/<uuid:item_id>/withdraw", methods=["GET", "POST"])
@asks(Permission.COST_WITHDRAW)
def cost_withdrawing(item_id: UUID) -> AnyResponse | tuple[str, int]:
    """An item entered in error; it stays to be seen, with the reason."""
    item = cost_item(session(), item_id)
    form = Form.sent() if request.method == "POST" else Form.fresh(reason="")
    if request.method == "POST":
        reason = form.needed("reason")
        if form.is_right:
            with form.refusing():
                withdraw_cost(WithdrawCost(item_id=item_id, reason=reason), actor=current_actor(), key=form.key)
                return redirect(url_for("costs.costs", fiscal_year=item.fiscal_year, done="withdrawn"), 303)
    return show("costs/cost_withdrawing", form=form, item=item, is_posted=_is_posted(item.fiscal_year))


@pages.route("/costs/pools/new", methods=["GET", "POST"])
@asks(Permission.COST_POOL_DEFINE)
def cost_pool_defining() -> AnyResponse | tuple[str, int]:
    """A kind of cost, and the rule that shares it."""
    form = Form.sent() if request.method == "POST" else Form.fresh(name="", label="", rule="")
    if request.method == "POST":
        name, label, rule = (form.needed(field) for field in ("name", "label", "rule"))
        if form.is_right:
            with form.refusing():
                define_cost_pool(DefineCostPool(name=name, label=label, rule=rule), actor=current_actor(), key=form.key)
                return redirect(url_for("costs.costs", done="pool"), 303)
    rules = {version.name: version.label for version in rule_versions(session())}
    return show("costs/cost_pool_defining", form=form, rules=list(rules.items()))


def _year(form: Form) -> FiscalYear | None:
    form.needed("fiscal_year")
    number = form.whole("fiscal_year")
    try:
        return FiscalYear(number) if number is not None else None
    except Refused as refused:
        refused.field = "fiscal_year"
        form.refuse(refused)
        return None


def _is_posted(year: int) -> bool:
    return any(run.state is RunState.POSTED for run in run_heads(session(), fiscal_year=year))


def _cost_yen(items: list[ItemFacts]) -> int:
    return sum(item.yen for item in items if item.kind is ItemKind.COST)
