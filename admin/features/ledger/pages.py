"""帳簿: trial balance, entries and the state of the year, for each tenant's book. Closing a year is a derived form."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, requires
from admin.core.language import current_language, either, gettext
from admin.core.rate_limits import RateLimit, limited
from admin.interface.downloads import table_response
from admin.interface.labels import label_of
from admin.interface.lists import current_fiscal_year, query_year
from admin.interface.pages import render_page, session
from admin.interface.paging import next_cursor, query_part
from admin.interface.years import year_of_single
from billing.ledger import queries
from billing.ledger.chart import CHART
from billing.notices.contributions import contribution_ledger
from governance.permissions import Permission
from tenancy import directory
from tenancy.tenants.queries import names_of_tenants

pages = Blueprint("ledger", __name__, template_folder="templates")

MAX_FILE_ROWS = 100_000


@pages.get("/ledger")
@requires(Permission.LEDGER_READ)
def books() -> AnyResponse | tuple[str, int]:
    """All books added up by account, and one line for each book; a municipality has its contributions instead."""
    actor = current_actor()
    if not actor.is_operator:
        return redirect(url_for("ledger.contributions", tenant_id=actor.tenant_id), 303)
    years = queries.years_of_books(session())
    year = year_of_single(years[0] if years else current_fiscal_year())
    totals = queries.account_totals(session(), year)
    found = queries.books(session(), year, query_part())
    return render_page(
        "ledger/books",
        year=year,
        totals=[(code, totals[code]) for code in CHART if code in totals],
        chart=CHART,
        books=found.items,
        next_cursor=next_cursor(found),
        total=queries.count_books(session(), year),
        names=names_of_tenants(session(), [book.tenant_id for book in found.items]),
        operator_id=actor.tenant_id,
    )


@pages.get("/ledger.<any(csv, xlsx):file_kind>")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.LEDGER_READ)
def books_file(file_kind: str) -> AnyResponse:
    """Every book of a year with its state and debits; of a municipality its contributions instead."""
    year = query_year() or current_fiscal_year()
    if not current_actor().is_operator:
        address = url_for("ledger.contributions_file", tenant_id=current_actor().tenant_id, file_kind=file_kind)
        return redirect(address, 303)
    found = queries.books(session(), year).items
    names = names_of_tenants(session(), [book.tenant_id for book in found])
    header = [
        either(ja, en)
        for ja, en in (
            ("会計年度", "fiscal year"),
            ("団体", "tenant"),
            ("年度の状態", "state of the year"),
            ("借方の合計（円）", "debits (yen)"),
            ("明細の数", "lines"),
        )
    ]
    rows = (
        (
            year,
            names.get(book.tenant_id),
            book.state.label(current_language()),
            book.debit_yen,
            book.line_count,
        )
        for book in found
    )
    return table_response(file_kind, gettext("books_%(year)s", year=year), header, rows)


@pages.get("/ledger/<uuid:tenant_id>")
@requires(Permission.LEDGER_READ)
def book(tenant_id: UUID) -> AnyResponse | tuple[str, int]:
    """One book: its balances by account and its entries, newest first; for the operator, whose accounts they are."""
    return to_contributions(tenant_id) or _render_book(tenant_id)


@pages.get("/ledger/<uuid:tenant_id>/contributions")
@requires(Permission.LEDGER_READ)
def contributions(tenant_id: UUID) -> tuple[str, int]:
    """負担金の台帳: what a municipality owes for a year, each change of it, and what was notified."""
    tenant = directory.tenant_by_id(session(), tenant_id)
    known = [period.fiscal_year for period in queries.periods(session(), tenant_id)]
    year = year_of_single(max(known, default=current_fiscal_year()))
    return render_page(
        "ledger/contributions",
        tenant=tenant,
        year=year,
        ledger=contribution_ledger(session(), tenant_id, year),
    )


@pages.get("/ledger/<uuid:tenant_id>/contributions.<any(csv, xlsx):file_kind>")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.LEDGER_READ)
def contributions_file(tenant_id: UUID, file_kind: str) -> AnyResponse:
    """The rows of 負担金の台帳 of a year."""
    tenant = directory.tenant_by_id(session(), tenant_id)
    ledger = contribution_ledger(session(), tenant_id, query_year() or current_fiscal_year())
    header = [
        either(ja, en)
        for ja, en in (
            ("調定日", "assessed on"),
            ("区分", "kind"),
            ("摘要", "memo"),
            ("増減（円）", "change (yen)"),
            ("負担額（円）", "balance (yen)"),
            ("通知書", "notice"),
            ("発行日", "issued on"),
            ("納期限", "due on"),
        )
    ]
    rows = (
        (
            row.happened_on,
            row.kind.label(current_language()),
            row.memo,
            row.amount_yen,
            row.balance_yen,
            row.notice.number if row.notice else None,
            row.notice.issued_on if row.notice else None,
            row.notice.due_on if row.notice else None,
        )
        for row in ledger.rows
    )
    name = gettext("%(name)s_contributions_%(year)s", name=tenant.name, year=ledger.fiscal_year)
    return table_response(file_kind, name, header, rows)


@pages.get("/ledger/<uuid:tenant_id>/entries.<any(csv, xlsx):file_kind>")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.LEDGER_READ)
def book_file(tenant_id: UUID, file_kind: str) -> AnyResponse:
    """Every line of the book's entries of a year, at most 100,000 entries."""
    if (elsewhere := to_contributions(tenant_id)) is not None:
        return elsewhere
    tenant = directory.tenant_by_id(session(), tenant_id)
    year = query_year()
    header = [
        either(ja, en)
        for ja, en in (
            ("番号", "number"),
            ("会計年度", "fiscal year"),
            ("日付", "date"),
            ("記帳日時", "recorded at"),
            ("種別", "kind"),
            ("摘要", "memo"),
            ("勘定科目", "account"),
            ("借方（円）", "debit (yen)"),
            ("貸方（円）", "credit (yen)"),
        )
    ]
    rows = (
        (
            entry.number,
            entry.fiscal_year,
            entry.happened_on,
            entry.recorded_at,
            label_of(entry.kind, "entry"),
            entry.memo,
            line.account_name,
            line.yen if line.yen > 0 else None,
            -line.yen if line.yen < 0 else None,
        )
        for entry in queries.entries(session(), tenant_id, fiscal_year=year, limit=MAX_FILE_ROWS)
        for line in entry.lines
    )
    return table_response(file_kind, gettext("%(name)s_ledger", name=tenant.name), header, rows)


def to_contributions(tenant_id: UUID) -> AnyResponse | None:
    """Where a municipality is led instead of into the prefecture's double entry; None for the operator.

    Raises NotFound for another municipality's book.
    """
    if current_actor().is_operator:
        return None
    return redirect(url_for("ledger.contributions", tenant_id=directory.tenant_by_id(session(), tenant_id).id), 303)


def _render_book(tenant_id: UUID) -> tuple[str, int]:
    tenant = directory.tenant_by_id(session(), tenant_id)
    periods = {period.fiscal_year: period.state for period in queries.periods(session(), tenant_id)}
    year = year_of_single(max(periods, default=current_fiscal_year()))
    found = queries.entries_page(session(), tenant_id, query_part(), fiscal_year=year)
    state = periods.get(year)
    balances = queries.balances(session(), tenant_id, year)
    return render_page(
        "ledger/book",
        tenant=tenant,
        year=year,
        balances=balances,
        debit_yen=sum(balance.yen for balance in balances if balance.yen > 0),
        credit_yen=-sum(balance.yen for balance in balances if balance.yen < 0),
        entries=found.items,
        next_cursor=next_cursor(found),
        state=state,
    )
