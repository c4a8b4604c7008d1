"""The ledger: entries, balances, fiscal years, the proof, and the books handed out for an outside check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final
from uuid import UUID

from flask import Response
from pydantic import BaseModel, Field

from admin.core.rate_limits import RateLimit
from admin.features.ledger.entry_points import ENTRY_POINTS
from admin.interface.api_requests import PageQuery, Query, YearPageQuery, YearParam
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.output import tab_separated
from admin.interface.queries import cli_query
from billing.ledger import queries
from billing.ledger.commands import post_entry
from billing.ledger.export import ExportFormat, export
from billing.ledger.queries import AccountBalance, BookTotals, EntryFacts, PeriodFacts
from billing.ledger.verification import LedgerVerificationReport, verify
from billing.notices.contributions import ContributionLedger, contribution_ledger
from governance.declaration import Input
from governance.kernel.database import db
from governance.kernel.era import format_day
from governance.kernel.errors import require_found
from governance.kernel.keyset import KeysetPage, PageRequest, key_of
from governance.kernel.labels import Label
from governance.kernel.yen import format_amount
from governance.permissions import Permission

routes = ApiRoutes(Tag.LEDGER, ENTRY_POINTS)


class BooksQuery(PageQuery):
    """The fiscal year of the books."""

    fiscal_year: YearParam


class ContributionsQuery(Query):
    """The fiscal year of the contributions."""

    fiscal_year: YearParam


class EntriesQuery(YearPageQuery):
    """The entries of one fiscal year, or of all of them; `before` leaves out a number and those above it."""

    before: Annotated[int, Field(ge=1, le=2**53), Input("仕訳番号の上限", "Only smaller numbers")] | None = None


class EntryResponse(BaseModel):
    """One entry."""

    entry: EntryFacts


class ExportQuery(Query):
    """In which syntax, and of which fiscal year; of all of them where none is given."""

    format: ExportFormat
    fiscal_year: YearParam | None = None


_CONTENT: Final = {
    ExportFormat.HLEDGER: "text/plain; charset=utf-8",
    ExportFormat.BEANCOUNT: "text/plain; charset=utf-8",
    ExportFormat.CSV: "text/csv; charset=utf-8",
}


def _entry_lines(found: EntryResponse) -> str:
    heading = tab_separated("number", "happened_on", "kind", "reference", "memo")
    return "\n".join([heading(found.entry), *map(tab_separated("account", "account_name", "yen"), found.entry.lines)])


def _contribution_lines(ledger: ContributionLedger) -> str:
    rows = (
        f"{format_day(row.happened_on)}  {row.kind.label('ja')}  {format_amount(row.amount_yen):>19}円"
        f"  {format_amount(row.balance_yen):>19}円  {row.notice.number if row.notice else '未通知'}  {row.memo}"
        for row in ledger.rows
    )
    sums = f"負担額 {format_amount(ledger.share_yen)}円  通知済み {format_amount(ledger.notified_yen)}円"
    return "\n".join([*rows, sums])


def _imbalance_lines(report: LedgerVerificationReport) -> str:
    return "\n".join("\t".join(map(str, imbalance.model_dump().values())) for imbalance in report.imbalances)


def _verified(report: LedgerVerificationReport) -> str:
    entries, faults = f"{report.entries:,}", f"{len(report.imbalances):,}"
    return f"仕訳 {entries} 件、不一致 {faults} 件 / {entries} entries, {faults} imbalances"


@routes.list("/ledger/books", Permission.LEDGER_READ, "BookPage")
@cli_query(
    "ledger books", "年度の帳簿の一覧", "books", "tenant_id state debit_yen line_count", arguments=["fiscal_year"]
)
def list_books(query: BooksQuery, part: PageRequest) -> KeysetPage[BookTotals]:
    """List the books that have a fiscal year, by the sum of their debit balances (yen)."""
    return queries.books(db.session(), query.fiscal_year, part)


@routes.list("/tenants/<tenant>/ledger/entries", Permission.LEDGER_READ, "EntryPage")
@cli_query(
    "ledger entries", "仕訳を新しい順に見る", "entries", "number id happened_on kind reference total_yen memo", limit=50
)
def list_entries(tenant: UUID, query: EntriesQuery, part: PageRequest) -> KeysetPage[EntryFacts]:
    """List the entries of a book, newest first."""
    if query.before is not None and part.after is None:
        part = PageRequest(part.limit, key_of(query.before))
    return queries.entries_page(db.session(), tenant, part, fiscal_year=query.fiscal_year)


@routes.query("/tenants/<tenant>/ledger/entries/<entry>", Permission.LEDGER_READ)
@cli_query("ledger entry", "仕訳を見る", line=_entry_lines)
def get_entry(tenant: UUID, entry: UUID) -> EntryResponse:
    """Show one entry with its lines."""
    return EntryResponse(entry=queries.entry(db.session(), tenant, entry))


@routes.list("/tenants/<tenant>/ledger/balances", Permission.LEDGER_READ, "BalancePage", "fiscal_year account")
@cli_query("ledger balances", "残高試算表を見る", "balances", "fiscal_year account account_name yen line_count")
def list_balances(tenant: UUID, query: YearPageQuery) -> Sequence[AccountBalance]:
    """List the trial balance of a book by year and account: debit positive, whole yen."""
    return queries.balances(db.session(), tenant, query.fiscal_year)


@routes.query("/tenants/<tenant>/contributions", Permission.LEDGER_READ)
@cli_query("ledger contributions", "負担金の台帳", line=_contribution_lines, arguments=["fiscal_year"])
def get_contributions(tenant: UUID, query: ContributionsQuery) -> ContributionLedger:
    """Show what a municipality owes for a fiscal year, each change of it, and what was notified (yen)."""
    return contribution_ledger(db.session(), tenant, query.fiscal_year)


@routes.list("/tenants/<tenant>/ledger/periods", Permission.LEDGER_READ, "PeriodPage", "fiscal_year")
@cli_query("ledger periods", "会計年度の状態を見る", "periods", "fiscal_year state")
def list_periods(tenant: UUID, query: YearPageQuery) -> Sequence[PeriodFacts]:
    """List the fiscal years of a book and their states, newest first."""
    return queries.periods(db.session(), tenant, query.fiscal_year)


@routes.query("/tenants/<tenant>/ledger/periods/<year>", Permission.LEDGER_READ, ja="会計年度の状態を 1 つ見る")
def get_period(tenant: UUID, year: int) -> PeriodFacts:
    """Show the state of one fiscal year of a book."""
    found = queries.periods(db.session(), tenant, year)
    return require_found(next(iter(found), None), what=Label("会計年度", "fiscal year"), given=year)


@routes.query("/ledger/verification", Permission.LEDGER_READ, limit=RateLimit.CHECK)
@cli_query(
    "ledger verify",
    "帳簿を明細から検算する",
    line=_imbalance_lines,
    note=_verified,
    holds=lambda report: report.balanced,
)
def get_ledger_verification() -> LedgerVerificationReport:
    """Recompute every balance this asker may see from the lines.

    The command's exit code is 1 when something does not hold.
    """
    return verify(db.session())


@routes.query(
    "/ledger/export",
    Permission.LEDGER_READ,
    content=("text/plain", "text/csv"),
    limit=RateLimit.DOWNLOAD,
    ja="帳簿を書き出す（hledger、beancount、CSV）",
)
def export_ledger(query: ExportQuery) -> Response:
    """Answer every entry this asker may see, for hledger, for beancount, or as CSV."""
    pieces = export(db.session(), query.format, query.fiscal_year)
    return Response("".join(pieces), content_type=_CONTENT[query.format])


routes.command_route(
    "POST", "/tenants/<tenant>/ledger/entries", post_entry, {"tenant": "tenant_id"}, label_ja="仕訳を起票する"
)
