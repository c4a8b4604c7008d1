"""Books to try things on: two municipalities, and commands in the words of the tests."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from billing.ledger import commands
from billing.ledger.chart import AccountCode
from billing.ledger.commands import (
    ChangePeriodState,
    EntryLine,
    EntryPosted,
    EntryReversed,
    PeriodStateChanged,
    PostEntry,
)
from billing.ledger.periods import PeriodState
from governance.kernel.ids import new_id
from tests.actors import Actors
from tests.second_person import directly

DAY = date(2025, 6, 1)

post_entry = directly(commands.post_entry, EntryPosted)
reverse_entry = directly(commands.reverse_entry, EntryReversed)
change_period_state = directly(commands.change_period_state, PeriodStateChanged)


def contribution(
    book: UUID,
    yen: int = 1_000,
    *,
    reference: str | None = None,
    happened_on: date = DAY,
    memo: str = "令和7年度 負担金",
) -> PostEntry:
    """Dr 未収負担金 / Cr 負担金."""
    return PostEntry(
        tenant_id=book,
        reference=reference or f"test:{new_id()}",
        happened_on=happened_on,
        lines=(
            EntryLine(account=AccountCode.RECEIVABLE, yen=yen),
            EntryLine(account=AccountCode.BURDEN, yen=-yen),
        ),
        memo=memo,
    )


def posted(actors: Actors, book: UUID, yen: int = 1_000, *, happened_on: date = DAY) -> EntryPosted:
    return post_entry(contribution(book, yen, happened_on=happened_on), actor=actors.finance)


def close(actors: Actors, book: UUID, fiscal_year: int = 2025) -> None:
    for to in (PeriodState.CLOSING, PeriodState.CLOSED):
        change_period_state(ChangePeriodState(tenant_id=book, fiscal_year=fiscal_year, to=to), actor=actors.finance)
