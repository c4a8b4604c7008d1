"""Entry points of the commands about costs: API route, command line, form and confirm page of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import url_for
from sqlalchemy.orm import Session

from admin.core.language import gettext
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress, api, cli
from admin.interface.formats import year_label, yen
from billing.costs.commands import CostWithdrawn, RecordCost, WithdrawCost, define_cost_pool, record_cost, withdraw_cost
from billing.costs.queries import cost_item, cost_items
from billing.costs.states import ItemKind
from billing.runs.queries import run_summaries
from billing.runs.states import RunState
from governance.kernel.database import db
from governance.kernel.errors import Language
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.labels import Label


def _costs_of_year(session: Session, command: RecordCost, language: Language) -> FormContext:
    """What the year costs before and after this item."""
    year = FiscalYear(command.fiscal_year)
    before = sum(item.yen for item in cost_items(session, year) if item.kind is ItemKind.COST)
    after = before + (command.yen if command.kind is ItemKind.COST else 0)
    warnings = []
    if is_posted(session, year.year):
        warnings.append(
            gettext(
                "This year's allocation is already posted: the item affects the shares once a revision is approved."
            )
        )
    return FormContext([Fact(gettext("Costs of the year"), f"{yen(before)} → {yen(after)}")], warnings)


def _withdrawn_item(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """The item as it was recorded. Raises NotFound."""
    item = cost_item(session, given["item_id"])
    facts = [
        Fact(gettext("Name"), item.name),
        Fact(gettext("Fiscal year"), year_label(item.fiscal_year)),
        Fact(gettext("Pool"), item.pool.label),
        Fact(gettext("Yen"), yen(item.yen if item.kind is ItemKind.COST else -item.yen)),
        Fact(gettext("Source"), item.source),
    ]
    warnings = []
    if item.withdrawn_at is not None:
        withdrawn = gettext("It has already been withdrawn.")
        warnings.append(f"{withdrawn} {item.withdrawn_reason}")
    elif is_posted(session, item.fiscal_year):
        warnings.append(
            gettext("This year's allocation is already posted: the shares change once a revision is approved.")
        )
    return FormContext(facts, warnings)


def is_posted(session: Session, fiscal_year: int) -> bool:
    """Whether a run of this fiscal year is posted."""
    return any(run.state is RunState.POSTED for run in run_summaries(session, fiscal_year=fiscal_year))


def _to_costs_of_item(command: WithdrawCost, result: CostWithdrawn) -> str:
    year = cost_item(db.session(), command.item_id).fiscal_year
    return url_for("costs.costs", fiscal_year=year, done="withdrawn")


def _to_costs(given: Mapping[str, Any]) -> tuple[Label, str]:
    return Label("経費", "Costs"), url_for("costs.costs")


ENTRY_POINTS: Final = (
    EntryPoint(
        define_cost_pool,
        Label("経費区分を作成する", "Define a pool"),
        Label("作成する", "Define"),
        api=api("POST /cost-pools"),
        cli=cli("cost pool", "name"),
        page=PageAddress(
            "/costs/pools/new",
            "cost_pool_defining",
            then=lambda command, result: url_for("costs.costs", done="pool"),
            back=_to_costs,
            intro=Label(
                "経費は区分に属し、区分ごとに一つの規程で按分します。", "Each cost pool is divided by one rule."
            ),
            is_reviewed=False,
        ),
    ),
    EntryPoint(
        record_cost,
        Label("経費を登録する", "Record a cost"),
        Label("登録する", "Record"),
        api=api("POST /costs"),
        cli=cli("cost record", "fiscal_year"),
        page=PageAddress(
            "/costs/record",
            "cost_recording",
            then=lambda command, result: url_for("costs.costs", fiscal_year=command.fiscal_year, done="recorded"),
            back=_to_costs,
            intro=Label(
                "登録した経費は書き換えません。誤りは登録を取り消して、登録し直します。",
                "Items are never edited: withdraw an item and record it again.",
            ),
            review_intro=Label(
                "額と出典を、もとの書類と見比べてください。", "Check the amount and the source against the document."
            ),
            consequences=_costs_of_year,
        ),
    ),
    EntryPoint(
        withdraw_cost,
        Label("経費の登録を取り消す", "Withdraw a cost"),
        Label("登録を取り消す", "Withdraw"),
        api=api("POST /costs/<item>/withdrawal", item="item_id"),
        cli=cli("cost withdraw", "item_id"),
        page=PageAddress(
            "/costs/<uuid:item_id>/withdraw",
            "cost_withdrawing",
            then=_to_costs_of_item,
            back=_to_costs,
            intro=Label(
                "按分の対象から外れます。記録は理由とともに残り、元には戻せません。",
                "It is no longer allocated. It stays visible and cannot be restored.",
            ),
            about=_withdrawn_item,
            is_reviewed=False,
            is_dangerous=True,
        ),
    ),
)
