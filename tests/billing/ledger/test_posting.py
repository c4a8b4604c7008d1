"""Posting, reversing and closing through the public commands."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from billing.ledger import queries
from billing.ledger.chart import AccountCode
from billing.ledger.commands import ChangePeriodState, EntryLine, PostEntry, ReverseEntry
from billing.ledger.periods import ACCEPTED_WHILE_CLOSING, EntryKind, PeriodState, accepts
from billing.ledger.posting import Posting, PostingLine, post
from billing.ledger.verification import verify
from governance.audit.queries import events
from governance.commands import Command, CommandContext, Result, handles
from governance.events import Event
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Closed, Conflict, IdempotencyKeyReused, Invalid, NotAllowed, NotFound
from governance.kernel.ids import new_id
from governance.permissions import Permission, Role
from tests.actors import Actors
from tests.billing.ledger.books import DAY, change_period_state, close, contribution, post_entry, posted, reverse_entry


def entries_of(book: UUID) -> list[queries.EntryFacts]:
    with tenant_scope(OPERATOR):
        return queries.entries(db.session(), book)


def balances_of(book: UUID) -> dict[AccountCode, int]:
    with tenant_scope(OPERATOR):
        return {balance.account: balance.yen for balance in queries.balances(db.session(), book, 2025)}


def test_posting_adds_entry_lines_and_balances_and_is_on_record(book: UUID, actors: Actors) -> None:
    first = post_entry(contribution(book, 5_907_051), actor=actors.finance)

    [entry] = entries_of(book)
    assert (entry.id, entry.fiscal_year, entry.total_yen) == (first.entry_id, 2025, 5_907_051)
    assert [(line.account_name, line.yen) for line in entry.lines] == [
        ("未収負担金", 5_907_051),
        ("負担金", -5_907_051),
    ]
    assert balances_of(book) == {AccountCode.RECEIVABLE: 5_907_051, AccountCode.BURDEN: -5_907_051}
    with tenant_scope(OPERATOR):
        [event] = events(db.session(), subject=str(first.entry_id))
    assert (event.event, event.tenant_id) == ("ledger.posted", book)


@pytest.mark.parametrize(
    "memo", ['a "quoted" word', 'back\\slash \\\\ and \\"', "{NULL,1}", "NULL", "", "負担金、令和７年度", "'; --"]
)
def test_the_words_of_an_entry_are_kept_as_they_were_written(book: UUID, actors: Actors, memo: str) -> None:
    post_entry(contribution(book, 1_000, memo=memo), actor=actors.finance)

    [entry] = entries_of(book)
    assert entry.memo == memo


def test_the_same_reference_and_content_is_the_same_entry_also_after_the_close(book: UUID, actors: Actors) -> None:
    command = contribution(book, reference="slip-1")
    first = post_entry(command, actor=actors.finance)
    close(actors, book)

    assert post_entry(command, actor=actors.finance) == first
    assert len(entries_of(book)) == 1


def test_the_same_reference_with_other_content_is_refused(book: UUID, actors: Actors) -> None:
    post_entry(contribution(book, 1_000, reference="slip-1"), actor=actors.finance)

    with pytest.raises(IdempotencyKeyReused):
        post_entry(contribution(book, 1_001, reference="slip-1"), actor=actors.finance)
    assert balances_of(book)[AccountCode.RECEIVABLE] == 1_000


def test_the_same_reference_in_another_book_is_another_entry(book: UUID, other_book: UUID, actors: Actors) -> None:
    post_entry(contribution(book, reference="slip-1"), actor=actors.finance)
    post_entry(contribution(other_book, 7, reference="slip-1"), actor=actors.finance)

    assert balances_of(other_book)[AccountCode.RECEIVABLE] == 7


@pytest.mark.parametrize(
    "change",
    [
        {"lines": ()},
        {"lines": ({"account": AccountCode.RECEIVABLE, "yen": 1},)},
        {"lines": ({"account": AccountCode.RECEIVABLE, "yen": "5"}, {"account": AccountCode.BURDEN, "yen": -5})},
        {"lines": ({"account": AccountCode.RECEIVABLE, "yen": True}, {"account": AccountCode.BURDEN, "yen": -1})},
        {
            "lines": (
                {"account": AccountCode.RECEIVABLE, "yen": 2**63},
                {"account": AccountCode.BURDEN, "yen": -(2**63)},
            )
        },
        {"lines": ({"account": "bank", "yen": 1}, {"account": AccountCode.BURDEN, "yen": -1})},
        {"reference": ""},
        {"reference": "１２３"},
        {"memo": "two\nlines"},
        {"kind": "reversal"},
        {"happened_on": "2025-06-01"},
    ],
)
def test_an_order_that_is_none_is_not_made(change: dict[str, Any]) -> None:
    given_fields = contribution(new_id()).model_dump() | change
    with pytest.raises(ValidationError):
        PostEntry(**given_fields)


@pytest.mark.parametrize("yens", [(5, -4), (0, 0), (1, 1)])
def test_what_does_not_balance_is_refused(yens: tuple[int, int], book: UUID, actors: Actors) -> None:
    lines = tuple(EntryLine(account=AccountCode.RECEIVABLE, yen=yen) for yen in yens)

    with pytest.raises(Invalid):
        post_entry(contribution(book).model_copy(update={"lines": lines}), actor=actors.finance)
    assert entries_of(book) == []


@pytest.mark.parametrize(
    ("day", "fiscal_year", "year"),
    [
        (date(2025, 4, 1), None, 2025),
        (date(2026, 3, 31), None, 2025),
        (date(2026, 4, 1), None, 2026),
        (date(2026, 5, 31), 2025, 2025),
    ],
)
def test_the_date_gives_the_fiscal_year_and_the_closing_period_belongs_to_both(
    day: date, fiscal_year: int | None, year: int, book: UUID, actors: Actors
) -> None:
    command = contribution(book, happened_on=day).model_copy(update={"fiscal_year": fiscal_year})

    assert post_entry(command, actor=actors.finance).fiscal_year == year


@pytest.mark.parametrize("day", [date(2026, 6, 1), date(2025, 3, 31)])
def test_a_date_outside_the_year_that_was_named_is_refused(day: date, book: UUID, actors: Actors) -> None:
    with pytest.raises(Invalid) as refusal:
        post_entry(contribution(book, happened_on=day).model_copy(update={"fiscal_year": 2025}), actor=actors.finance)
    assert refusal.value.field == "fiscal_year"


def test_a_book_of_nobody_is_not_found(actors: Actors) -> None:
    with pytest.raises(NotFound):
        post_entry(contribution(new_id()), actor=actors.finance)


def test_a_municipality_posts_nothing(book: UUID, actors: Actors) -> None:
    clerk = actors.municipal(book, Role.TENANT_OWNER, Role.TENANT_FINANCE)
    entry = posted(actors, book)

    with pytest.raises(NotAllowed):
        post_entry(contribution(book), actor=clerk)
    with pytest.raises(NotAllowed):
        reverse_entry(
            ReverseEntry(tenant_id=book, entry_id=entry.entry_id, happened_on=DAY, reason="誤り"), actor=clerk
        )
    with pytest.raises(NotAllowed):
        change_period_state(ChangePeriodState(tenant_id=book, fiscal_year=2025, to=PeriodState.CLOSING), actor=clerk)


def test_a_municipality_sees_its_own_book_alone(book: UUID, other_book: UUID, actors: Actors) -> None:
    foreign = posted(actors, other_book)
    posted(actors, book)

    with tenant_scope(book):
        assert len(queries.entries(db.session(), book)) == 1
        assert queries.entries(db.session(), other_book) == []
        assert queries.balances(db.session(), other_book) == []
        with pytest.raises(NotFound):
            queries.entry(db.session(), other_book, foreign.entry_id)


def test_a_reversal_names_what_it_undoes_and_is_made_once(book: UUID, actors: Actors) -> None:
    entry = posted(actors, book)
    command = ReverseEntry(tenant_id=book, entry_id=entry.entry_id, happened_on=DAY, reason="金額の誤り")

    reversal = reverse_entry(command, actor=actors.finance)

    assert balances_of(book) == {AccountCode.RECEIVABLE: 0, AccountCode.BURDEN: 0}
    with tenant_scope(OPERATOR):
        undone = queries.entry(db.session(), book, entry.entry_id)
    assert undone.reversed_by == reversal.entry_id
    with pytest.raises(Conflict):
        reverse_entry(command, actor=actors.finance)
    with pytest.raises(Conflict):
        reverse_entry(command.model_copy(update={"reason": "もう一度"}), actor=actors.finance)
    assert len(entries_of(book)) == 2


def test_what_cannot_be_reversed(book: UUID, other_book: UUID, actors: Actors) -> None:
    entry = posted(actors, book)
    command = ReverseEntry(tenant_id=book, entry_id=entry.entry_id, happened_on=DAY, reason="誤り")

    with pytest.raises(Invalid):
        reverse_entry(command.model_copy(update={"happened_on": date(2025, 5, 31)}), actor=actors.finance)
    with pytest.raises(NotFound):
        reverse_entry(command.model_copy(update={"tenant_id": other_book}), actor=actors.finance)
    reversal = reverse_entry(command, actor=actors.finance)
    with pytest.raises(Conflict):
        reverse_entry(command.model_copy(update={"entry_id": reversal.entry_id}), actor=actors.finance)
    assert len(entries_of(book)) == 2


def test_a_closed_year_accepts_nothing_and_its_correction_belongs_to_an_open_one(book: UUID, actors: Actors) -> None:
    entry = posted(actors, book)
    close(actors, book)
    command = ReverseEntry(tenant_id=book, entry_id=entry.entry_id, happened_on=DAY, reason="誤り")

    with pytest.raises(Closed):
        post_entry(contribution(book), actor=actors.finance)
    with pytest.raises(Closed):
        reverse_entry(command, actor=actors.finance)
    reverse_entry(command.model_copy(update={"happened_on": date(2026, 4, 1)}), actor=actors.finance)

    assert [entry.fiscal_year for entry in entries_of(book)] == [2026, 2025]
    assert balances_of(book)[AccountCode.RECEIVABLE] == 1_000


def test_a_year_that_is_closing_takes_adjustments_and_reversals_only(book: UUID, actors: Actors) -> None:
    entry = posted(actors, book)
    change_period_state(
        ChangePeriodState(tenant_id=book, fiscal_year=2025, to=PeriodState.CLOSING), actor=actors.finance
    )

    with pytest.raises(Closed):
        post_entry(contribution(book), actor=actors.finance)
    post_entry(contribution(book, 7).model_copy(update={"kind": "adjustment"}), actor=actors.finance)
    reverse_entry(
        ReverseEntry(tenant_id=book, entry_id=entry.entry_id, happened_on=DAY, reason="誤り"), actor=actors.finance
    )
    assert balances_of(book)[AccountCode.RECEIVABLE] == 7
    assert {kind for kind in EntryKind if accepts(PeriodState.CLOSING, kind)} == ACCEPTED_WHILE_CLOSING


def test_a_year_moves_forward_and_closed_is_the_end(book: UUID, actors: Actors) -> None:
    def to(state: PeriodState, fiscal_year: int = 2025) -> None:
        change_period_state(ChangePeriodState(tenant_id=book, fiscal_year=fiscal_year, to=state), actor=actors.finance)

    with pytest.raises(NotFound):
        to(PeriodState.CLOSING)
    to(PeriodState.OPEN)
    with pytest.raises(Conflict):
        to(PeriodState.CLOSED)
    to(PeriodState.CLOSING)
    to(PeriodState.OPEN)
    to(PeriodState.CLOSING)
    to(PeriodState.CLOSED)
    for state in PeriodState:
        with pytest.raises(Conflict):
            to(state)
    with pytest.raises(Closed):
        to(PeriodState.OPEN, 2024)
    with pytest.raises(Closed):
        posted(actors, book, happened_on=date(2024, 6, 1))
    with tenant_scope(OPERATOR):
        assert [(one.fiscal_year, one.state) for one in queries.periods(db.session(), book)] == [
            (2025, PeriodState.CLOSED)
        ]


class PostTestRun(Command):
    postings: tuple[tuple[UUID, str, int], ...]


class RunOfTestPosted(Result):
    entries: int
    repeated: int


@handles(Permission.LEDGER_POST, Event.LEDGER_POSTED)
def post_test_run(ctx: CommandContext, command: PostTestRun) -> RunOfTestPosted:
    """A run of burdens over several books, posted in one call."""
    done = post(
        ctx,
        [
            Posting(
                book, reference, DAY, (PostingLine(AccountCode.RECEIVABLE, yen), PostingLine(AccountCode.BURDEN, -yen))
            )
            for book, reference, yen in command.postings
        ],
    )
    ctx.audit(subject="run", entries=len(done))
    return RunOfTestPosted(entries=len(done), repeated=sum(each.repeated for each in done))


# The list of commands of the codebase stays as it is.


def test_a_run_posts_into_many_books_at_once_and_repeats_what_is_there(
    book: UUID, other_book: UUID, actors: Actors
) -> None:
    run = tuple((each, f"run:{number}", number + 1) for number in range(500) for each in (book, other_book))

    assert post_test_run(PostTestRun(postings=run), actor=actors.finance).repeated == 0
    longer = (*run, (book, "run:late", 9))
    assert post_test_run(PostTestRun(postings=longer), actor=actors.finance).repeated == 1_000

    assert balances_of(other_book)[AccountCode.RECEIVABLE] == 125_250
    assert balances_of(book)[AccountCode.RECEIVABLE] == 125_259


def test_one_wrong_entry_stops_the_whole_run(book: UUID, other_book: UUID, actors: Actors) -> None:
    posted(actors, other_book)
    close(actors, other_book)

    with pytest.raises(Closed):
        post_test_run(PostTestRun(postings=((book, "a", 1), (other_book, "a", 1))), actor=actors.finance)
    with pytest.raises(IdempotencyKeyReused):
        post_test_run(PostTestRun(postings=((book, "a", 1), (book, "a", 1))), actor=actors.finance)
    assert entries_of(book) == []


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from(list(AccountCode)), st.integers(-(10**12), 10**12).filter(bool)),
            min_size=1,
            max_size=6,
        ).filter(lambda lines: sum(yen for _, yen in lines) != 0),
        min_size=1,
        max_size=5,
    )
)
def test_every_balance_is_the_sum_of_its_lines_whatever_is_posted(
    book: UUID, actors: Actors, drafts: list[list[tuple[AccountCode, int]]]
) -> None:
    for draft in drafts:
        lines = [*draft, (AccountCode.SHARED_COST, -sum(yen for _, yen in draft))]
        command = contribution(book).model_copy(
            update={"lines": tuple(EntryLine(account=account, yen=yen) for account, yen in lines)}
        )
        post_entry(command, actor=actors.finance)

    with tenant_scope(OPERATOR):
        assert verify(db.session()).balanced
    assert sum(balances_of(book).values()) == 0
