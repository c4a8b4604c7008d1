"""The write door of the books. Allocation runs post through `posting.post` inside their own command."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import text
from sqlmodel import select

from billing.ledger.chart import AccountCode
from billing.ledger.periods import EntryKind, PeriodState, move
from billing.ledger.posting import ALREADY_REVERSED, LINES_AT_MOST, Line, Posting, open_year, post
from billing.ledger.tables import LedgerAccount, LedgerEntry, LedgerLine, LedgerPeriod
from governance.commands import Order, Outcome, Work, command
from governance.events import Event
from governance.kernel.errors import NOT_FOUND, Conflict, Invalid, NotFound, reason
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.yen import YEN_BOUND
from governance.permissions import Permission

REVERSAL_OF_REVERSAL = reason(
    "ledger.reversal_of_reversal",
    ja="取消仕訳を取り消すことはできません。正しい内容で新しく記帳してください。",
    en="A reversal is not reversed; post the right entry anew.",
)
REVERSAL_BEFORE_ENTRY = reason(
    "ledger.reversal_before_entry",
    ja="取消日は、取り消す仕訳の日付 {happened_on} 以後にしてください。",
    en="A reversal cannot happen before {happened_on}, the date of what it reverses.",
)
Reference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9:._/-]{0,119}$")]
"""An entry's own name in its book, chosen before the first attempt."""

Memo = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f\u2028\u2029]*$")]
"""One line of words for people."""


class EntryLine(BaseModel):
    """A debit (positive) or a credit (negative)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    account: AccountCode
    yen: Annotated[int, Field(ge=-YEN_BOUND, le=YEN_BOUND)]


class PostEntry(Order):
    """An entry into the book of `tenant_id`. `adjustment` is what a year that is closing still takes."""

    tenant_id: UUID
    reference: Reference
    happened_on: date
    lines: Annotated[tuple[EntryLine, ...], Field(min_length=2, max_length=LINES_AT_MOST)]
    memo: Memo = ""
    kind: Literal["ordinary", "adjustment"] = "ordinary"
    fiscal_year: int | None = None


class EntryPosted(Outcome):
    entry_id: UUID
    reference: str
    fiscal_year: int


@command(Permission.LEDGER_POST, Event.LEDGER_POSTED)
def post_entry(work: Work, order: PostEntry) -> EntryPosted:
    """Post one entry. The same reference with the same content answers the entry that is there."""
    [posted] = post(
        work,
        [
            Posting(
                tenant_id=order.tenant_id,
                reference=order.reference,
                happened_on=order.happened_on,
                lines=tuple(Line(line.account, line.yen) for line in order.lines),
                memo=order.memo,
                kind=EntryKind(order.kind),
                fiscal_year=order.fiscal_year,
            )
        ],
    )
    if posted.repeated:
        work.unchanged()
    else:
        work.record(subject=posted.entry_id, tenant_id=order.tenant_id, reference=order.reference)
    return EntryPosted(entry_id=posted.entry_id, reference=posted.reference, fiscal_year=posted.fiscal_year)


class ReverseEntry(Order):
    """The opposite of an entry, on a date of its own in a year that takes it. `why` is for people."""

    tenant_id: UUID
    entry_id: UUID
    happened_on: date
    why: Annotated[Memo, Field(min_length=1)]


class EntryReversed(Outcome):
    entry_id: UUID
    reverses_id: UUID


@command(Permission.LEDGER_REVERSE, Event.LEDGER_REVERSED)
def reverse_entry(work: Work, order: ReverseEntry) -> EntryReversed:
    """Post the opposite of an entry, once.

    Raises NotFound, Conflict (reversed already, or itself a reversal), Closed and Invalid (a date before the entry's).
    """
    entry = work.session.get(LedgerEntry, (order.tenant_id, order.entry_id))
    if entry is None:
        raise NotFound(NOT_FOUND, field="entry_id", what="仕訳 / entry", given=str(order.entry_id))
    if entry.reverses_id is not None:
        raise Conflict(REVERSAL_OF_REVERSAL, field="entry_id")
    if order.happened_on < entry.happened_on:
        raise Invalid(REVERSAL_BEFORE_ENTRY, field="happened_on", happened_on=entry.happened_on.isoformat())
    [posted] = post(
        work,
        [
            Posting(
                tenant_id=order.tenant_id,
                # An order's own reference cannot begin like this, so nobody takes it beforehand.
                reference=f"_reversal:{order.entry_id}",
                happened_on=order.happened_on,
                lines=_opposite_lines(work, entry),
                memo=order.why,
                kind=EntryKind.REVERSAL,
                reverses_id=order.entry_id,
            )
        ],
    )
    if posted.repeated:
        raise Conflict(ALREADY_REVERSED, field="entry_id")
    work.record(subject=posted.entry_id, tenant_id=order.tenant_id, reverses=str(order.entry_id))
    return EntryReversed(entry_id=posted.entry_id, reverses_id=order.entry_id)


def _opposite_lines(work: Work, entry: LedgerEntry) -> tuple[Line, ...]:
    rows = work.session.execute(
        select(LedgerAccount.code, LedgerLine.yen)
        .join(
            LedgerAccount,
            (LedgerAccount.tenant_id == LedgerLine.tenant_id) & (LedgerAccount.id == LedgerLine.account_id),  # type: ignore[arg-type]
        )
        .where(LedgerLine.tenant_id == entry.tenant_id, LedgerLine.entry_id == entry.id)
        .order_by(LedgerLine.line_no)  # type: ignore[arg-type]
    )
    return tuple(Line(AccountCode(code), -yen) for code, yen in rows)


class MovePeriod(Order):
    """The next state of a fiscal year in one book. A year that is not there yet is opened by `to` = open."""

    tenant_id: UUID
    fiscal_year: int
    to: PeriodState


class PeriodMoved(Outcome):
    fiscal_year: int
    state: PeriodState


@command(Permission.PERIOD_MOVE, Event.PERIOD_MOVED)
def move_period(work: Work, order: MovePeriod) -> PeriodMoved:
    """Move a fiscal year `open ⇄ closing → closed`, after every posting in flight.

    Raises Conflict (no such move), Closed (a later year is closed already) and NotFound (nothing to close).
    """
    year = FiscalYear(order.fiscal_year).year
    # Alone in this book from here on: postings hold the same lock shared until they end.
    work.session.execute(text("SELECT pg_advisory_xact_lock(ledger_lock(:tenant_id))"), {"tenant_id": order.tenant_id})
    period = work.session.get(LedgerPeriod, (order.tenant_id, year), populate_existing=True)
    if period is None:
        if order.to is not PeriodState.OPEN:
            raise NotFound(NOT_FOUND, field="fiscal_year", what="会計年度 / fiscal year", given=str(year))
        open_year(work, order.tenant_id, year)
        before = "none"
    else:
        before = period.state
        period.state = move(PeriodState(period.state), order.to).value
        period.moved_at = work.now
    work.record(
        subject=f"{order.tenant_id}/{year}",
        tenant_id=order.tenant_id,
        fiscal_year=year,
        from_state=before,
        to_state=order.to.value,
    )
    return PeriodMoved(fiscal_year=year, state=order.to)
