"""Notices of a posted run: one for each municipality, never changed, seen by its own municipality only."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from datetime import date
from uuid import UUID

import pytest
from flask import Flask
from pydantic import ValidationError
from pypdf import PdfReader
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from billing.notices.commands import IssueNotices, NoticesIssued
from billing.notices.planning import NoticeChoices, plan_notices, sample_paper
from billing.notices.queries import notice_by_id, notice_by_number, notice_pdf, notices, unnotified_runs
from billing.notices.states import EarlierRuns, NoticeKind
from billing.runs.commands import AllocationPrepared
from billing.runs.states import RunKind
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, Invalid, NotAllowed, NotFound
from governance.kernel.installation import IS_EXAMPLE
from governance.permissions import Role
from tests.billing.runs.test_preview import by_hand
from tests.factories import EIGHT, THIRTEEN, Factory, issue_notices


@pytest.fixture(autouse=True)
def issuer(thirteen: Factory) -> None:
    thirteen.set_issuer()


@pytest.fixture
def example(database: Flask) -> Iterator[None]:
    """The installation's data are an example."""
    IS_EXAMPLE.set(database, True)
    yield
    IS_EXAMPLE.set(database, False)


def issue(factory: Factory, run: AllocationPrepared, **command: object) -> NoticesIssued:
    return issue_notices(IssueNotices.model_validate({"run_id": run.run_id, **command}), actor=factory.actors.finance)


def revised(factory: Factory) -> AllocationPrepared:
    """Eight more take part, and the revision is posted."""
    factory.add_members(EIGHT)
    revision = factory.prepare(RunKind.REVISION)
    factory.approve(revision)
    return revision


@pytest.mark.slow
def test_each_municipality_is_asked_for_its_share(thirteen: Factory) -> None:
    run = thirteen.prepare()
    thirteen.approve(run)

    issued = issue(thirteen, run)

    assert sorted(issued.notices) == sorted(THIRTEEN)
    assert (issued.issued_on, issued.due_on) == (date(2025, 6, 2), date(2025, 6, 16))
    with tenant_scope(OPERATOR):
        found = {notice.number: notice for notice in notices(db.session(), fiscal_year=2025)}
    assert {number[-6:]: notice.amount_yen for number, notice in found.items()} == by_hand(THIRTEEN, 12_000_000)
    assert {notice.title for notice in found.values()} == {"納入通知書"}
    assert "2025-01-431001" in found


@pytest.mark.slow
def test_the_paper_is_kept_as_it_was_issued(thirteen: Factory, example: None) -> None:
    run = thirteen.prepare()
    thirteen.approve(run)

    issued = issue(thirteen, run)

    notice_id = issued.notices["435317"]
    with tenant_scope(thirteen.ids["435317"]):
        notice, pdf = notice_by_id(db.session(), notice_id), notice_pdf(db.session(), notice_id)
    assert hashlib.sha256(pdf).hexdigest() == notice.pdf_sha256
    words = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    for expected in ("苓北町長　様", "148,293円", "例示データ", "7,114", "令和2年国勢調査", "97985200000/660751"):
        assert expected in words
    assert notice.facts.digest == run.digest
    assert run.digest in words


@pytest.mark.slow
def test_a_revision_asks_for_the_difference_only(thirteen: Factory) -> None:
    first = thirteen.prepare()
    thirteen.approve(first)
    issue(thirteen, first)
    revision = revised(thirteen)

    issue(thirteen, revision)

    before, after = by_hand(THIRTEEN, 12_000_000), by_hand(THIRTEEN | EIGHT, 12_000_000)
    with tenant_scope(OPERATOR):
        found = {notice.number[-6:]: notice for notice in notices(db.session(), run_id=revision.run_id)}
    assert {code: notice.amount_yen for code, notice in found.items()} == {
        code: after[code] - before.get(code, 0) for code in after
    }
    assert {found[code].title for code in THIRTEEN} == {"負担金変更通知書"}
    assert {found[code].due_on for code in THIRTEEN} == {None}
    assert {found[code].title for code in EIGHT} == {"納入通知書"}
    assert {found[code].due_on for code in EIGHT} == {date(2025, 6, 16)}
    assert {notice.first_run_number for notice in found.values()} == {None}
    assert sum(before.values()) - sum(after[code] for code in THIRTEEN) == 1_834_131
    assert found["431001"].amount_yen == -776_538
    lowered = found["431001"].facts
    assert lowered.change == (
        ("変更前の負担額", "5,907,051"),
        ("変更後の負担額", "5,130,513"),
        ("増減額（今回の通知額）", "▲776,538"),
    )
    assert (lowered.breakdown, lowered.due_on) == (None, None)
    assert dict(lowered.particulars)["算定の回"] == "第1回変更"
    # A member's first notice of the year is no change, whatever the number of the run.
    joined = found["432032"].facts
    assert (joined.title, joined.amount_label, joined.change) == ("納入通知書", "納入すべき金額", None)
    assert dict(joined.particulars)["算定の回"] == "年度途中の算定"
    assert joined.breakdown == (("均等割", "57,142"), ("人口割", "213,601"), ("負担額", "270,743"))


@pytest.mark.slow
def test_a_revision_is_not_notified_over_a_run_that_nobody_was_notified_of(thirteen: Factory) -> None:
    first = thirteen.prepare()
    thirteen.approve(first)
    revision = revised(thirteen)

    with pytest.raises(Conflict) as refusal:
        issue(thirteen, revision)

    assert (refusal.value.code, refusal.value.field) == ("notice.earlier_unnotified", "earlier_runs")
    assert "令和7年度の当初が未通知です" in refusal.value.text("ja")
    assert "先に当初の通知書を発行するか" in (refusal.value.hint("ja") or "")
    with tenant_scope(OPERATOR):
        assert notices(db.session()) == []
        assert [run.number for run in unnotified_runs(db.session())] == [1, 2]

    issue(thirteen, first)
    with tenant_scope(OPERATOR):
        assert [run.number for run in unnotified_runs(db.session())] == [2]
    issue(thirteen, revision)
    after = by_hand(THIRTEEN | EIGHT, 12_000_000)
    with tenant_scope(OPERATOR):
        assert unnotified_runs(db.session()) == []
        notified: dict[str, int] = {}
        for notice in notices(db.session()):
            notified[notice.number[-6:]] = notified.get(notice.number[-6:], 0) + notice.amount_yen
    assert notified == after


@pytest.mark.slow
def test_runs_that_were_not_notified_go_out_together_as_the_amount_in_force(thirteen: Factory) -> None:
    first = thirteen.prepare()
    thirteen.approve(first)
    revision = revised(thirteen)

    issued = issue(thirteen, revision, earlier_runs=EarlierRuns.COMBINE)

    after = by_hand(THIRTEEN | EIGHT, 12_000_000)
    assert issued.due_on == date(2025, 6, 16)
    with tenant_scope(OPERATOR):
        found = {notice.number[-6:]: notice for notice in notices(db.session())}
        assert unnotified_runs(db.session()) == []
    assert {code: notice.amount_yen for code, notice in found.items()} == after
    assert {notice.title for notice in found.values()} == {"納入通知書"}
    assert {notice.first_run_number for notice in found.values()} == {1}
    facts = found["431001"].facts
    assert (facts.amount, facts.change) == ("5,130,513円", None)
    assert facts.breakdown == (
        ("均等割", "57,142"),
        ("人口割", "5,073,370"),
        ("端数の処理", "1"),
        ("負担額", "5,130,513"),
    )
    assert dict(facts.particulars)["算定の回"] == "第1回変更（当初と合わせて通知）"
    with pytest.raises(Conflict) as refusal:
        issue(thirteen, first)
    assert refusal.value.code == "notice.notified_together"


def test_the_plan_of_the_notices_adds_no_kind_to_another(thirteen: Factory) -> None:
    first = thirteen.prepare()
    thirteen.approve(first)
    issue(thirteen, first)
    revision = revised(thirteen)

    with tenant_scope(OPERATOR):
        plan = plan_notices(db.session(), revision.run_id, NoticeChoices(), clock.today()).plan

    assert [(total.kind, total.count, total.yen) for total in plan.totals] == [
        (NoticeKind.DEMAND, 8, 1_834_127),
        (NoticeKind.REDUCTION, 13, -1_834_131),
    ]
    assert (plan.issued_on, plan.due_on) == (date(2025, 6, 2), date(2025, 6, 16))
    assert plan.combined_runs == ()
    assert issue(thirteen, revision).due_on == plan.due_on
    with tenant_scope(OPERATOR):
        issued = {notice.number[-6:]: notice for notice in notices(db.session(), run_id=revision.run_id)}
    assert {one.code: (one.title, one.amount_yen, one.due_on) for one in plan.notices} == {
        code: (notice.title, notice.amount_yen, notice.due_on) for code, notice in issued.items()
    }


def test_a_sample_is_the_paper_without_a_number_and_nothing_is_stored(thirteen: Factory) -> None:
    first = thirteen.prepare()
    thirteen.approve(first)

    with tenant_scope(OPERATOR):
        pdf = sample_paper(db.session(), first.run_id, thirteen.ids["435317"], NoticeChoices(claim="共同利用の負担金"))

        assert notices(db.session()) == []
        with pytest.raises(NotFound):
            sample_paper(db.session(), first.run_id, UUID(int=0), NoticeChoices())
    with tenant_scope(thirteen.ids["435317"]), pytest.raises(NotFound):
        sample_paper(db.session(), first.run_id, thirteen.ids["435317"], NoticeChoices())
    words = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    for expected in ("見本", "苓北町長　様", "148,293円", "令和7年6月16日（月）", "共同利用の負担金", "均等割"):
        assert expected in words
    assert "2025-01-435317" not in words


def test_a_run_that_is_not_posted_has_no_notices(thirteen: Factory) -> None:
    run = thirteen.prepare()

    with pytest.raises(Conflict) as refusal:
        issue(thirteen, run)

    assert refusal.value.code == "notice.run_not_posted"
    with tenant_scope(OPERATOR):
        assert notices(db.session()) == []


def test_notices_are_issued_once(thirteen: Factory) -> None:
    run = thirteen.prepare()
    thirteen.approve(run)
    issue(thirteen, run)

    with pytest.raises(Conflict) as refusal:
        issue(thirteen, run, due_on=date(2025, 6, 30))

    assert refusal.value.code == "notice.already_issued"
    with tenant_scope(OPERATOR):
        assert {notice.due_on for notice in notices(db.session())} == {date(2025, 6, 16)}


def test_the_order_may_set_the_due_day_and_the_claim_and_nothing_else(thirteen: Factory) -> None:
    run = thirteen.prepare()
    thirteen.approve(run)

    issued = issue(thirteen, run, due_on=date(2025, 6, 30), claim="共同利用の負担金")

    assert issued.due_on == date(2025, 6, 30)
    with tenant_scope(OPERATOR):
        facts = notice_by_number(db.session(), "2025-01-431001").facts
    assert (facts.issuer, facts.seal) == ("熊本県知事　肥後　太郎", "（公印省略）")
    assert (facts.addressed_to, facts.document_number) == ("熊本市長　様", "デ戦第 2025-01-431001 号")
    assert facts.example is None
    assert dict(facts.particulars) == {
        "所属年度": "令和7年度",
        "歳入科目": "（款）分担金及び負担金　（項）負担金　（目）総務費負担金　（節）データ連携基盤負担金",
        "納入の請求の事由": "共同利用の負担金",
        "算定の回": "当初",
        "納入先": "熊本県会計管理者",
        "納入場所": "熊本県の指定金融機関",
        "問合せ先": "デジタル戦略課　担当 阿蘇　花子\n電話 096-333-0000　メール digital@example.lg.jp",
    }
    for given in ("issuer", "revenue_account", "payable_at", "contact", "is_example", "payee", "seal"):
        with pytest.raises(ValidationError):
            issue(thirteen, run, **{given: "x"})


@pytest.mark.parametrize("command", [{"due_on": date(2025, 6, 15)}, {"issued_on": date(2025, 6, 3)}])
def test_a_due_day_on_a_sunday_and_an_issue_tomorrow_are_refused(thirteen: Factory, command: dict[str, date]) -> None:
    run = thirteen.prepare()
    thirteen.approve(run)

    with pytest.raises(Invalid) as refusal:
        issue(thirteen, run, **command)

    assert refusal.value.field == next(iter(command))
    with tenant_scope(OPERATOR):
        assert notices(db.session()) == []


def test_another_municipalitys_notice_answers_as_if_absent(thirteen: Factory) -> None:
    run = thirteen.prepare()
    thirteen.approve(run)
    issued = issue(thirteen, run)

    with tenant_scope(thirteen.ids["435317"]):
        assert [notice.number for notice in notices(db.session())] == ["2025-01-435317"]
        with pytest.raises(NotFound):
            notice_pdf(db.session(), issued.notices["431001"])
        with pytest.raises(NotFound):
            notice_by_number(db.session(), "2025-01-431001")


def test_a_municipality_issues_nothing(thirteen: Factory) -> None:
    run = thirteen.prepare()
    thirteen.approve(run)
    person = thirteen.actors.municipal(thirteen.ids["431001"], Role.TENANT_FINANCE)

    with pytest.raises(NotAllowed):
        issue_notices(IssueNotices(run_id=run.run_id), actor=person)


@pytest.mark.slow
def test_the_database_refuses_to_change_a_notice(thirteen: Factory) -> None:
    run = thirteen.prepare()
    thirteen.approve(run)
    issue(thirteen, run)

    for change in ("UPDATE notice SET due_on = '2025-07-31'", "DELETE FROM notice"):
        with tenant_scope(OPERATOR):
            with pytest.raises(DBAPIError):
                db.session().execute(text(change))
            db.session().rollback()


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (date(2026, 4, 2), "令和8年3月31日（火）に終わり、いまは出納整理期間です"),
        (date(2026, 6, 2), "出納は令和8年5月31日（日）に閉鎖されました"),
    ],
)
def test_a_plan_says_that_the_year_is_over(thirteen: Factory, day: date, said: str) -> None:
    thirteen.approve(run := thirteen.prepare())
    thirteen.set_issuer()
    with tenant_scope(OPERATOR):
        in_time = plan_notices(db.session(), run.run_id, NoticeChoices(), clock.today()).plan
        late = plan_notices(db.session(), run.run_id, NoticeChoices(), day).plan

    assert (in_time.date_warning, in_time.date_warning_en) == (None, None)
    assert said in (late.date_warning or "")
    assert "fiscal year 2025" in (late.date_warning_en or "")
