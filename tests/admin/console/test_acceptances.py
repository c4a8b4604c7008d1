"""同意の状況 on the screen, as a file, over the API and at the command line; 催促; what a new version changes."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import date
from uuid import UUID

import pytest

from admin.features.agreements.text_changes import ChangedLine, LineKind, text_changes
from governance.permissions import Role
from tests.admin.api.conftest import Caller
from tests.admin.cli.command_line import Moyai
from tests.admin.console.conftest import ConsoleSample
from tests.admin.visitors import Visit
from tests.database_rows import recorded, rows

VisitAs = Callable[[Role], Visit]
DUE = date(2026, 4, 1)


@pytest.fixture
def version_id(sample: ConsoleSample) -> UUID:
    """A version that takes effect next April, which the first member has accepted and the second can be reminded of."""
    version_id = sample.factory.publish(DUE, "第1条 改正")
    sample.factory.accept(sample.tenant_id, version_id, signed_on=date(2025, 6, 1))
    sample.factory.add_person(sample.other_id, "owner@yatsushiro.example", Role.TENANT_OWNER)
    return version_id


def test_the_page_counts_filters_and_leads_to_the_reminder(
    sample: ConsoleSample, visit_as: VisitAs, version_id: UUID
) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)
    address = f"/agreements/{version_id}/acceptances"

    every, missing = visit.get(address).text, visit.get(f"{address}?state=not-accepted").text
    accepted = visit.get(f"{address}?state=accepted").text

    assert "<h2>同意の状況 1／3</h2>" in every
    assert "令和8年4月1日（水）" in every
    assert [name in every for name in ("熊本市", "八代市", "益城町")] == [True] * 3
    assert ("熊本市" in missing, "八代市" in missing) == (False, True)
    assert ("熊本市" in accepted, "八代市" in accepted) == (True, False)
    assert every.count('name="tenant_ids"') == 2
    assert f'href="{address}"' in visit.get(f"/agreements/{version_id}").text
    assert f"{address}?state=not-accepted" in visit.get("/approvals").text


def test_an_auditor_sees_the_same_without_a_button(sample: ConsoleSample, visit_as: VisitAs, version_id: UUID) -> None:
    page = visit_as(Role.OPERATOR_AUDITOR).get(f"/agreements/{version_id}/acceptances").text

    assert "同意の状況 1／3" in page
    assert "tenant_ids" not in page
    assert "/remind" not in page


def test_a_municipality_sees_nothing_of_the_others(sample: ConsoleSample, visit_as: VisitAs, version_id: UUID) -> None:
    visit = visit_as(Role.TENANT_OWNER)

    page = visit.get(f"/agreements/{version_id}/acceptances")
    file = visit.get(f"/agreements/{version_id}/acceptances.csv")

    assert (page.status_code, page.headers["Location"]) == (303, f"/agreements/{version_id}")
    assert "八代市" not in file.data.decode("utf-8-sig")
    assert "同意の状況" not in visit.get(f"/agreements/{version_id}").text


def test_the_chosen_are_reminded_once_the_others_are_named(
    sample: ConsoleSample, visit_as: VisitAs, version_id: UUID
) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)
    address = f"/agreements/{version_id}/remind"

    form = visit.get(f"{address}?tenant_ids={sample.other_id}").text
    everybody = visit.get(address).text
    confirm = visit.submit(address, step="confirm", key="r")
    before = rows("acceptance_reminder")
    done = visit.submit(address, step="apply", key="r")
    again = visit.submit(address, step="apply", key="r")
    late = visit.submit(address, step="confirm", key="r2", tenant_ids=str(sample.other_id))

    assert re.findall(r'value="([^"]+)" checked', form) == [str(sample.other_id)]
    assert everybody.count(" checked") == 2
    assert "八代市" in confirm.text
    assert "団体管理者がいない" in confirm.text
    assert before == []
    assert (done.status_code, again.headers["Location"]) == (303, done.headers["Location"])
    page = visit.get(done.headers["Location"]).text
    assert "催促しました" in page
    assert "1団体の団体管理者に、数分でメールが届きます。" in page
    assert "1団体には送っていません" in page
    assert late.status_code == 409
    assert "本日催促済み 1団体" in late.text
    assert [event.tenant_id for event in recorded("agreement.reminded")] == [sample.other_id]
    sentence = re.sub("<[^>]+>", "", visit.get("/audit").text)
    assert "八代市に「共同利用協定」第2版への同意を催促した" in sentence


def test_file_api_and_command_line_say_the_same(
    sample: ConsoleSample,
    visit_as: VisitAs,
    caller_as: Callable[[Role], Caller],
    moyai: Moyai,
    version_id: UUID,
) -> None:
    file = visit_as(Role.OPERATOR_FINANCE).get(f"/agreements/{version_id}/acceptances.csv?state=not-accepted")
    path = f"/agreement-versions/{version_id}/acceptances"
    answer = caller_as(Role.OPERATOR_FINANCE).ask("GET", path, query_string={"state": "not-accepted", "limit": "1"})
    code, printed, _ = moyai("agreement", "status", str(version_id), "--state", "not-accepted")

    table = list(csv.reader(io.StringIO(file.data.decode("utf-8-sig"))))
    assert [row[:3] for row in table[1:]] == [["432024", "八代市", "未同意"], ["434434", "益城町", "未同意"]]
    assert [one["name"] for one in answer.get_json()["items"]] == ["八代市"]
    assert answer.get_json()["next_cursor"]
    assert code == 0
    assert [one["due_on"] for one in printed["tenants"]] == ["2026-04-01"] * 2


def test_the_command_line_reminds_by_code(sample: ConsoleSample, moyai: Moyai, version_id: UUID) -> None:
    code, printed, stderr = moyai("agreement", "remind", str(version_id), "--tenant", str(sample.other_id))
    second, refused, _ = moyai("agreement", "remind", str(version_id), "--tenant", str(sample.other_id))

    assert (code, printed["reminded"]) == (0, [str(sample.other_id)]), stderr
    assert (second, refused["error"]["code"]) == (1, "agreement.nobody_to_remind")
    assert len(rows("acceptance_reminder")) == 1


def test_the_review_of_a_new_version_shows_what_it_changes(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)
    entered = {"language": "ja", "mandatory": "yes", "effective_from": "2026-04-01"}

    page = visit.submit(
        f"/agreements/publish?after={sample.version_id}", step="confirm", key="p", text="第1条 新しい目的", **entered
    ).text

    assert re.search(r"<del>.*第1条 目的</del>", page)
    assert re.search(r"<ins>.*第1条 新しい目的</ins>", page)


def test_the_comparison_keeps_a_line_around_each_change_and_leaves_the_rest_out() -> None:
    before = "\n".join(f"第{number}条" for number in range(1, 8))
    after = before.replace("第4条", "第4条の2")

    assert text_changes(before, after) == [
        ChangedLine(LineKind.GAP),
        ChangedLine(LineKind.KEPT, "第3条"),
        ChangedLine(LineKind.REMOVED, "第4条"),
        ChangedLine(LineKind.ADDED, "第4条の2"),
        ChangedLine(LineKind.KEPT, "第5条"),
        ChangedLine(LineKind.GAP),
    ]
    assert text_changes(before, before) == []
    assert [one.kind for one in text_changes("a", "a\nb")] == [LineKind.KEPT, LineKind.ADDED]
