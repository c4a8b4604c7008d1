"""What a split means for the books: one entry for each book whose amount changed against the split posted last.

Pure. In a municipality's book: debit 未収負担金, credit 負担金 (調定). In the operator's: debit what each side bears
and what was deducted, credit 共同利用経費. A revision posts differences only; what was posted before stays.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from billing.ledger.chart import AccountCode
from billing.ledger.periods import EntryKind
from billing.ledger.posting import Posting, PostingLine
from billing.runs.preview import Preview
from billing.runs.states import run_name
from billing.runs.tables import AllocationRun


def postings(split: Preview, run: AllocationRun, happened_on: date) -> list[Posting]:
    """The entries of a run, the operator's first, then the members' by code. None for a book without a change."""
    year, name = split.fiscal_year, run_name(run.revision).ja
    entries = [
        (run.tenant_id, _operator_lines(split), f"{year.label} 共同利用経費の按分（{name}）"),
        *(
            (member.id, _member_lines(split, member.id), f"{year.label} 負担金の調定（{name}）")
            for member in split.members
        ),
    ]
    return [
        Posting(
            tenant_id=book,
            reference=reference_of(year.year, run.number),
            happened_on=happened_on,
            lines=lines,
            memo=memo,
            kind=EntryKind.ALLOCATION,
            fiscal_year=year.year,
        )
        for book, lines, memo in entries
        if lines
    ]


def reference_of(fiscal_year: int, run_number: int) -> str:
    """The reference of the entries that a run posts, one in each book."""
    return f"allocation:{fiscal_year}:{run_number}"


def _member_lines(split: Preview, member_id: UUID) -> tuple[PostingLine, ...]:
    difference = split.shares_yen[member_id] - split.previous_yen[member_id]
    return _drop_zero((AccountCode.RECEIVABLE, difference), (AccountCode.BURDEN, -difference))


def _operator_lines(split: Preview) -> tuple[PostingLine, ...]:
    posted = split.inputs.posted
    before = (
        (posted.operator_yen + posted.operator_residual_yen, posted.deductions_yen, posted.total_yen)
        if posted
        else (0, 0, 0)
    )
    return _drop_zero(
        (AccountCode.OPERATOR_BURDEN, split.operator_yen + split.operator_residual_yen - before[0]),
        (AccountCode.MUNICIPAL_BURDEN, sum(split.shares_yen.values()) - sum(split.previous_yen.values())),
        (AccountCode.DEDUCTION, split.deductions_yen - before[1]),
        (AccountCode.SHARED_COST, before[2] - split.total_yen),
    )


def _drop_zero(*lines: tuple[AccountCode, int]) -> tuple[PostingLine, ...]:
    return tuple(PostingLine(account, yen) for account, yen in lines if yen)
