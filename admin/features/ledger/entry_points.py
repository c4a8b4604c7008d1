"""Entry points of the commands about the books: API routes, command line, and the form that reverses an entry.

Posting an entry is declared where it is special: its page has debit and credit columns, its command reads a file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask import url_for
from sqlalchemy.orm import Session

from admin.core.language import gettext, ngettext
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress, api, cli
from admin.interface.formats import day_text, year_label, yen
from billing.ledger.commands import (
    ChangeYearState,
    EntryReversed,
    ReverseEntry,
    change_period_state,
    change_year_state,
    post_entry,
    reverse_entry,
)
from billing.ledger.periods import PeriodState, can_become, closing_warning, date_warning, year_of
from billing.ledger.queries import books_by_state, entry, periods
from governance.kernel import clock
from governance.kernel.errors import Language, not_found
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.labels import Label
from tenancy.directory import tenant_by_id


def _texts(warning: Label | None, language: Language) -> list[str]:
    return [] if warning is None else [warning.text(language)]


def _posted_entry(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """What the dates of its fiscal year say, for the person who decides whether an entry is posted."""
    year = FiscalYear(year_of(given["happened_on"], given["fiscal_year"]))
    return FormContext(warnings=_texts(date_warning(year, clock.today()), language))


def _reversed_entry(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """The entry to be reversed and, for the decider, what the dates of the reversal's year say. Raises NotFound."""
    found = entry(session, given["tenant_id"], given["entry_id"])
    facts = [
        Fact(gettext("Tenant"), tenant_by_id(session, found.tenant_id).name),
        Fact(gettext("No."), str(found.number)),
        Fact(gettext("Memo"), found.memo),
        Fact(gettext("Date"), day_text(found.happened_on, language)),
        Fact(gettext("Yen"), yen(found.total_yen, language)),
    ]
    warnings = [gettext("It has already been reversed.")] if found.reversed_by else []
    if (happened_on := given.get("happened_on")) is not None:
        warnings += _texts(date_warning(FiscalYear.of(happened_on), clock.today()), language)
    return FormContext(facts, warnings)


def _period(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """Whose book it is, whether it has the fiscal year yet, and what the year's dates say."""
    facts = [Fact(gettext("Tenant"), tenant_by_id(session, given["tenant_id"]).name)]
    is_there = bool(periods(session, given["tenant_id"], given["fiscal_year"]))
    warnings = [] if is_there else [gettext("The books do not have this fiscal year yet.")]
    dates = closing_warning(FiscalYear(given["fiscal_year"]), clock.today(), given["to"])
    return FormContext(facts, [*warnings, *_texts(dates, language)])


def _year(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """The year, how many books are in which state, and what its dates say until its books close.

    From then on nothing speaks against closing it. Raises NotFound where no book has it.
    """
    year = FiscalYear(given["fiscal_year"])
    found = books_by_state(session, year.year)
    if not found:
        raise not_found(what=Label("会計年度", "fiscal year"), given=year.year)
    states = [
        Fact(state.label(language), ngettext("%(num)s book", "%(num)s books", found[state]))
        for state in PeriodState
        if state in found
    ]
    facts = [Fact(gettext("Fiscal year"), year_label(year.year)), *states]
    today = clock.today()
    return FormContext(facts, [] if today > year.closes_on else _texts(date_warning(year, today), language))


def _next_states(session: Session, given: Mapping[str, Any], language: Language) -> Sequence[tuple[str, str]]:
    """The states that every book of the year can be in next."""
    present = books_by_state(session, given["fiscal_year"])
    return [
        (to.value, to.label(language))
        for to in PeriodState
        if set(present) != {to} and all(state is to or can_become(state, to) for state in present)
    ]


def _moving_books(session: Session, command: ChangeYearState, language: Language) -> FormContext:
    """How many books change, what the year's dates say of it, and that a closed year stays closed."""
    found = books_by_state(session, command.fiscal_year)
    moving = sum(books for state, books in found.items() if state is not command.to)
    closing = [gettext("A closed year cannot be reopened.")] if command.to is PeriodState.CLOSED else []
    year = FiscalYear(command.fiscal_year)
    today = clock.today()
    # Until the books close, what the year's dates say of entries stands on the page already.
    is_said = command.to is PeriodState.OPEN and today <= year.closes_on
    early = [] if is_said else _texts(closing_warning(year, today, command.to), language)
    return FormContext(
        [Fact(gettext("Books that change"), ngettext("%(num)s book", "%(num)s books", moving))], [*closing, *early]
    )


def _present_state(session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
    """The state of the fiscal year now; None where the books do not have it yet."""
    found = periods(session, given["tenant_id"], given["fiscal_year"])
    return {"to": found[0].state if found else None}


def _to_reversal(command: ReverseEntry, result: EntryReversed) -> str:
    return url_for("ledger_entries.entry", tenant_id=command.tenant_id, entry_id=result.entry_id, done="reversed")


def _to_entry(given: Mapping[str, Any]) -> tuple[Label, str]:
    return Label("仕訳", "Entry"), url_for("ledger_entries.entry", **given)


ENTRY_POINTS: Final = (
    EntryPoint(
        reverse_entry,
        Label("仕訳を取り消す", "Reverse an entry"),
        Label("取り消す", "Reverse"),
        api=api("POST /tenants/<tenant>/ledger/entries/<entry>/reversal", tenant="tenant_id", entry="entry_id"),
        cli=cli("ledger reverse", "tenant_id", "entry_id"),
        page=PageAddress(
            "/ledger/<uuid:tenant_id>/entries/<uuid:entry_id>/reverse",
            "entry_reversing",
            then=_to_reversal,
            back=_to_entry,
            intro=Label(
                "反対の仕訳を記帳します。もとの仕訳は残ります。", "A reversal is posted; the original entry stays."
            ),
            about=_reversed_entry,
            is_reviewed=False,
            is_dangerous=True,
        ),
    ),
    EntryPoint(
        change_period_state,
        Label("会計年度の状態を変える", "Change the state of a fiscal year"),
        Label("変更する", "Change state"),
        api=api("PUT /tenants/<tenant>/ledger/periods/<year>", tenant="tenant_id", year="fiscal_year"),
        cli=cli("ledger period", "tenant_id", "fiscal_year", "to"),
        about=_period,
        before=_present_state,
    ),
    EntryPoint(
        change_year_state,
        Label("年度の締切を進める", "Move the closing of a fiscal year"),
        Label("変更する", "Change state"),
        api=api("POST /ledger/years/<year>/state-changes", year="fiscal_year"),
        cli=cli("ledger year", "fiscal_year", "to"),
        page=PageAddress(
            "/ledger/years/<int:fiscal_year>/state",
            "year_closing",
            then=lambda command, result: url_for("ledger.books", fiscal_year=command.fiscal_year),
            back=lambda given: (Label("帳簿", "Books"), url_for("ledger.books", **given)),
            intro=Label(
                "その年度のすべての団体の帳簿を一度に進めます。",
                "All books of the fiscal year move together.",
            ),
            about=_year,
            consequences=_moving_books,
            choices={"to": _next_states},
            confirm_text=lambda session, command: str(command.fiscal_year) if command.to is PeriodState.CLOSED else "",
            is_dangerous=True,
        ),
    ),
)

POSTING: Final = EntryPoint(
    post_entry,
    Label("仕訳を記帳する", "Post an entry"),
    Label("記帳する", "Post"),
    api=api("POST /tenants/<tenant>/ledger/entries", tenant="tenant_id"),
    about=_posted_entry,
)
"""How an entry that the command line reads from a file reaches the command, in this process or over the API."""
