"""The books outward: every posted entry, in order, in the syntax of hledger, of beancount, or as CSV.

So that another program proves them: `hledger check --strict` and `bean-check` accept what is written here. The same
books give the same bytes. Not here: proving them ourselves (verification).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from billing.ledger.chart import CHART, AccountCode, AccountKind
from governance.kernel.database import allow_long_statements
from governance.kernel.spreadsheets import escape_formula
from tenancy import directory


class ExportFormat(StrEnum):
    HLEDGER = "hledger"
    BEANCOUNT = "beancount"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class _Account:
    """An account of one book. `book` is the tenant's municipality code, or its id where it has none."""

    book: str
    book_name: str
    code: AccountCode
    name: str
    kind: AccountKind


@dataclass(frozen=True, slots=True)
class _Entry:
    id: UUID
    number: int
    reference: str
    kind: str
    fiscal_year: int
    happened_on: date
    recorded_at: datetime
    memo: str
    reverses_id: UUID | None
    lines: tuple[tuple[_Account, int], ...]


def export(session: Session, to: ExportFormat, fiscal_year: int | None = None) -> Iterator[str]:
    """Every entry the scope can see, of one fiscal year where given, in the order of posting, text piece by piece."""
    allow_long_statements(session)
    accounts = _accounts(session)
    first_day = _first_day(session, fiscal_year)
    return _WRITERS[to](accounts, first_day, _entries(session, accounts, fiscal_year))


def _accounts(session: Session) -> dict[tuple[UUID, UUID], _Account]:
    rows = session.execute(
        text("SELECT tenant_id, id, code, name, kind FROM ledger_account ORDER BY tenant_id, code")
    ).all()
    books = directory.tenants_by_id(session, {row.tenant_id for row in rows})
    return {
        (row.tenant_id, row.id): _Account(
            book=books[row.tenant_id].code or _book_without_code(row.tenant_id),
            book_name=books[row.tenant_id].name,
            code=AccountCode(row.code),
            name=row.name,
            kind=AccountKind(row.kind),
        )
        for row in rows
    }


def _book_without_code(tenant_id: UUID) -> str:
    # A company has no municipality code. Its id stands in, with a letter first as beancount wants it.
    return f"T{tenant_id.hex}"


def _first_day(session: Session, fiscal_year: int | None) -> date | None:
    day: date | None = session.execute(
        text(
            "SELECT min(happened_on) FROM ledger_entry"
            " WHERE CAST(:fiscal_year AS smallint) IS NULL OR fiscal_year = :fiscal_year"
        ),
        {"fiscal_year": fiscal_year},
    ).scalar_one()
    return day


def _entries(
    session: Session, accounts: Mapping[tuple[UUID, UUID], _Account], fiscal_year: int | None
) -> Iterator[_Entry]:
    rows = session.execute(
        text(
            """
            SELECT entry.tenant_id, entry.id, entry.number, entry.reference, entry.kind, entry.fiscal_year,
                entry.happened_on, entry.recorded_at, entry.memo, entry.reverses_id, lines.account_ids, lines.yens
            FROM ledger_entry AS entry
            CROSS JOIN LATERAL (
                SELECT array_agg(line.account_id ORDER BY line_no) AS account_ids,
                    array_agg(line.yen ORDER BY line_no) AS yens
                FROM ledger_line AS line
                WHERE line.tenant_id = entry.tenant_id AND line.entry_id = entry.id
            ) AS lines
            WHERE CAST(:fiscal_year AS smallint) IS NULL OR entry.fiscal_year = :fiscal_year
            ORDER BY entry.number
            """
        ),
        {"fiscal_year": fiscal_year},
        execution_options={"yield_per": 1_000},
    )
    for row in rows:
        yield _Entry(
            row.id,
            row.number,
            row.reference,
            row.kind,
            row.fiscal_year,
            row.happened_on,
            row.recorded_at,
            row.memo,
            row.reverses_id,
            tuple(
                (accounts[row.tenant_id, account_id], yen)
                for account_id, yen in zip(row.account_ids, row.yens, strict=True)
            ),
        )


_Accounts = Mapping[tuple[UUID, UUID], _Account]


def _hledger(accounts: _Accounts, first_day: date | None, entries: Iterator[_Entry]) -> Iterator[str]:
    yield "commodity 1. JPY\n\n"
    for account in accounts.values():
        yield f"account {_hledger_name(account)}  ; type: {_HLEDGER_TYPES[account.kind]}, {account.book_name}\n"
    for entry in entries:
        # A semicolon begins a comment and a vertical bar ends the payee, so both are written full-width.
        memo = entry.memo.replace(";", "；").replace("|", "｜")
        yield f"\n{entry.happened_on.isoformat()} * ({entry.reference}) {memo}".rstrip() + "\n"
        for name, value in _facts(entry).items():
            yield f"    ; {name}: {value}\n"
        for account, yen in entry.lines:
            yield f"    {_hledger_name(account)}  {yen} JPY\n"


def _hledger_name(account: _Account) -> str:
    return f"{_ROOTS[account.kind]}:{account.book}:{account.name}"


def _beancount(accounts: _Accounts, first_day: date | None, entries: Iterator[_Entry]) -> Iterator[str]:
    yield 'option "operating_currency" "JPY"\n\n'
    for account in accounts.values():
        if first_day is not None:
            yield f"{first_day.isoformat()} open {_beancount_name(account)} JPY\n"
            yield f"  name: {_quoted(account.name)}\n  book: {_quoted(account.book_name)}\n"
    for entry in entries:
        yield f"\n{entry.happened_on.isoformat()} * {_quoted(entry.memo)}\n"
        for name, value in (_facts(entry) | {"reference": entry.reference}).items():
            yield f"  {name}: {_quoted(value)}\n"
        for account, yen in entry.lines:
            yield f"  {_beancount_name(account)}  {yen} JPY\n"


def _beancount_name(account: _Account) -> str:
    # Each part begins with a capital letter or a digit there, and Japanese script counts as neither.
    return f"{_ROOTS[account.kind]}:{account.book}:{CHART[account.code].name_en}"


def _csv(accounts: _Accounts, first_day: date | None, entries: Iterator[_Entry]) -> Iterator[str]:
    yield _csv_row(
        "number", "entry", "book", "book_name", "reference", "kind", "fiscal_year", "happened_on", "recorded_at",
        "line", "account", "account_name", "debit_yen", "credit_yen", "reverses", "memo",
    )  # fmt: skip
    for entry in entries:
        for line_no, (account, yen) in enumerate(entry.lines, 1):
            yield _csv_row(
                entry.number, entry.id, account.book, escape_formula(account.book_name), entry.reference, entry.kind,
                entry.fiscal_year, entry.happened_on.isoformat(), entry.recorded_at.isoformat(), line_no, account.code,
                account.name, yen if yen > 0 else "", -yen if yen < 0 else "", entry.reverses_id or "",
                escape_formula(entry.memo),
            )  # fmt: skip


def _csv_row(*cells: object) -> str:
    row = io.StringIO()
    csv.writer(row).writerow(cells)
    return row.getvalue()


def _facts(entry: _Entry) -> dict[str, str]:
    facts = {
        "entry": str(entry.id),
        "number": str(entry.number),
        "kind": entry.kind,
        "fiscal-year": str(entry.fiscal_year),
        "recorded": entry.recorded_at.isoformat(),
    }
    return facts | ({"reverses": str(entry.reverses_id)} if entry.reverses_id is not None else {})


def _quoted(words: str) -> str:
    return '"' + words.replace("\\", "\\\\").replace('"', '\\"') + '"'


_ROOTS: Final[dict[AccountKind, str]] = {
    AccountKind.ASSET: "Assets",
    AccountKind.LIABILITY: "Liabilities",
    AccountKind.EQUITY: "Equity",
    AccountKind.INCOME: "Income",
    AccountKind.EXPENSE: "Expenses",
}
_HLEDGER_TYPES: Final[dict[AccountKind, str]] = {
    AccountKind.ASSET: "A",
    AccountKind.LIABILITY: "L",
    AccountKind.EQUITY: "E",
    AccountKind.INCOME: "R",
    AccountKind.EXPENSE: "X",
}
_WRITERS: Final[dict[ExportFormat, Callable[[_Accounts, date | None, Iterator[_Entry]], Iterator[str]]]] = {
    ExportFormat.HLEDGER: _hledger,
    ExportFormat.BEANCOUNT: _beancount,
    ExportFormat.CSV: _csv,
}
