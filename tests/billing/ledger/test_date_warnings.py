"""What is entered into a year that is over, or has not begun, is said to be so; while it runs nothing is said."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from billing.ledger.commands import ChangeYearState, ReverseEntry, change_year_state, post_entry, reverse_entry
from billing.ledger.periods import PeriodState, closing_warning, date_warning
from billing.runs.commands import ApproveAllocation, RejectAllocation, approve_allocation, reject_allocation
from governance.approvals import approval_by_id
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.fiscal_year import FiscalYear
from tests.actors import Actors
from tests.billing.ledger.books import DAY, contribution, posted
from tests.factories import Factory
from tests.second_person import approve

YEAR = FiscalYear(2025)


@pytest.mark.parametrize("today", [date(2025, 4, 1), date(2025, 11, 22), date(2026, 3, 31)])
def test_nothing_is_said_while_the_year_runs(today: date) -> None:
    assert date_warning(YEAR, today) is None


@pytest.mark.parametrize("today", [date(2026, 4, 1), date(2026, 5, 31)])
def test_the_closing_period_is_named_with_its_end(today: date) -> None:
    said = date_warning(YEAR, today)

    assert said is not None
    assert said.ja == (
        "令和7年度は令和8年3月31日（火）に終わり、いまは出納整理期間です。令和8年5月31日（日）に出納が閉鎖されます。"
    )
    assert "closing period, to 2026-05-31" in said.en


@pytest.mark.parametrize("today", [date(2026, 6, 1), date(2026, 11, 22)])
def test_after_the_books_closed_it_is_a_past_year(today: date) -> None:
    said = date_warning(YEAR, today)

    assert said is not None
    assert said.ja.startswith("令和7年度の出納は令和8年5月31日（日）に閉鎖されました。")
    assert "過年度の収入" in said.ja
    assert "closed on 2026-05-31" in said.en


def test_a_year_that_has_not_begun_is_said_to_begin() -> None:
    said = date_warning(YEAR, date(2025, 3, 31))

    assert said is not None
    assert said.ja == "令和7年度はまだ始まっていません（令和7年4月1日（火）から）。"


@pytest.mark.parametrize("to", [PeriodState.CLOSING, PeriodState.CLOSED])
def test_closing_before_the_books_close_is_early_and_afterwards_it_is_not(to: PeriodState) -> None:
    early = closing_warning(YEAR, date(2026, 5, 31), to)

    assert early is not None
    assert early.ja.startswith("令和7年度の出納が閉鎖されるのは令和8年5月31日（日）です。")
    assert f"「{to.ja}」" in early.ja
    assert "close on 2026-05-31" in early.en
    assert closing_warning(YEAR, date(2026, 6, 1), to) is None


def test_to_open_a_year_is_what_its_dates_say_of_entries() -> None:
    assert closing_warning(YEAR, date(2025, 6, 1), PeriodState.OPEN) is None
    assert closing_warning(YEAR, date(2026, 6, 1), PeriodState.OPEN) == date_warning(YEAR, date(2026, 6, 1))


# -- in the answers of the commands

IN_CLOSING_PERIOD = datetime(2026, 5, 20, 1, 0, tzinfo=UTC)
AFTER_IT_CLOSED = datetime(2026, 6, 5, 1, 0, tzinfo=UTC)


def test_a_request_keeps_what_was_said_of_its_dates_and_the_decision_says_what_holds_then(
    book: UUID, actors: Actors
) -> None:
    command = contribution(book, reference="manual:1")
    with clock.at(IN_CLOSING_PERIOD):
        requested = post_entry(command, actor=actors.finance, key="a-key")
    with clock.at(AFTER_IT_CLOSED):
        again = post_entry(command, actor=actors.finance, key="a-key")
        decided = approve(requested, actor=actors.approver)
    with tenant_scope(OPERATOR):
        kept = approval_by_id(db.session(), requested.approval_id)

    assert "いまは出納整理期間です" in (requested.date_warning or "")
    assert "closing period" in (requested.date_warning_en or "")
    assert again == requested
    assert decided.result is not None
    assert "閉鎖されました" in decided.result["date_warning"]
    assert kept.result == decided.result


def test_posting_and_reversing_say_nothing_while_the_year_runs(book: UUID, actors: Actors) -> None:
    with clock.at(datetime(2025, 6, 2, 1, 0, tzinfo=UTC)):
        entry = posted(actors, book)
        command = ReverseEntry(tenant_id=book, entry_id=entry.entry_id, happened_on=DAY, reason="誤り")
        requested = reverse_entry(command, actor=actors.finance)

    assert (entry.date_warning, requested.date_warning, requested.date_warning_en) == (None, None, None)
    with clock.at(AFTER_IT_CLOSED):
        decided = approve(requested, actor=actors.approver)
    assert decided.result is not None
    assert "過年度の収入" in decided.result["date_warning"]


def test_preparing_and_posting_a_run_of_a_past_year_say_so(thirteen: Factory) -> None:
    while_it_runs = thirteen.prepare()
    reject_allocation(RejectAllocation(run_id=while_it_runs.run_id, reason="見直し"), actor=thirteen.actors.approver)
    with clock.at(AFTER_IT_CLOSED):
        prepared = thirteen.prepare()
        command = ApproveAllocation(run_id=prepared.run_id, digest=prepared.digest)
        approved = approve_allocation(command, actor=thirteen.actors.approver)

    assert "令和7年度の出納は令和8年5月31日（日）に閉鎖されました" in (prepared.date_warning or "")
    assert approved.date_warning == prepared.date_warning
    assert while_it_runs.date_warning is None


def test_closing_a_year_before_its_books_close_says_so(thirteen: Factory) -> None:
    thirteen.approve(thirteen.prepare())
    command = ChangeYearState(fiscal_year=2025, to=PeriodState.CLOSING)

    early = change_year_state(command, actor=thirteen.actors.finance)

    assert "「締切作業中」にすると" in (early.date_warning or "")
    with clock.at(AFTER_IT_CLOSED):
        decided = approve(early, actor=thirteen.actors.approver)
    assert decided.result is not None
    assert decided.result["date_warning"] is None
