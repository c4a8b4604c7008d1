"""Verification of the books: entries, balances and reversals are recomputed from the lines, in one statement."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from governance.kernel.database import allow_long_statements
from governance.kernel.models import ReadModel


class Imbalance(ReadModel):
    """Something kept in a book that its lines contradict.

    `kind`: entry_sum (the lines of an entry do not add up to 0), entry_lines (more or fewer lines than the entry
    says), entry_date (a line has another date), line_without_entry, balance and balance_lines (the kept balance, or
    its number of lines, is not that of the lines), reversal (not the opposite of what it reverses). `subject` is the
    id of the entry, for a balance that of the account; `expected` and `found` are yen, or numbers of lines.
    """

    kind: str
    tenant_id: UUID
    subject: UUID
    fiscal_year: int | None
    expected: int
    found: int


class LedgerVerificationReport(ReadModel):
    """How many entries were checked, and every imbalance found. `balanced` is True where there is none."""

    balanced: bool
    entries: int
    imbalances: tuple[Imbalance, ...]


_VERIFY: Final = text(
    """
    WITH by_entry AS (
        SELECT tenant_id, entry_id, sum(yen) AS yen, count(*) AS lines,
            min(happened_on) AS first_day, max(happened_on) AS last_day
        FROM ledger_line
        GROUP BY tenant_id, entry_id
    ), checked AS (
        SELECT coalesce(entry.tenant_id, by_entry.tenant_id) AS tenant_id, coalesce(entry.id, entry_id) AS id,
            entry.id IS NOT NULL AS is_there, fiscal_year, line_count, coalesce(yen, 0) AS yen,
            coalesce(lines, 0) AS lines, (first_day = happened_on AND last_day = happened_on) IS NOT FALSE AS same_day
        FROM ledger_entry AS entry
        FULL JOIN by_entry ON by_entry.tenant_id = entry.tenant_id AND by_entry.entry_id = entry.id
    ), summed AS (
        SELECT line.tenant_id, line.account_id, entry.fiscal_year, sum(line.yen) AS yen, count(*) AS lines
        FROM ledger_line AS line
        JOIN ledger_entry AS entry ON entry.tenant_id = line.tenant_id AND entry.id = line.entry_id
        GROUP BY line.tenant_id, line.account_id, entry.fiscal_year
    ), kept AS (
        SELECT coalesce(summed.tenant_id, balance.tenant_id) AS tenant_id,
            coalesce(summed.account_id, balance.account_id) AS id,
            coalesce(summed.fiscal_year, balance.fiscal_year) AS fiscal_year,
            coalesce(summed.yen, 0) AS expected, coalesce(balance.yen, 0) AS found,
            coalesce(summed.lines, 0) AS expected_lines, coalesce(balance.line_count, 0) AS found_lines
        FROM summed
        FULL JOIN ledger_balance AS balance
            ON balance.tenant_id = summed.tenant_id AND balance.account_id = summed.account_id
            AND balance.fiscal_year = summed.fiscal_year
    ), undone AS (
        SELECT reversal.tenant_id, reversal.id, reversal.fiscal_year, sum(line.yen) AS yen
        FROM ledger_entry AS reversal
        JOIN ledger_line AS line
            ON line.tenant_id = reversal.tenant_id AND line.entry_id IN (reversal.id, reversal.reverses_id)
        WHERE reversal.reverses_id IS NOT NULL
        GROUP BY reversal.tenant_id, reversal.id, reversal.fiscal_year, line.account_id
        HAVING sum(line.yen) <> 0
    )
    SELECT 'entry_sum' AS kind, tenant_id, id AS subject, fiscal_year, 0 AS expected, yen AS found
        FROM checked WHERE is_there AND yen <> 0
    UNION ALL SELECT 'entry_lines', tenant_id, id, fiscal_year, line_count, lines
        FROM checked WHERE is_there AND lines <> line_count
    UNION ALL SELECT 'entry_date', tenant_id, id, fiscal_year, 1, 0 FROM checked WHERE NOT same_day
    UNION ALL SELECT 'line_without_entry', tenant_id, id, NULL, 0, lines FROM checked WHERE NOT is_there
    UNION ALL SELECT 'balance', tenant_id, id, fiscal_year, expected, found FROM kept WHERE expected <> found
    UNION ALL SELECT 'balance_lines', tenant_id, id, fiscal_year, expected_lines, found_lines
        FROM kept WHERE expected_lines <> found_lines
    UNION ALL SELECT 'reversal', tenant_id, id, fiscal_year, 0, yen FROM undone
    UNION ALL SELECT 'counted', NULL, NULL, NULL, 0, count(*) FROM ledger_entry
    ORDER BY 1, 2, 3, 4
    """
)


def verify(session: Session) -> LedgerVerificationReport:
    """Check every book the scope can see. Reads every line: seconds for millions of them. Changes nothing."""
    # The application's statement timeout is meant for pages; verification takes as long as the books are.
    allow_long_statements(session)
    rows = session.execute(_VERIFY).all()
    imbalances = tuple(
        Imbalance(
            kind=row.kind,
            tenant_id=row.tenant_id,
            subject=row.subject,
            fiscal_year=row.fiscal_year,
            expected=int(row.expected),
            found=int(row.found),
        )
        for row in rows
        if row.kind != "counted"
    )
    return LedgerVerificationReport(
        balanced=not imbalances,
        entries=next(int(row.found) for row in rows if row.kind == "counted"),
        imbalances=imbalances,
    )
