"""Reads of the ledger, the tenant first. Each returns frozen models in whole yen, debit positive, credit negative."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, literal, select, text
from sqlalchemy.orm import Session
from sqlmodel import col

from billing.ledger.chart import AccountCode, AccountKind
from billing.ledger.periods import EntryKind, PeriodState
from billing.ledger.tables import LedgerPeriod
from governance.kernel.errors import not_found
from governance.kernel.keyset import KeysetPage, PageRequest
from governance.kernel.labels import Label
from governance.kernel.models import ReadModel
from governance.kernel.waiting import WaitingSelect, waiting_columns


class LineFacts(ReadModel):
    """A line of an entry: `yen` is positive for a debit and negative for a credit; `line_no` counts from 1."""

    line_no: int
    account: AccountCode
    account_name: str
    yen: int


class EntryFacts(ReadModel):
    """An entry (仕訳) with its lines in order.

    `number` is its place in the order of posting, unique in its book; `happened_on` the date it counts for,
    `recorded_at` the database's clock when it was added. `reverses_id` is the entry that this one reverses and
    `reversed_by` the one that reverses it, each None where there is none.
    """

    tenant_id: UUID
    id: UUID
    number: int
    reference: str
    kind: EntryKind
    fiscal_year: int
    happened_on: date
    recorded_at: datetime
    memo: str
    reverses_id: UUID | None
    reversed_by: UUID | None
    lines: tuple[LineFacts, ...]

    @property
    def total_yen(self) -> int:
        """The sum of its debits, in yen."""
        return sum(line.yen for line in self.lines if line.yen > 0)


class AccountBalance(ReadModel):
    """The sum of an account's lines in one fiscal year of one book (debit positive), and how many lines they are."""

    account: AccountCode
    account_name: str
    kind: AccountKind
    fiscal_year: int
    yen: int
    line_count: int


_ENTRY = """
    SELECT entry.tenant_id, entry.id, entry.number, entry.reference, entry.kind, entry.fiscal_year, entry.happened_on,
        entry.recorded_at, entry.memo, entry.reverses_id, undoing.id AS reversed_by
    FROM ledger_entry AS entry
    LEFT JOIN ledger_entry AS undoing ON undoing.tenant_id = entry.tenant_id AND undoing.reverses_id = entry.id
"""


def entries(
    session: Session,
    tenant_id: UUID,
    *,
    fiscal_year: int | None = None,
    limit: int = 50,
) -> list[EntryFacts]:
    """Entries of a book by descending number, at most `limit`; of one fiscal year where given."""
    return entries_page(session, tenant_id, PageRequest(limit), fiscal_year=fiscal_year).items


def entries_page(
    session: Session, tenant_id: UUID, part: PageRequest, *, fiscal_year: int | None = None
) -> KeysetPage[EntryFacts]:
    """A part of a book's entries by descending number, its key; of one fiscal year where given."""
    after = part.values(int)
    rows = session.execute(
        text(
            f"""
            {_ENTRY}
            WHERE entry.tenant_id = :tenant_id
                AND (CAST(:fiscal_year AS smallint) IS NULL OR entry.fiscal_year = :fiscal_year)
                AND (CAST(:before AS bigint) IS NULL OR entry.number < :before)
            ORDER BY entry.number DESC LIMIT :limit
            """
        ),
        {"tenant_id": tenant_id, "fiscal_year": fiscal_year, "before": after and after[0], "limit": part.fetch},
    ).all()
    return part.page(_with_lines(session, tenant_id, rows), lambda found: (found.number,))


def entry(session: Session, tenant_id: UUID, entry_id: UUID) -> EntryFacts:
    """One entry of the book. Raises NotFound, also for another tenant's."""
    rows = session.execute(
        text(f"{_ENTRY} WHERE entry.tenant_id = :tenant_id AND entry.id = :entry_id"),
        {"tenant_id": tenant_id, "entry_id": entry_id},
    ).all()
    if not rows:
        raise not_found(what=Label("仕訳", "entry"), given=entry_id, field="entry_id")
    return _with_lines(session, tenant_id, rows)[0]


def _with_lines(session: Session, tenant_id: UUID, rows: Sequence[Row[Any]]) -> list[EntryFacts]:
    lines: dict[UUID, list[LineFacts]] = {row.id: [] for row in rows}
    found = session.execute(
        text(
            """
            SELECT line.entry_id, line.line_no, account.code, account.name, line.yen
            FROM ledger_line AS line
            JOIN ledger_account AS account
                ON account.tenant_id = line.tenant_id AND account.id = line.account_id
            WHERE line.tenant_id = :tenant_id AND line.entry_id = ANY(CAST(:entry_ids AS uuid[]))
            ORDER BY line.entry_id, line.line_no
            """
        ),
        {"tenant_id": tenant_id, "entry_ids": list(lines)},
    )
    for line in found:
        lines[line.entry_id].append(
            LineFacts(line_no=line.line_no, account=line.code, account_name=line.name, yen=line.yen)
        )
    return [
        EntryFacts(
            tenant_id=row.tenant_id,
            id=row.id,
            number=row.number,
            reference=row.reference,
            kind=row.kind,
            fiscal_year=row.fiscal_year,
            happened_on=row.happened_on,
            recorded_at=row.recorded_at,
            memo=row.memo,
            reverses_id=row.reverses_id,
            reversed_by=row.reversed_by,
            lines=tuple(lines[row.id]),
        )
        for row in rows
    ]


def balances(session: Session, tenant_id: UUID, fiscal_year: int | None = None) -> list[AccountBalance]:
    """The trial balance (残高試算表) of a book, by fiscal year and account code; of one fiscal year where given."""
    rows = session.execute(
        text(
            """
            SELECT account.code AS account, account.name AS account_name, account.kind, balance.fiscal_year,
                balance.yen, balance.line_count
            FROM ledger_balance AS balance
            JOIN ledger_account AS account
                ON account.tenant_id = balance.tenant_id AND account.id = balance.account_id
            WHERE balance.tenant_id = :tenant_id
                AND (CAST(:fiscal_year AS smallint) IS NULL OR balance.fiscal_year = :fiscal_year)
            ORDER BY balance.fiscal_year, account.code
            """
        ),
        {"tenant_id": tenant_id, "fiscal_year": fiscal_year},
    )
    return [AccountBalance.model_validate(row) for row in rows]


class PeriodFacts(ReadModel):
    """A fiscal year of one book and whether it takes entries: open, closing (adjustments and reversals) or closed."""

    fiscal_year: int
    state: PeriodState


def periods(session: Session, tenant_id: UUID, fiscal_year: int | None = None) -> list[PeriodFacts]:
    """The fiscal years of a book, newest first; only `fiscal_year` where given. Its first posting opens a year."""
    found = session.execute(
        text(
            """
            SELECT fiscal_year, state FROM ledger_period
            WHERE tenant_id = :tenant_id AND (CAST(:fiscal_year AS smallint) IS NULL OR fiscal_year = :fiscal_year)
            ORDER BY fiscal_year DESC
            """
        ),
        {"tenant_id": tenant_id, "fiscal_year": fiscal_year},
    )
    return [PeriodFacts.model_validate(row) for row in found]


def years_to_close(today: date) -> WaitingSelect:
    """Columns of `governance.kernel.waiting`: the fiscal years with books not closed after 31 May (出納閉鎖,
    地方自治法235条の5), one a row. `facts` are the fiscal year and how many books it has that are not closed.
    """
    last = today.year - 1 if today > date(today.year, 5, 31) else today.year - 2
    facts = func.jsonb_build_object("fiscal_year", LedgerPeriod.fiscal_year, "books", func.count())
    return (
        select(*waiting_columns(literal(1), facts=facts))
        .where(col(LedgerPeriod.state) != PeriodState.CLOSED.value, col(LedgerPeriod.fiscal_year) <= last)
        .group_by(col(LedgerPeriod.fiscal_year))
    )


def account_totals(session: Session, fiscal_year: int) -> dict[AccountCode, int]:
    """Account → sum of its kept balances in a fiscal year (yen, debit positive), over every book the scope can see."""
    found = session.execute(
        text(
            """
            SELECT account.code, sum(balance.yen)::bigint AS yen
            FROM ledger_balance AS balance
            JOIN ledger_account AS account
                ON account.tenant_id = balance.tenant_id AND account.id = balance.account_id
            WHERE balance.fiscal_year = :fiscal_year
            GROUP BY account.code
            """
        ),
        {"fiscal_year": fiscal_year},
    )
    return {AccountCode(row.code): row.yen for row in found}


class BookTotals(ReadModel):
    """One book in one fiscal year: the sum of the accounts with a debit balance, the number of lines, the state."""

    tenant_id: UUID
    debit_yen: int
    line_count: int
    state: PeriodState


def books(session: Session, fiscal_year: int, part: PageRequest | None = None) -> KeysetPage[BookTotals]:
    """The books of the scope that have the fiscal year, by descending `debit_yen`, added up from kept balances."""
    part = part or PageRequest()
    debit_yen, tenant_id = part.values(int, UUID) or (None, None)
    found = session.execute(
        text(
            """
            SELECT * FROM (SELECT period.tenant_id, period.state,
                coalesce(sum(greatest(balance.yen, 0)), 0)::bigint AS debit_yen,
                coalesce(sum(balance.line_count), 0)::bigint AS line_count
            FROM ledger_period AS period
            LEFT JOIN ledger_balance AS balance
                ON balance.tenant_id = period.tenant_id AND balance.fiscal_year = period.fiscal_year
            WHERE period.fiscal_year = :fiscal_year
            GROUP BY period.tenant_id, period.state) AS book
            WHERE CAST(:debit_yen AS bigint) IS NULL OR debit_yen < :debit_yen
                OR (debit_yen = :debit_yen AND tenant_id > CAST(:tenant_id AS uuid))
            ORDER BY debit_yen DESC, tenant_id LIMIT :limit
            """
        ),
        {"fiscal_year": fiscal_year, "debit_yen": debit_yen, "tenant_id": tenant_id, "limit": part.fetch},
    )
    totals = [BookTotals.model_validate(row) for row in found]
    return part.page(totals, lambda book: (book.debit_yen, book.tenant_id))


def count_books(session: Session, fiscal_year: int) -> int:
    """How many books `books` has in all its parts."""
    counted: int = session.execute(
        text("SELECT count(*) FROM ledger_period WHERE fiscal_year = :fiscal_year"), {"fiscal_year": fiscal_year}
    ).scalar_one()
    return counted


def books_by_state(session: Session, fiscal_year: int) -> dict[PeriodState, int]:
    """How many books have the fiscal year in each state; none where no book has it."""
    found = session.execute(
        text("SELECT state, count(*) AS books FROM ledger_period WHERE fiscal_year = :year GROUP BY state"),
        {"year": fiscal_year},
    )
    return {PeriodState(row.state): row.books for row in found}


def years_of_books(session: Session) -> list[int]:
    """The fiscal years that any book of the scope has, newest first."""
    found = session.execute(text("SELECT DISTINCT fiscal_year FROM ledger_period ORDER BY fiscal_year DESC"))
    return [row.fiscal_year for row in found]
