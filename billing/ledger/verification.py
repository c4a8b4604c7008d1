"""Verification of the books: entries, balances and reversals recomputed from the lines, and held against what else
says what must stand there: the runs with their shares, and the hashes in the audit log.

Whether the audit log itself is what was written, `governance.audit.verification` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from billing.ledger.entry_hash import ENTRY_FORM, entry_hash
from governance.audit.queries import events_with_fact
from governance.kernel.database import allow_long_statements
from governance.kernel.models import ReadModel


class Imbalance(ReadModel):
    """Something kept in a book that its lines contradict.

    `kind`: entry_sum (the lines of an entry do not add up to 0), entry_lines (more or fewer lines than the entry
    says), entry_date (a line has another date), line_without_entry, balance and balance_lines (the kept balance, or
    its number of lines, is not that of the lines), reversal (not the opposite of what it reverses).

    run (an account of a book does not hold what a posted run says, its reversals counted), entry_without_run.
    entry_changed (it is not what its audit event says), entry_missing (an audit event's entry is not there),
    entry_unrecorded (no audit event says it, although earlier ones are recorded).

    `subject` is the id of the entry, for a balance that of the account, for a run that of the run; `expected` and
    `found` are yen, or numbers of lines or entries.
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


# What a posted run adds to each account of each book, as `billing.runs.postings` says, against what its entries and
# their reversals add. A member's share is visible to the member; the run is the operator's.
_VERIFY_RUNS: Final = text(
    """
    WITH expected AS (
        SELECT tenant_id, fiscal_year, run_number, run_id, 'receivable' AS code, share_yen - previous_yen AS yen
        FROM allocation_share WHERE posted_at IS NOT NULL
        UNION ALL
        SELECT tenant_id, fiscal_year, run_number, run_id, 'burden', previous_yen - share_yen
        FROM allocation_share WHERE posted_at IS NOT NULL
        UNION ALL
        SELECT run.tenant_id, run.fiscal_year, run.number, run.id, part.code, part.yen
        FROM allocation_run AS run
        LEFT JOIN allocation_run AS before ON before.tenant_id = run.tenant_id AND before.id = run.revises_id
        CROSS JOIN LATERAL (
            SELECT sum(share_yen - previous_yen) AS yen FROM allocation_share AS share WHERE share.run_id = run.id
        ) AS shares
        CROSS JOIN LATERAL (
            VALUES
                ('operator_burden', run.operator_yen + run.operator_residual_yen
                    - coalesce(before.operator_yen + before.operator_residual_yen, 0)),
                ('municipal_burden', coalesce(shares.yen, 0)),
                ('deduction', run.deductions_yen - coalesce(before.deductions_yen, 0)),
                ('shared_cost', coalesce(before.total_yen, 0) - run.total_yen)
        ) AS part (code, yen)
        WHERE run.state = 'posted'
    ), booked AS (
        SELECT entry.tenant_id, split_part(entry.reference, ':', 2) AS fiscal_year,
            split_part(entry.reference, ':', 3) AS run_number, account.code, sum(line.yen) AS yen,
            min(entry.id::text)::uuid AS entry_id
        FROM ledger_entry AS entry
        JOIN ledger_entry AS counted
            ON counted.tenant_id = entry.tenant_id AND (counted.id = entry.id OR counted.reverses_id = entry.id)
        JOIN ledger_line AS line ON line.tenant_id = counted.tenant_id AND line.entry_id = counted.id
        JOIN ledger_account AS account ON account.tenant_id = line.tenant_id AND account.id = line.account_id
        WHERE entry.kind = 'allocation'
        GROUP BY 1, 2, 3, 4
    )
    SELECT CASE WHEN expected.run_id IS NULL THEN 'entry_without_run' ELSE 'run' END AS kind,
        coalesce(expected.tenant_id, booked.tenant_id) AS tenant_id, coalesce(run_id, entry_id) AS subject,
        expected.fiscal_year, coalesce(expected.yen, 0) AS expected, coalesce(booked.yen, 0) AS found
    FROM expected
    FULL JOIN booked ON booked.tenant_id = expected.tenant_id AND booked.code = expected.code
        AND booked.fiscal_year = expected.fiscal_year::text AND booked.run_number = expected.run_number::text
    WHERE coalesce(expected.yen, 0) <> coalesce(booked.yen, 0)
    ORDER BY 1, 2, 3, expected.code
    """
)

_ENTRIES: Final = text(
    """
    SELECT entry.*, lines.lines
    FROM ledger_entry AS entry
    CROSS JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_array(account.code, line.yen) ORDER BY line.line_no) AS lines
        FROM ledger_line AS line
        JOIN ledger_account AS account ON account.tenant_id = line.tenant_id AND account.id = line.account_id
        WHERE line.tenant_id = entry.tenant_id AND line.entry_id = entry.id
    ) AS lines
    ORDER BY entry.number
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
        for row in [*rows, *session.execute(_VERIFY_RUNS)]
        if row.kind != "counted"
    ) + tuple(_compare_with_audit_log(session))
    return LedgerVerificationReport(
        balanced=not imbalances,
        entries=next(int(row.found) for row in rows if row.kind == "counted"),
        imbalances=imbalances,
    )


def _compare_with_audit_log(session: Session) -> Iterator[Imbalance]:
    """Each entry against the hash in its audit event. Entries of versions that recorded none come before all others."""
    recorded: dict[tuple[UUID, str], tuple[str, str]] = {}
    for tenant_id, _, facts in events_with_fact(session, "entry_hash"):
        recorded[tenant_id, facts["entry_id"]] = (facts.get("entry_form", ""), facts["entry_hash"])
    if not recorded:
        return
    begun = False
    for row in session.execute(_ENTRIES, execution_options={"yield_per": 2_000}):
        said = recorded.pop((row.tenant_id, str(row.id)), None)
        begun |= said is not None
        if said == (ENTRY_FORM, _hash_of(row)) or (said is None and not begun):
            continue
        kind = "entry_unrecorded" if said is None else "entry_changed"
        yield Imbalance(
            kind=kind, tenant_id=row.tenant_id, subject=row.id, fiscal_year=row.fiscal_year, expected=1, found=0
        )
    for tenant_id, entry_id in recorded:
        yield Imbalance(
            kind="entry_missing", tenant_id=tenant_id, subject=UUID(entry_id), fiscal_year=None, expected=1, found=0
        )


def _hash_of(row: Row[Any]) -> str:
    return entry_hash(
        tenant_id=row.tenant_id,
        entry_id=row.id,
        number=row.number,
        reference=row.reference,
        request_hash=row.request_hash,
        kind=row.kind,
        fiscal_year=row.fiscal_year,
        happened_on=row.happened_on,
        recorded_at=row.recorded_at,
        reverses_id=row.reverses_id,
        memo=row.memo,
        lines=row.lines or (),
    )
