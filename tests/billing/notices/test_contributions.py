"""負担金の台帳: a municipality's own view of what it owes, with signs, a running balance and what was notified."""

from __future__ import annotations

import pytest

from billing.ledger.chart import AccountCode
from billing.ledger.commands import EntryLine, EntryPosted, PostEntry, post_entry
from billing.notices.commands import IssueNotices
from billing.notices.contributions import ContributionKind, ContributionLedger, contribution_ledger
from billing.notices.states import EarlierRuns
from billing.runs.states import RunKind
from governance.kernel import clock
from governance.kernel.database import db, tenant_scope
from tests.factories import EIGHT, Factory, issue_notices
from tests.second_person import directly


def ledger_of(factory: Factory, code: str, fiscal_year: int = 2025) -> ContributionLedger:
    with tenant_scope(factory.ids[code]):
        return contribution_ledger(db.session(), factory.ids[code], fiscal_year)


def test_each_change_has_its_sign_its_balance_and_its_notice(thirteen: Factory) -> None:
    first = thirteen.prepare()
    thirteen.approve(first)
    thirteen.issue_notices(first.run_id)
    thirteen.add_members(EIGHT)
    revision = thirteen.prepare(RunKind.REVISION)
    thirteen.approve(revision)

    ledger = ledger_of(thirteen, "431001")

    assert [(row.kind, row.amount_yen, row.balance_yen) for row in ledger.rows] == [
        (ContributionKind.ORIGINAL, 5_907_051, 5_907_051),
        (ContributionKind.CHANGE, -776_538, 5_130_513),
    ]
    assert [row.notice and row.notice.number for row in ledger.rows] == ["2025-01-431001", None]
    assert (ledger.original_yen, ledger.changes_yen, ledger.share_yen) == (5_907_051, -776_538, 5_130_513)
    assert (ledger.notified_yen, ledger.unnotified_yen) == (5_907_051, -776_538)

    thirteen.issue_notices(revision.run_id)
    after, joined = ledger_of(thirteen, "431001"), ledger_of(thirteen, "432032")
    assert (after.notified_yen, after.unnotified_yen) == (5_130_513, 0)
    assert [row.notice and row.notice.amount_yen for row in after.rows] == [5_907_051, -776_538]
    # Its first movement of the year is its original amount, whatever the number of the run.
    assert [(row.kind, row.amount_yen) for row in joined.rows] == [(ContributionKind.ORIGINAL, 270_743)]


@pytest.mark.slow
def test_runs_that_were_notified_together_leave_nothing_unnotified(thirteen: Factory) -> None:
    thirteen.set_issuer()
    thirteen.approve(thirteen.prepare())
    thirteen.add_members(EIGHT)
    revision = thirteen.prepare(RunKind.REVISION)
    thirteen.approve(revision)
    issue_notices(IssueNotices(run_id=revision.run_id, earlier_runs=EarlierRuns.COMBINE), actor=thirteen.actors.finance)

    ledger = ledger_of(thirteen, "431001")

    assert [row.notice and row.notice.amount_yen for row in ledger.rows] == [None, 5_130_513]
    assert (ledger.notified_yen, ledger.unnotified_yen) == (5_130_513, 0)


def test_an_entry_by_hand_is_there_and_another_municipality_is_not(thirteen: Factory) -> None:
    thirteen.approve(thirteen.prepare())
    lines = (
        EntryLine(account=AccountCode.RECEIVABLE, yen=-1_000),
        EntryLine(account=AccountCode.BURDEN, yen=1_000),
    )
    directly(post_entry, EntryPosted)(
        PostEntry(
            tenant_id=thirteen.ids["431001"], reference="hand:1", happened_on=clock.today(), lines=lines, memo="減免"
        ),
        actor=thirteen.actors.finance,
    )

    ledger = ledger_of(thirteen, "431001")

    assert [(row.kind, row.amount_yen, row.balance_yen, row.memo) for row in ledger.rows[1:]] == [
        (ContributionKind.OTHER, -1_000, 5_906_051, "減免")
    ]
    assert ledger.changes_yen == -1_000
    with tenant_scope(thirteen.ids["435317"]):
        foreign = contribution_ledger(db.session(), thirteen.ids["431001"], 2025)
    assert (foreign.rows, foreign.share_yen) == ((), 0)
    assert ledger_of(thirteen, "431001", 2024).rows == ()
