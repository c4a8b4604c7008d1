"""経費: what a fiscal year costs, entered with its source; what was entered in error is taken out with a reason."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, requires
from admin.interface.forms import Form
from admin.interface.lists import current_fiscal_year, query_year
from admin.interface.pages import render_page, session
from billing.costs.commands import (
    DefineCostPool,
    RecordCost,
    WithdrawCost,
    define_cost_pool,
    record_cost,
    withdraw_cost,
)
from billing.costs.queries import ItemFacts, cost_item, cost_items, cost_pools
from billing.costs.states import ItemKind, TaxKind
from billing.runs.queries import run_summaries
from billing.runs.states import RunState
from governance.kernel.errors import DomainError
from governance.kernel.fiscal_year import FiscalYear
from governance.permissions import Permission
from governance.rules.queries import rule_versions

pages = Blueprint("costs", __name__, template_folder="templates")


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
        is_posted=_is_posted(year),
        done=request.args.get("done", ""),
    )


@pages.route("/costs/record", methods=["GET", "POST"])
@requires(Permission.COST_RECORD)
def cost_recording() -> AnyResponse | tuple[str, int]:
    """One cost or deduction, with what the year costs before and after it."""
    pools = cost_pools(session())
    initial = Form.initial(
        fiscal_year=query_year() or current_fiscal_year(),
        pool=pools[0].name if pools else "",
        kind=ItemKind.COST.value,
        tax_kind=TaxKind.OUT_OF_SCOPE.value,
        **dict.fromkeys(("name", "yen", "source", "incurred_on", "tax_reason"), ""),
    )
    form = Form.from_request() if request.method == "POST" else initial
    if request.method == "POST" and form.step != "enter":
        name, source = form.required("name"), form.required("source")
        pool = form.one_of("pool", {one.name: one for one in pools}.__getitem__)
        form.required("yen")
        year, yen, incurred_on = _year(form), form.yen("yen"), form.day("incurred_on")
        kind, tax_kind = form.one_of("kind", ItemKind), form.one_of("tax_kind", TaxKind)
        if form.is_valid and pool and year and yen and kind and tax_kind:
            command = RecordCost(
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
                return render_page(
                    "costs/cost_recording_confirm",
                    form=form,
                    command=command,
                    pool=pool,
                    before_yen=before,
                    after_yen=before + (yen if kind is ItemKind.COST else 0),
                    is_posted=_is_posted(year.year),
                )
            with form.collect_errors():
                record_cost(command, actor=current_actor(), key=form.key)
                return redirect(url_for("costs.costs", fiscal_year=year.year, done="recorded"), 303)
    return render_page("costs/cost_recording", form=form, pools=pools, kinds=list(ItemKind), tax_kinds=list(TaxKind))


@pages.route("/costs/<uuid:item_id>/withdraw", methods=["GET", "POST"])
@requires(Permission.COST_WITHDRAW)
def cost_withdrawing(item_id: UUID) -> AnyResponse | tuple[str, int]:
    """An item entered in error; it stays to be seen, with the reason."""
    item = cost_item(session(), item_id)
    form = Form.from_request() if request.method == "POST" else Form.initial(reason="")
    if request.method == "POST":
        reason = form.required("reason")
        if form.is_valid:
            with form.collect_errors():
                withdraw_cost(WithdrawCost(item_id=item_id, reason=reason), actor=current_actor(), key=form.key)
                return redirect(url_for("costs.costs", fiscal_year=item.fiscal_year, done="withdrawn"), 303)
    return render_page("costs/cost_withdrawing", form=form, item=item, is_posted=_is_posted(item.fiscal_year))


@pages.route("/costs/pools/new", methods=["GET", "POST"])
@requires(Permission.COST_POOL_DEFINE)
def cost_pool_defining() -> AnyResponse | tuple[str, int]:
    """A kind of cost, and the rule that shares it."""
    form = Form.from_request() if request.method == "POST" else Form.initial(name="", label="", rule="")
    if request.method == "POST":
        name, label, rule = (form.required(field) for field in ("name", "label", "rule"))
        if form.is_valid:
            with form.collect_errors():
                define_cost_pool(DefineCostPool(name=name, label=label, rule=rule), actor=current_actor(), key=form.key)
                return redirect(url_for("costs.costs", done="pool"), 303)
    rules = {version.name: version.label for version in rule_versions(session())}
    return render_page("costs/cost_pool_defining", form=form, rules=list(rules.items()))


def _year(form: Form) -> FiscalYear | None:
    form.required("fiscal_year")
    number = form.integer("fiscal_year")
    try:
        return FiscalYear(number) if number is not None else None
    except DomainError as refused:
        refused.field = "fiscal_year"
        form.add_error(refused)
        return None


def _is_posted(year: int) -> bool:
    return any(run.state is RunState.POSTED for run in run_summaries(session(), fiscal_year=year))


def _cost_yen(items: list[ItemFacts]) -> int:
    return sum(item.yen for item in items if item.kind is ItemKind.COST)
