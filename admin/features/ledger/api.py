"""The ledger: entries, balances, fiscal years, the proof, and the books handed out for an outside check."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from flask import Response
from pydantic import BaseModel

from admin.core.guard import requires
from admin.features.ledger.entry_points import ENTRY_POINTS
from admin.interface.api_requests import Query, YearPageQuery, YearParam
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.paging import Page, page_request, page_response, paginate
from billing.ledger import queries
from billing.ledger.commands import post_entry
from billing.ledger.export import ExportFormat, export
from billing.ledger.queries import AccountBalance, EntryFacts, PeriodFacts
from billing.ledger.verification import LedgerVerificationReport, verify
from governance.kernel.database import db
from governance.permissions import Permission

routes = ApiRoutes(Tag.LEDGER, ENTRY_POINTS)


class EntryPage(Page[EntryFacts]):
    """Entries of one book, newest first."""


class EntryResponse(BaseModel):
    """One entry."""

    entry: EntryFacts


class BalancePage(Page[AccountBalance]):
    """The trial balance of one book, by year and account; debit positive, whole yen."""


class PeriodPage(Page[PeriodFacts]):
    """Fiscal years of a book, newest first."""


class ExportQuery(Query):
    """In which syntax, and of which fiscal year; of all of them where none is given."""

    format: ExportFormat
    fiscal_year: YearParam | None = None


_CONTENT: Final = {
    ExportFormat.HLEDGER: "text/plain; charset=utf-8",
    ExportFormat.BEANCOUNT: "text/plain; charset=utf-8",
    ExportFormat.CSV: "text/csv; charset=utf-8",
}


@routes.query_route("/tenants/<tenant>/ledger/entries")
@requires(Permission.LEDGER_READ)
def list_entries(tenant: UUID, query: YearPageQuery) -> EntryPage:
    """List the entries of a book."""
    found = queries.entries_page(db.session(), tenant, page_request(query), fiscal_year=query.fiscal_year)
    return page_response(EntryPage, found)


@routes.query_route("/tenants/<tenant>/ledger/entries/<entry>")
@requires(Permission.LEDGER_READ)
def get_entry(tenant: UUID, entry: UUID) -> EntryResponse:
    """Show one entry with its lines."""
    return EntryResponse(entry=queries.entry(db.session(), tenant, entry))


@routes.query_route("/tenants/<tenant>/ledger/balances")
@requires(Permission.LEDGER_READ)
def list_balances(tenant: UUID, query: YearPageQuery) -> BalancePage:
    """List what the accounts of a book add up to."""
    found = queries.balances(db.session(), tenant, query.fiscal_year)
    return paginate(BalancePage, found, lambda row: f"{row.fiscal_year}/{row.account}", query)


@routes.query_route("/tenants/<tenant>/ledger/periods")
@requires(Permission.LEDGER_READ)
def list_periods(tenant: UUID, query: YearPageQuery) -> PeriodPage:
    """List the fiscal years of a book and their states."""
    found = queries.periods(db.session(), tenant, query.fiscal_year)
    return paginate(PeriodPage, found, lambda row: str(row.fiscal_year), query)


@routes.query_route("/ledger/verification")
@requires(Permission.LEDGER_READ)
def get_ledger_verification() -> LedgerVerificationReport:
    """Recompute every balance this asker may see from the lines."""
    return verify(db.session())


@routes.query_route("/ledger/export", content=("text/plain", "text/csv"))
@requires(Permission.LEDGER_READ)
def export_ledger(query: ExportQuery) -> Response:
    """Answer every entry this asker may see, for hledger, for beancount, or as CSV."""
    pieces = export(db.session(), query.format, query.fiscal_year)
    return Response("".join(pieces), content_type=_CONTENT[query.format])


routes.command_route("POST", "/tenants/<tenant>/ledger/entries", post_entry, {"tenant": "tenant_id"})
