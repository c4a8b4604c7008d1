"""Proving the books: every entry, every balance and every reversal recomputed from the lines, under one snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Imbalance:
    """Something in a book that its lines do not bear out.

    `kind`: entry_sum (yen other than 0), entry_lines (more or fewer than it says), entry_date (a line of another
    date), line_without_entry, balance and balance_lines (what is kept is not what the lines give), reversal (not the
    opposite of what it reverses).
    """

    kind: str
    tenant_id: UUID
    subject: UUID
    fiscal_year: int | None
    expected: int
    found: int

    def as_json(self) -> dict[str, Any]:
        """What `moyai ledger verify` prints of it: `subject` is the entry's id, for a balance the account's."""
        return {
            "kind": self.kind,
            "tenant": str(self.tenant_id),
            "subject": str(self.subject),
            "fiscal_year": self.fiscal_year,
            "expected": self.expected,
            "found": self.found,
        }


@dataclass(frozen=True, slots=True)
class LedgerVerificationReport:
    """How many entries were checked and everything that does not hold."""

    entries: int
    imbalances: tuple[Imbalance, ...]

    @property
    def balanced(self) -> bool:
        return not self.imbalances

    def as_json(self) -> dict[str, Any]:
        """`{"balanced", "entries", "imbalances": []}`."""
        return {
            "balanced": self.balanced,
            "entries": self.entries,
            "imbalances": [imbalance.as_json() for imbalance in self.imbalances],
        }


# One statement, so that everything is read under one snapshot while postings go on.
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
    """Recompute everything the scope can see from the lines. Reads all of it: seconds for millions of lines."""
    # The application's statement timeout is for pages; a proof takes the time that the books are long.
    session.execute(text("SET LOCAL statement_timeout = 0"))
    rows = session.execute(_VERIFY).all()
    return LedgerVerificationReport(
        entries=next(int(row.found) for row in rows if row.kind == "counted"),
        imbalances=tuple(
            Imbalance(row.kind, row.tenant_id, row.subject, row.fiscal_year, int(row.expected), int(row.found))
            for row in rows
            if row.kind != "counted"
        ),
    )
