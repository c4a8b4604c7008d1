"""A run from preparation to the books: two people, one digest, differences only, and everything that is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import Executable, text, update
from sqlalchemy.exc import DBAPIError

from billing.ledger.commands import ChangePeriodState
from billing.ledger.periods import PeriodState
from billing.ledger.queries import entries as ledger_entries
from billing.runs.commands import (
    APPROVAL_KIND,
    AllocationPrepared,
    ApproveAllocation,
    DraftRevision,
    PrepareAllocation,
    RejectAllocation,
    SubmitAllocation,
    approve_allocation,
    draft_revision,
    prepare_allocation,
    reject_allocation,
    submit_allocation,
)
from billing.runs.explanation import PoolCost
from billing.runs.queries import run_by_id, runs, shares_of_tenant, workings_of_share
from billing.runs.states import RunKind, RunState
from billing.runs.tables import AllocationRun, AllocationShare
from governance.actors import Actor
from governance.approvals import requests_about
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Closed, Conflict, NotAllowed, NotFound, Stale
from governance.kernel.ids import new_id
from governance.permissions import Role
from tenancy.directory import TenantState
from tests.billing.ledger.books import change_period_state
from tests.billing.runs.test_preview import by_hand
from tests.factories import EIGHT, IN_FISCAL_YEAR_2025, THIRTEEN, Factory

Book = dict[str, list[tuple[str, int]]]


def book_of(tenant_id: UUID) -> Book:
    """The entries of one book: account and yen of each line, by reference."""
    with tenant_scope(OPERATOR):
        rows = db.session().execute(
            text(
                "SELECT entry.reference, account.code, line.yen FROM ledger_entry entry"
                " JOIN ledger_line line ON line.tenant_id = entry.tenant_id AND line.entry_id = entry.id"
                " JOIN ledger_account account ON account.tenant_id = line.tenant_id AND account.id = line.account_id"
                " WHERE entry.tenant_id = :tenant ORDER BY entry.number, line.line_no"
            ),
            {"tenant": tenant_id},
        )
        book: Book = {}
        for reference, account, yen in rows:
            book.setdefault(reference, []).append((account, yen))
        return book


def entries() -> int:
    with tenant_scope(OPERATOR):
        return int(db.session().execute(text("SELECT count(*) FROM ledger_entry")).scalar_one())


def state_of(run_id: UUID) -> RunState:
    with tenant_scope(OPERATOR):
        return run_by_id(db.session(), run_id).state


def test_approving_posts_what_was_previewed(thirteen: Factory) -> None:
    preview = thirteen.preview()
    prepared = thirteen.prepare()
    assert prepared.digest == preview.digest
    assert entries() == 0

    thirteen.approve(prepared)

    expected = by_hand(THIRTEEN, 12_000_000)
    for code, yen in expected.items():
        assert book_of(thirteen.ids[code]) == {"allocation:2025:1": [("receivable", yen), ("burden", -yen)]}
    assert book_of(thirteen.actors.operator_tenant) == {
        "allocation:2025:1": [
            ("operator_burden", 12_000_007),
            ("municipal_burden", 11_999_993),
            ("shared_cost", -24_000_000),
        ]
    }
    assert state_of(prepared.run_id) is RunState.POSTED


def test_a_run_answers_in_the_form_of_the_contract(thirteen: Factory) -> None:
    thirteen.approve(thirteen.prepare())

    with tenant_scope(OPERATOR):
        [run] = runs(db.session(), 2025)
    answer = run.split.model_dump(mode="json")

    assert (answer["kind"], answer["state"]) == ("estimate", "posted")
    assert answer["shares_yen"] == by_hand(THIRTEEN, 12_000_000)
    assert list(answer["shares_yen"]) == sorted(THIRTEEN)
    parts = ("operator_yen", "operator_residual_yen", "deductions_yen")
    assert sum(answer["shares_yen"].values()) + sum(answer[part] for part in parts) == answer["total_yen"] == 24_000_000
    assert answer["digest"].startswith("sha256:")


@pytest.mark.slow
def test_a_revision_shows_the_whole_split_and_posts_the_difference(thirteen: Factory) -> None:
    thirteen.approve(thirteen.prepare())
    thirteen.add_members(EIGHT)

    thirteen.approve(thirteen.prepare(RunKind.REVISION))

    before, after = by_hand(THIRTEEN, 12_000_000), by_hand(THIRTEEN | EIGHT, 12_000_000)
    with tenant_scope(OPERATOR):
        first, second = (run.split.model_dump(mode="json") for run in runs(db.session(), 2025))
    assert first["shares_yen"] == before
    assert second["shares_yen"] == after
    assert second["kind"] == "revision"
    for code in THIRTEEN:
        change = after[code] - before[code]
        assert book_of(thirteen.ids[code]) == {
            "allocation:2025:1": [("receivable", before[code]), ("burden", -before[code])],
            "allocation:2025:2": [("receivable", change), ("burden", -change)],
        }
    for code in EIGHT:
        assert book_of(thirteen.ids[code]) == {
            "allocation:2025:2": [("receivable", after[code]), ("burden", -after[code])]
        }
    moved = sum(after.values()) - sum(before.values())
    assert book_of(thirteen.actors.operator_tenant)["allocation:2025:2"] == [
        ("operator_burden", -moved),
        ("municipal_burden", moved),
    ]


def test_a_member_that_left_before_the_year_gets_its_whole_share_back(thirteen: Factory) -> None:
    thirteen.approve(thirteen.prepare())
    thirteen.change_state("435317", TenantState.LEAVING)
    thirteen.change_state("435317", TenantState.LEFT, on=date(2025, 4, 1))

    thirteen.approve(thirteen.prepare(RunKind.REVISION))

    share = by_hand(THIRTEEN, 12_000_000)["435317"]
    assert book_of(thirteen.ids["435317"])["allocation:2025:2"] == [("receivable", -share), ("burden", share)]
    with tenant_scope(OPERATOR):
        assert runs(db.session(), 2025)[1].shares[-1].share_yen == 0


def test_nobody_approves_the_own_run(thirteen: Factory) -> None:
    prepared = thirteen.prepare()
    both = thirteen.actors.municipal(thirteen.actors.operator_tenant, Role.OPERATOR_FINANCE, Role.OPERATOR_APPROVER)
    reject_allocation(RejectAllocation(run_id=prepared.run_id, reason="差し替え"), actor=thirteen.actors.approver)
    own = prepare_allocation(PrepareAllocation(fiscal_year=2025, kind=RunKind.ESTIMATE), actor=both)

    with pytest.raises(NotAllowed) as refusal:
        approve_allocation(ApproveAllocation(run_id=own.run_id, digest=own.digest), actor=both)

    assert refusal.value.code == "approval.own_request"
    assert state_of(own.run_id) is RunState.AWAITING_APPROVAL
    assert entries() == 0


def test_who_caused_a_run_that_the_system_prepared_cannot_approve_it(thirteen: Factory) -> None:
    approver = thirteen.actors.approver
    command = PrepareAllocation(fiscal_year=2025, kind=RunKind.ESTIMATE, requested_for=approver.id)
    prepared = prepare_allocation(command, actor=thirteen.actors.worker)

    with pytest.raises(NotAllowed):
        thirteen.approve(prepared)

    assert entries() == 0


def test_a_person_cannot_ask_in_another_persons_name(thirteen: Factory) -> None:
    command = PrepareAllocation(fiscal_year=2025, kind=RunKind.ESTIMATE, requested_for=str(new_id()))

    with pytest.raises(NotAllowed) as refusal:
        prepare_allocation(command, actor=thirteen.actors.finance)

    assert refusal.value.code == "allocation.requested_for_another"
    with tenant_scope(OPERATOR):
        assert runs(db.session(), 2025) == []


def drafted(factory: Factory) -> AllocationPrepared:
    """The estimate is posted, a cost comes in, and a part of Moyai drafts the revision."""
    factory.approve(factory.prepare())
    factory.record(1_000_000, name="追加")
    return draft_revision(DraftRevision(fiscal_year=2025), actor=factory.actors.worker)


def test_a_draft_asks_nobody_before_finance_submits_it(thirteen: Factory) -> None:
    draft = drafted(thirteen)
    posted = entries()

    assert state_of(draft.run_id) is RunState.DRAFT
    with pytest.raises(NotFound):
        thirteen.approve(draft)
    with pytest.raises(NotAllowed):
        submit_allocation(SubmitAllocation(run_id=draft.run_id, digest=draft.digest), actor=thirteen.actors.onboarding)
    submitted = submit_allocation(
        SubmitAllocation(run_id=draft.run_id, digest=draft.digest), actor=thirteen.actors.finance
    )
    assert entries() == posted

    with tenant_scope(OPERATOR):
        run = run_by_id(db.session(), draft.run_id)
        asked = requests_about(db.session(), APPROVAL_KIND, run.id)
    assert (run.state, run.requested_by) == (RunState.AWAITING_APPROVAL, thirteen.actors.finance.id)
    assert [one.requested_by for one in asked] == [thirteen.actors.finance.id]
    thirteen.approve(submitted)
    assert state_of(draft.run_id) is RunState.POSTED
    assert entries() > posted
    with pytest.raises(Conflict) as refusal:
        submit_allocation(SubmitAllocation(run_id=draft.run_id, digest=draft.digest), actor=thirteen.actors.finance)
    assert refusal.value.code == "allocation.not_a_draft"


def test_a_draft_whose_inputs_changed_is_not_submitted_and_is_replaced(thirteen: Factory) -> None:
    draft = drafted(thirteen)
    thirteen.record(500_000, name="さらに追加")

    with pytest.raises(Stale) as refusal:
        submit_allocation(SubmitAllocation(run_id=draft.run_id, digest=draft.digest), actor=thirteen.actors.finance)

    assert refusal.value.code == "allocation.draft_outdated"
    assert state_of(draft.run_id) is RunState.DRAFT
    anew = thirteen.prepare(RunKind.REVISION)
    assert (state_of(draft.run_id), state_of(anew.run_id)) == (RunState.REJECTED, RunState.AWAITING_APPROVAL)


@pytest.mark.parametrize("change", ["digest = 'x'", "prepared_by = 'x'", "happened_on = '2025-06-02'"])
def test_the_database_lets_a_draft_be_submitted_and_nothing_else_of_it_change(thirteen: Factory, change: str) -> None:
    draft = drafted(thirteen)

    with tenant_scope(OPERATOR):
        with pytest.raises(DBAPIError):
            db.session().execute(text(f"UPDATE allocation_run SET {change} WHERE state = 'draft'"))
        db.session().rollback()

    assert state_of(draft.run_id) is RunState.DRAFT


def test_approving_twice_posts_once(thirteen: Factory) -> None:
    prepared = thirteen.prepare()
    thirteen.approve(prepared)
    posted = entries()

    with pytest.raises(Conflict) as refusal:
        thirteen.approve(prepared)

    assert refusal.value.code == "approval.already_decided"
    assert entries() == posted == 14


def test_of_two_approvers_at_once_one_posts(thirteen: Factory, database: Flask) -> None:
    prepared = thirteen.prepare()
    command = ApproveAllocation(run_id=prepared.run_id, digest=prepared.digest)
    people = [thirteen.actors.municipal(thirteen.actors.operator_tenant, Role.OPERATOR_APPROVER) for _ in range(2)]
    start = Barrier(2)

    def approve(person: Actor) -> str:
        with database.app_context(), clock.at(IN_FISCAL_YEAR_2025):
            start.wait()
            try:
                approve_allocation(command, actor=person)
            except Conflict as refusal:
                return refusal.code
            return "posted"

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(approve, people))

    assert outcomes == ["approval.already_decided", "posted"]
    assert entries() == 14


def test_approval_is_refused_when_a_cost_came_in_after_the_preview(thirteen: Factory) -> None:
    prepared = thirteen.prepare()
    thirteen.record(1)

    with pytest.raises(Stale) as refusal:
        thirteen.approve(prepared)

    assert refusal.value.code == "allocation.inputs_changed"
    assert state_of(prepared.run_id) is RunState.AWAITING_APPROVAL
    assert entries() == 0


def test_approval_names_the_digest_that_was_shown(thirteen: Factory) -> None:
    prepared = thirteen.prepare()

    with pytest.raises(Stale) as refusal:
        approve_allocation(ApproveAllocation(run_id=prepared.run_id, digest="sha256:0"), actor=thirteen.actors.approver)

    assert refusal.value.field == "digest"
    assert entries() == 0


def test_a_closed_year_takes_no_run(thirteen: Factory) -> None:
    prepared = thirteen.prepare()
    for state in (PeriodState.OPEN, PeriodState.CLOSING, PeriodState.CLOSED):
        change_period_state(
            ChangePeriodState(tenant_id=thirteen.actors.operator_tenant, fiscal_year=2025, to=state),
            actor=thirteen.actors.finance,
        )

    with pytest.raises(Closed):
        thirteen.approve(prepared)

    assert entries() == 0
    assert state_of(prepared.run_id) is RunState.AWAITING_APPROVAL


def test_a_run_is_named_by_the_changes_that_were_posted_and_not_by_its_number(thirteen: Factory) -> None:
    def send_back(prepared: AllocationPrepared) -> None:
        reject_allocation(RejectAllocation(run_id=prepared.run_id, reason="経費の漏れ"), actor=thirteen.actors.approver)

    send_back(thirteen.prepare())
    thirteen.approve(thirteen.prepare())
    thirteen.record(1_000_000, name="追加")
    send_back(thirteen.prepare(RunKind.REVISION))
    thirteen.approve(thirteen.prepare(RunKind.REVISION))
    thirteen.record(500_000, name="さらに追加")
    thirteen.prepare(RunKind.REVISION)
    with pytest.raises(Conflict) as waits:
        thirteen.prepare(RunKind.REVISION)

    with tenant_scope(OPERATOR):
        found = [(run.number, run.run_name.ja, run.state) for run in runs(db.session(), 2025)]
    assert found == [
        (1, "当初", RunState.REJECTED),
        (2, "当初", RunState.POSTED),
        (3, "第1回変更", RunState.REJECTED),
        (4, "第1回変更", RunState.POSTED),
        (5, "第2回変更", RunState.AWAITING_APPROVAL),
    ]
    assert waits.value.text("ja") == "令和7年度の按分（第2回変更）が承認を待っています。"
    own = thirteen.ids["435317"]
    with tenant_scope(own):
        # A municipality reads no runs: the name stands in its shares.
        shares = shares_of_tenant(db.session(), own)
        memos = [entry.memo for entry in ledger_entries(db.session(), own, fiscal_year=2025)]
    assert [share.run_name.ja for share in shares] == ["第1回変更", "当初"]
    assert memos == ["令和7年度 負担金の調定（第1回変更）", "令和7年度 負担金の調定（当初）"]


def test_a_rejected_run_posts_nothing_and_allows_the_next(thirteen: Factory) -> None:
    prepared = thirteen.prepare()

    reject_allocation(RejectAllocation(run_id=prepared.run_id, reason="経費の漏れ"), actor=thirteen.actors.approver)

    assert state_of(prepared.run_id) is RunState.REJECTED
    assert entries() == 0
    assert thirteen.prepare().number == 2


def test_only_one_run_waits_at_a_time(thirteen: Factory) -> None:
    thirteen.prepare()

    with pytest.raises(Conflict) as refusal:
        thirteen.prepare()

    assert refusal.value.code == "allocation.run_awaiting_approval"


def test_there_is_one_estimate_a_year(thirteen: Factory) -> None:
    thirteen.approve(thirteen.prepare())

    with pytest.raises(Conflict) as refusal:
        thirteen.prepare()

    assert refusal.value.code == "allocation.estimate_exists"


def test_a_revision_needs_something_to_revise_and_something_that_differs(thirteen: Factory) -> None:
    with pytest.raises(Conflict) as nothing_posted:
        thirteen.prepare(RunKind.REVISION)
    thirteen.approve(thirteen.prepare())
    with pytest.raises(Conflict) as nothing_differs:
        thirteen.prepare(RunKind.REVISION)

    assert nothing_posted.value.code == "allocation.nothing_to_revise"
    assert nothing_differs.value.code == "allocation.nothing_differs"


def test_a_member_sees_its_own_posted_share_and_what_explains_it(thirteen: Factory) -> None:
    prepared = thirteen.prepare()
    own = thirteen.ids["435317"]
    with tenant_scope(own):
        assert shares_of_tenant(db.session(), own) == []
        assert db.session().execute(text("SELECT count(*) FROM allocation_working")).scalar_one() == 0

    thirteen.approve(prepared)

    with tenant_scope(own):
        session = db.session()
        [share] = shares_of_tenant(session, own)
        lines = workings_of_share(session, own, share.id).items
        assert session.execute(text("SELECT count(*) FROM allocation_share")).scalar_one() == 1
        assert session.execute(text("SELECT count(*) FROM allocation_working")).scalar_one() == 2
        assert shares_of_tenant(session, thirteen.ids["431001"]) == []
        with pytest.raises(NotFound):
            run_by_id(session, prepared.run_id)
    assert share.share_yen == by_hand(THIRTEEN, 12_000_000)["435317"]
    assert [line.weight_total for line in lines] == ["13", str(sum(people for _, people in THIRTEEN.values()))]
    [explained] = share.divisions
    assert (explained.total_yen, explained.operator_yen, explained.pool_yen) == (24_000_000, 12_000_000, 12_000_000)
    assert (explained.decided_by, explained.decision_number) == ("運営協議会", "令和7年度第1号")
    assert explained.pools == (PoolCost(label="運営経費", yen=24_000_000),)


def test_a_municipality_neither_prepares_nor_approves(thirteen: Factory) -> None:
    prepared = thirteen.prepare()
    person = thirteen.actors.municipal(thirteen.ids["431001"], Role.TENANT_OWNER, Role.TENANT_FINANCE)

    with pytest.raises(NotAllowed):
        approve_allocation(ApproveAllocation(run_id=prepared.run_id, digest=prepared.digest), actor=person)

    assert entries() == 0


def test_the_database_keeps_what_was_decided(thirteen: Factory) -> None:
    prepared = thirteen.prepare()
    thirteen.approve(prepared)
    changes: list[Executable] = [
        update(AllocationRun).values(total_yen=1),
        update(AllocationRun).values(state=RunState.REJECTED.value, happened_on=None),
        update(AllocationShare).values(share_yen=0),
        update(AllocationShare).values(posted_at=None),
        text("DELETE FROM allocation_share"),
        text("UPDATE allocation_working SET exact_yen = '0'"),
    ]

    for change in changes:
        with tenant_scope(OPERATOR):
            with pytest.raises(DBAPIError):
                db.session().execute(change)
            db.session().rollback()

    with tenant_scope(OPERATOR):
        assert run_by_id(db.session(), prepared.run_id).total_yen == 24_000_000
    assert thirteen.preview().previous_yen == thirteen.preview().shares_yen


def test_a_member_cannot_write_a_share_of_its_own(thirteen: Factory) -> None:
    thirteen.approve(thirteen.prepare())
    own = thirteen.ids["435317"]

    with tenant_scope(own):
        with pytest.raises(DBAPIError):
            db.session().execute(
                text(
                    "INSERT INTO allocation_share SELECT gen_random_uuid(), tenant_id, operator_id, gen_random_uuid(),"
                    " fiscal_year, run_number, kind, digest, label, name, 0, 0, divisions, posted_at"
                    " FROM allocation_share"
                )
            )
        db.session().rollback()
        changed = db.session().execute(text("UPDATE allocation_share SET posted_at = now()"))
        assert changed.rowcount == 0  # type: ignore[attr-defined]
        db.session().rollback()
