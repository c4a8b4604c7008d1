"""The page on which a request is decided: what its decider must be able to read before saying yes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from billing.ledger import commands as ledger
from billing.ledger.commands import ChangePeriodState, ReverseEntry, reverse_entry
from billing.ledger.periods import PeriodState
from governance.permissions import Role
from governance.rules.commands import AdoptRule, DraftRule, adopt_rule, draft_rule
from tests.admin.api.conftest import Caller
from tests.admin.cli.command_line import Moyai
from tests.admin.console.conftest import ConsoleSample
from tests.admin.visitors import Visit
from tests.billing.ledger.books import DAY, change_period_state, posted
from tests.factories import BODY

VisitAs = Callable[[Role], Visit]


def facts(page: str) -> dict[str, str]:
    """The page's facts without their markup, by label."""
    found = re.findall(r"<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", page, re.DOTALL)
    return {label: re.sub(r"<[^>]+>|\s+", " ", value).strip() for label, value in found}


def test_an_entry_is_read_in_yen_with_its_kind_and_its_year(sample: ConsoleSample, visit_as: VisitAs) -> None:
    page = visit_as(Role.OPERATOR_APPROVER).get(f"/approvals/{sample.approval_id}").text

    assert facts(page)["種別"] == "通常"
    assert facts(page)["会計年度"] == "日付の年度"
    cells = re.findall(r"<td[^>]*>\s*([^<]*?)\s*</td>", page)
    assert ("1,000円" in cells, "▲1,000円" in cells) == (True, True)


def test_what_is_to_be_adopted_is_one_click_away(sample: ConsoleSample, visit_as: VisitAs) -> None:
    finance = sample.factory.actors.finance
    version = DraftRule(name="running-cost", label="運営経費負担規則", body=BODY, valid_from=date(2026, 4, 1))
    draft = draft_rule(version, actor=finance).version_id
    adoption = AdoptRule(version_id=draft, decided_by="運営協議会", decision_number="第1号", decided_on=DAY)
    requested = adopt_rule(adoption, actor=finance)
    approver = visit_as(Role.OPERATOR_APPROVER)

    page = approver.get(f"/approvals/{requested.approval_id}").text

    assert f'href="/rules/{draft}"' in page
    assert approver.get(f"/rules/{draft}").status_code == 200


def test_a_reversal_names_the_book_and_leads_to_the_entry(sample: ConsoleSample, visit_as: VisitAs) -> None:
    actors = sample.factory.actors
    entry_id = posted(actors, sample.tenant_id).entry_id
    command = ReverseEntry(tenant_id=sample.tenant_id, entry_id=entry_id, happened_on=DAY, reason="誤り")
    requested = reverse_entry(command, actor=actors.finance)

    page = visit_as(Role.OPERATOR_APPROVER).get(f"/approvals/{requested.approval_id}").text

    assert facts(page)["団体"] == "熊本市"
    assert f'href="/ledger/{sample.tenant_id}/entries/{entry_id}"' in page


def test_comment_number_and_whom_the_decider_stood_in_for_are_shown(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_APPROVER)
    address = f"/approvals/{sample.approval_id}"
    before = visit.get(address).text
    assert all(label in before for label in ("コメント", "決裁番号", "代決のとき、だれに代わって", "代決の理由"))
    assert "決裁番号" not in facts(before)

    answer = visit.submit(
        f"{address}/decide",
        digest=re.findall(r'name="digest" value="([^"]*)"', before)[0],
        shown_digest=re.findall(r'name="shown_digest" value="([^"]*)"', before)[0],
        decision="approved",
        reason="確認しました",
        decision_number="会財第12号",
        decided_for="会計課長",
        decided_for_reason="出張のため",
        key="decide",
    )

    assert answer.status_code == 303
    shown = facts(visit.get(address).text)
    assert shown["決定のコメント"] == "確認しました"
    assert shown["決裁番号"] == "会財第12号"
    assert "代決（会計課長 に代わって）: 出張のため" in shown["決定者"]


def _request(sample: ConsoleSample, fiscal_year: int, to: PeriodState) -> str:
    command = ChangePeriodState(tenant_id=sample.tenant_id, fiscal_year=fiscal_year, to=to)
    return str(ledger.change_period_state(command, actor=sample.factory.actors.finance).approval_id)


def test_a_year_that_moves_is_shown_with_its_state_before_and_after(
    sample: ConsoleSample, visit_as: VisitAs, caller_as: Callable[[Role], Caller], moyai: Moyai
) -> None:
    approver, caller = visit_as(Role.OPERATOR_APPROVER), caller_as(Role.OPERATOR_APPROVER)
    request = _request(sample, 2025, PeriodState.CLOSING)

    page = approver.get(f"/approvals/{request}").text
    assert (facts(page)["団体"], facts(page)["会計年度"][:4]) == ("熊本市", "令和7年")
    assert facts(page)["変更後の状態"] == "記帳できます → 締切作業中"
    for answer in (caller.get(f"/approvals/{request}").json, moyai("approval", "show", request)[1]):
        assert answer is not None
        assert (answer["before"], answer["body"]["to"]) == ({"to": "open"}, "closing")
    assert "before: {'to': 'open'}" in moyai.text("approval", "show", request)[1]


def test_a_year_that_another_moved_meanwhile_is_shown_again_before_it_is_decided(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    def move(to: PeriodState) -> None:
        command = ChangePeriodState(tenant_id=sample.other_id, fiscal_year=2025, to=to)
        change_period_state(command, actor=sample.factory.actors.finance)

    move(PeriodState.CLOSING)
    sample.tenant_id = sample.other_id
    request, approver = _request(sample, 2025, PeriodState.CLOSED), visit_as(Role.OPERATOR_APPROVER)
    page = approver.get(f"/approvals/{request}").text
    assert facts(page)["変更後の状態"] == "締切作業中 → 締切済み"
    seen = {
        "digest": re.findall(r'name="digest" value="([^"]*)"', page)[0],
        "shown_digest": re.findall(r'name="shown_digest" value="([^"]*)"', page)[0],
    }
    move(PeriodState.OPEN)

    answer = approver.submit(f"/approvals/{request}/decide", **seen, decision="approved", key="decide")

    assert answer.status_code == 200
    assert facts(answer.text)["変更後の状態"] == "記帳できます → 締切済み"
    assert "awaiting" not in answer.text
    assert "承認待ち" in facts(answer.text)["状態"]


def test_a_year_that_is_not_there_yet_says_so_and_a_decided_request_compares_nothing(
    sample: ConsoleSample, visit_as: VisitAs, caller_as: Callable[[Role], Caller]
) -> None:
    approver, caller = visit_as(Role.OPERATOR_APPROVER), caller_as(Role.OPERATOR_APPROVER)
    request = _request(sample, 2026, PeriodState.OPEN)
    page = approver.get(f"/approvals/{request}").text
    assert "この会計年度はまだ帳簿にありません。" in page
    assert facts(page)["変更後の状態"].endswith("→ 記帳できます")
    found = caller.get(f"/approvals/{request}").json
    assert found is not None
    assert found["before"] == {"to": None}

    decided = caller.send(f"/approvals/{request}/decision", {"digest": found["digest"], "decision": "approved"})

    assert decided.status_code == 201
    change_period_state(
        ChangePeriodState(tenant_id=sample.tenant_id, fiscal_year=2026, to=PeriodState.CLOSING),
        actor=sample.factory.actors.finance,
    )
    assert facts(approver.get(f"/approvals/{request}").text)["変更後の状態"] == "記帳できます"
    after = caller.get(f"/approvals/{request}").json
    assert after is not None
    assert after["before"] is None
