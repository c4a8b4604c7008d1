"""A fiscal year moves in all books at once, by two people, or in none."""

from __future__ import annotations

import pytest

from billing.ledger.commands import ChangePeriodState, ChangeYearState, YearStateChanged, change_year_state
from billing.ledger.periods import PeriodState
from billing.ledger.queries import books_by_state
from governance.commands import ApprovalRequested
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, NotAllowed, NotFound
from tests.billing.ledger.books import change_period_state
from tests.factories import THIRTEEN, Factory
from tests.second_person import approved

BOOKS = len(THIRTEEN) + 1
"""Those of the members, and the prefecture's."""


def move(factory: Factory, to: PeriodState, fiscal_year: int = 2025) -> YearStateChanged:
    command = ChangeYearState(fiscal_year=fiscal_year, to=to)
    return approved(
        change_year_state, command, YearStateChanged, actor=factory.actors.finance, by=factory.actors.approver
    )


def states(fiscal_year: int = 2025) -> dict[PeriodState, int]:
    with tenant_scope(OPERATOR):
        return books_by_state(db.session(), fiscal_year)


def test_all_books_of_the_year_close_together(thirteen: Factory) -> None:
    thirteen.approve(thirteen.prepare())
    assert states() == {PeriodState.OPEN: BOOKS}

    assert move(thirteen, PeriodState.CLOSING).books == BOOKS
    assert move(thirteen, PeriodState.OPEN).books == BOOKS
    move(thirteen, PeriodState.CLOSING)
    assert move(thirteen, PeriodState.CLOSED).books == BOOKS

    assert states() == {PeriodState.CLOSED: BOOKS}
    with pytest.raises(Conflict) as refusal:
        change_year_state(ChangeYearState(fiscal_year=2025, to=PeriodState.OPEN), actor=thirteen.actors.finance)
    assert refusal.value.code == "period.no_such_transition"


def test_a_book_that_is_there_already_stays_and_one_that_cannot_follow_stops_all(thirteen: Factory) -> None:
    thirteen.approve(thirteen.prepare())
    closing = ChangePeriodState(tenant_id=thirteen.ids["431001"], fiscal_year=2025, to=PeriodState.CLOSING)
    change_period_state(closing, actor=thirteen.actors.finance)

    with pytest.raises(Conflict):
        change_year_state(ChangeYearState(fiscal_year=2025, to=PeriodState.CLOSED), actor=thirteen.actors.finance)
    assert states() == {PeriodState.OPEN: BOOKS - 1, PeriodState.CLOSING: 1}

    assert move(thirteen, PeriodState.CLOSING).books == BOOKS - 1
    assert states() == {PeriodState.CLOSING: BOOKS}


def test_nothing_moves_before_a_second_person_approved_and_no_other_year_does(thirteen: Factory) -> None:
    thirteen.approve(thirteen.prepare())

    asked = change_year_state(ChangeYearState(fiscal_year=2025, to=PeriodState.CLOSING), actor=thirteen.actors.finance)

    assert isinstance(asked, ApprovalRequested)
    assert states() == {PeriodState.OPEN: BOOKS}
    with pytest.raises(NotAllowed):
        change_year_state(ChangeYearState(fiscal_year=2025, to=PeriodState.CLOSING), actor=thirteen.actors.onboarding)
    with pytest.raises(NotFound):
        change_year_state(ChangeYearState(fiscal_year=2024, to=PeriodState.CLOSING), actor=thirteen.actors.finance)
