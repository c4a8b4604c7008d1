"""帳簿: trial balance, entries and the state of the year, for each tenant's book. And closing the year."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, requires
from admin.core.language import either, gettext
from admin.core.rate_limits import RateLimit, limited
from admin.interface.command_forms import to_approval
from admin.interface.downloads import table_response
from admin.interface.forms import Form
from admin.interface.labels import label_of
from admin.interface.lists import current_fiscal_year, query_year
from admin.interface.pages import render_page, session
from admin.interface.paging import next_cursor, query_part
from billing.ledger import queries
from billing.ledger.chart import CHART
from billing.ledger.commands import change_period_state
from billing.ledger.periods import PeriodState
from governance.commands import COMMENT
from governance.declaration import declared_field, read_command
from governance.permissions import Permission
from tenancy import directory
from tenancy.tenants.queries import names_of_tenants

pages = Blueprint("ledger", __name__, template_folder="templates")

MAX_FILE_ROWS = 100_000
_NEXT = {PeriodState.OPEN: (PeriodState.CLOSING,), PeriodState.CLOSING: (PeriodState.OPEN, PeriodState.CLOSED)}


@pages.get("/ledger")
@requires(Permission.LEDGER_READ)
def books() -> AnyResponse | tuple[str, int]:
    """All books added up by account, and one line for each book; for a municipality, its own book."""
    actor = current_actor()
    if not actor.is_operator:
        return redirect(url_for("ledger.book", tenant_id=actor.tenant_id), 303)
    years = queries.years_of_books(session())
    year = query_year() or (years[0] if years else current_fiscal_year())
    totals = queries.account_totals(session(), year)
    found = queries.books(session(), year, query_part())
    return render_page(
        "ledger/books",
        year=year,
        years=years,
        totals=[(code, totals[code]) for code in CHART if code in totals],
        chart=CHART,
        books=found.items,
        next_cursor=next_cursor(found),
        total=queries.count_books(session(), year),
        names=names_of_tenants(session(), [book.tenant_id for book in found.items]),
        operator_id=actor.tenant_id,
    )


@pages.get("/ledger/<uuid:tenant_id>")
@requires(Permission.LEDGER_READ)
def book(tenant_id: UUID) -> tuple[str, int]:
    """One book: its balances by account and its entries, newest first."""
    return _render_book(tenant_id, None)


@pages.get("/ledger/<uuid:tenant_id>/entries.<any(csv, xlsx):file_kind>")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.LEDGER_READ)
def book_file(tenant_id: UUID, file_kind: str) -> AnyResponse:
    """Every line of the book's entries of a year, at most 100,000 entries."""
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


@pages.post("/ledger/<uuid:tenant_id>/period")
@requires(Permission.PERIOD_CHANGE_STATE)
def period_state_changing(tenant_id: UUID) -> AnyResponse | tuple[str, int]:
    """The year of a book moved on; closing for good asks for the year to be typed."""
    form = Form.from_request()
    year, to = form.integer("fiscal_year"), form.one_of("to", PeriodState)
    if to is PeriodState.CLOSED:
        form.values.setdefault("year_typed", "")
        form.confirm_text("year_typed", form.text("fiscal_year"))
    if form.is_valid and year is not None and to is not None:
        with form.collect_errors():
            command = read_command(
                change_period_state.command_type,
                {"fiscal_year": year, "to": to.value, COMMENT: form.optional(COMMENT)},
                given={"tenant_id": tenant_id},
            )
            return to_approval(change_period_state(command, actor=current_actor(), key=form.key))
    return _render_book(tenant_id, form)


def _render_book(tenant_id: UUID, form: Form | None) -> tuple[str, int]:
    tenant = directory.tenant_by_id(session(), tenant_id)
    periods = {period.fiscal_year: period.state for period in queries.periods(session(), tenant_id)}
    year = query_year() or max(periods, default=current_fiscal_year())
    found = queries.entries_page(session(), tenant_id, query_part(), fiscal_year=year)
    state = periods.get(year)
    balances = queries.balances(session(), tenant_id, year)
    return render_page(
        "ledger/book",
        form=form,
        initial=Form.initial() if form is None else form,
        comment=declared_field(change_period_state.command_type, COMMENT),
        tenant=tenant,
        year=year,
        years=sorted({*periods, year}, reverse=True),
        balances=balances,
        debit_yen=sum(balance.yen for balance in balances if balance.yen > 0),
        credit_yen=-sum(balance.yen for balance in balances if balance.yen < 0),
        entries=found.items,
        next_cursor=next_cursor(found),
        state=state,
        next_states=_NEXT.get(state, ()) if state is not None else (),
    )
