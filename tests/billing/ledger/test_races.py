"""Many at once: threads with application contexts of their own, on one PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text

from billing.ledger import queries
from billing.ledger.commands import ChangePeriodState, PostEntry, ReverseEntry
from billing.ledger.periods import PeriodState
from billing.ledger.verification import verify
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Closed, Conflict
from tests.actors import Actors
from tests.billing.ledger.books import DAY, change_period_state, close, contribution, post_entry, posted, reverse_entry


def at_once(app: Flask, calls: Sequence[Callable[[], object]], threads: int = 16) -> list[object]:
    """What each call answered or refused, made by `threads` at a time."""

    def do(call: Callable[[], object]) -> object:
        with app.app_context():
            try:
                return call()
            except (Conflict, Closed) as refusal:
                return refusal
            finally:
                db.session.remove()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(do, calls))


def proof_of_the_books() -> int:
    with tenant_scope(OPERATOR):
        report = verify(db.session())
    assert report.imbalances == ()
    return report.entries


@pytest.mark.slow
def test_500_postings_at_once_with_50_repeated_keys_book_every_key_once(
    database: Flask, book: UUID, other_book: UUID, actors: Actors
) -> None:
    commands = [
        contribution((book, other_book)[number % 2], number + 1, reference=f"slip-{number}") for number in range(450)
    ]
    repeated = [*commands, *commands[:50]]

    def posting(command: PostEntry) -> Callable[[], object]:
        return lambda: post_entry(command, actor=actors.finance, key=command.reference)

    answers = at_once(database, [posting(command) for command in repeated])

    assert answers[450:] == answers[:50]
    assert len({getattr(answer, "entry_id", None) for answer in answers}) == 450
    assert proof_of_the_books() == 450
    with tenant_scope(OPERATOR):
        total = db.session.execute(text("SELECT sum(yen), count(*) FROM ledger_line")).one()
        keys = db.session.execute(text("SELECT count(*) FROM idempotency_key WHERE answer IS NOT NULL")).scalar_one()
    assert tuple(total) == (0, 900)
    assert keys == 450


def test_16_postings_of_one_reference_without_a_key_book_one(database: Flask, book: UUID, actors: Actors) -> None:
    command = contribution(book, reference="slip-1")

    answers = at_once(database, [lambda: post_entry(command, actor=actors.finance)] * 16)

    assert len({getattr(answer, "entry_id", None) for answer in answers}) == 1
    assert proof_of_the_books() == 1


def test_16_reversals_at_once_book_one(database: Flask, book: UUID, actors: Actors) -> None:
    entry = posted(actors, book)
    command = ReverseEntry(tenant_id=book, entry_id=entry.entry_id, happened_on=DAY, reason="誤り")

    answers = at_once(database, [lambda: reverse_entry(command, actor=actors.finance)] * 16)

    assert sum(isinstance(answer, Conflict) for answer in answers) == 15
    assert proof_of_the_books() == 2
    with tenant_scope(OPERATOR):
        assert [balance.yen for balance in queries.balances(db.session(), book)] == [0, 0]


def test_opposite_transfers_wait_for_each_other_and_end_at_nothing(database: Flask, book: UUID, actors: Actors) -> None:
    posted(actors, book)

    def transfer(yen: int) -> Callable[[], object]:
        return lambda: post_entry(contribution(book, yen), actor=actors.finance)

    answers = at_once(database, [transfer(yen) for _ in range(50) for yen in (7, -7)], threads=4)

    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert proof_of_the_books() == 101
    with tenant_scope(OPERATOR):
        assert sorted(balance.yen for balance in queries.balances(db.session(), book)) == [-1_000, 1_000]


def test_what_is_posted_while_the_year_closes_is_in_it_or_refused(database: Flask, book: UUID, actors: Actors) -> None:
    posted(actors, book)
    change_period_state(
        ChangePeriodState(tenant_id=book, fiscal_year=2025, to=PeriodState.CLOSING), actor=actors.finance
    )
    change_period_state(ChangePeriodState(tenant_id=book, fiscal_year=2025, to=PeriodState.OPEN), actor=actors.finance)

    def entries_when_closed() -> object:
        close(actors, book)
        with tenant_scope(OPERATOR):
            return db.session.execute(text("SELECT count(*) FROM ledger_entry")).scalar_one()

    calls: list[Callable[[], object]] = [lambda: post_entry(contribution(book), actor=actors.finance)] * 60
    answers = at_once(database, [*calls[:20], entries_when_closed, *calls[20:]])

    assert answers[20] == proof_of_the_books()
    assert sum(isinstance(answer, Closed) for answer in answers) > 0
    with tenant_scope(OPERATOR):
        [period] = queries.periods(db.session(), book, 2025)
        assert period.state is PeriodState.CLOSED
