"""The page on which a request is decided: what its decider must be able to read before saying yes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from billing.ledger.commands import ReverseEntry, reverse_entry
from governance.permissions import Role
from governance.rules.commands import AdoptRule, DraftRule, adopt_rule, draft_rule
from tests.admin.console.conftest import ConsoleSample
from tests.admin.visitors import Visit
from tests.billing.ledger.books import DAY, posted
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
