"""表示する列: chosen above a list, kept for its reader alone; what names a row stays, and files keep every column."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from html import unescape
from typing import Any
from uuid import UUID

import pytest
from python_calamine import CalamineWorkbook

from admin.interface.columns import column, foot_cells
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from tenancy.preferences.columns import COLUMNS, ListColumn, ListName, hidden_columns
from tests.admin.api.conftest import Caller
from tests.admin.console.conftest import ConsoleSample
from tests.admin.visitors import Visit
from tests.database_rows import recorded

VisitAs = Callable[[Role], Visit]
CallerAs = Callable[[Role], Caller]


def hidden_by(sample: ConsoleSample, role: Role) -> Mapping[ListName, frozenset[ListColumn]]:
    actor = sample.people[role]
    with tenant_scope(OPERATOR):
        return hidden_columns(db.session(), actor.tenant_id, UUID(actor.id))


def offered_on(page: str, list_name: str) -> dict[str, tuple[str, bool]]:
    """The label of each tick above the list, and whether it is ticked."""
    part = page.partition(f'action="/preferences/columns/{list_name}"')[2].partition("</form>")[0]
    ticks = re.findall(r'name="shown" value="([^"]+)"( checked)?> ([^<]+)</label>', part)
    return {value: (unescape(label), bool(checked)) for value, checked, label in ticks}


def heads_of(page: str) -> list[str]:
    """The heads of the page's last table."""
    head = page.rpartition("<thead>")[2].partition("</thead>")[0]
    return [re.sub(r"<[^>]+>|[▲▼]", "", one).strip() for one in re.findall(r"<th scope=\"col\".*?</th>", head)]


def choose(visit: Visit, list_name: str, offered: list[str], shown: list[str], **more: str) -> Any:
    data = {"csrf_token": visit.token, "offered": offered, "shown": shown, **more}
    return visit.post(f"/preferences/columns/{list_name}", data=data)


def pages_of(sample: ConsoleSample) -> dict[ListName, str]:
    return {
        ListName.TENANTS: "/tenants",
        ListName.PEOPLE: f"/tenants/{sample.tenant_id}/people",
        ListName.COSTS: "/costs?fiscal_year=2025",
        ListName.RUNS: "/allocations?fiscal_year=2025",
        ListName.NOTICES: "/notices",
        ListName.BOOKS: "/ledger?fiscal_year=2025",
        ListName.ENTRIES: f"/ledger/{sample.tenant_id}?fiscal_year=2025",
        ListName.AUDIT: "/audit",
        ListName.ACCEPTANCES: f"/agreements/{sample.version_id}/acceptances",
        ListName.ANNOUNCEMENTS: "/announcements",
        ListName.RECIPIENTS: f"/announcements/{sample.factory.announce(asks_confirmation=True)}",
    }


@pytest.mark.parametrize("language", ["ja", "en"])
def test_each_list_offers_its_columns_in_the_words_that_head_them_all_ticked(
    sample: ConsoleSample, visit_as: VisitAs, language: str
) -> None:
    visit = visit_as(Role.OPERATOR_AUDITOR)
    for list_name, path in pages_of(sample).items():
        page = visit.get(f"{path}{'&' if '?' in path else '?'}lang={language}").text
        offered = offered_on(page, list_name.value)
        expected = {one.value: (one.ja if language == "ja" else one.en, True) for one in COLUMNS[list_name]}
        if language == "en":
            # “Kind” alone would not say of what in a refusal.
            expected.pop("cost-kind", None)
            offered.pop("cost-kind", None)
        assert offered == expected, list_name


def test_a_list_shows_what_was_ticked_from_then_on_to_its_reader_alone(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)
    before = heads_of(visit.get("/tenants").text)

    done = choose(
        visit, "tenants", ["code", "kind", "state", "cohort", "member-from"], ["state"], back="/tenants?state=active"
    )

    assert (done.status_code, done.location) == (303, "/tenants?state=active")
    page = visit.get(f"{done.location}&changed=2").text
    assert 'name="back" value="/tenants?state=active"' in page
    assert before == ["団体コード", "名称", "種別", "状態", "参加期", "参加開始日"]
    assert heads_of(page) == ["名称", "状態"]
    assert "4列を表示していません" in page
    assert {value: ticked for value, (_, ticked) in offered_on(page, "tenants").items()} == {
        "code": False,
        "kind": False,
        "state": True,
        "cohort": False,
        "member-from": False,
    }
    # The name still heads its row, though the column before it is gone.
    assert re.search(r'<th scope="row"><a href="/tenants/[^"]+">熊本市', page)
    assert heads_of(visit_as(Role.OPERATOR_AUDITOR).get("/tenants").text) == before
    assert [event.facts for event in recorded("columns.saved")] == [
        {"list_name": "tenants", "hidden": ["code", "cohort", "kind", "member-from"]}
    ]


def test_files_keep_every_column(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)
    before = visit.get("/tenants.xlsx").data

    choose(visit, "tenants", ["code", "kind"], [])

    sheets = [
        CalamineWorkbook.from_filelike(io.BytesIO(one)).get_sheet_by_index(0).to_python()
        for one in (before, visit.get("/tenants.xlsx").data)
    ]
    assert sheets[0] == sheets[1]
    assert "団体コード" in sheets[0][0]


def test_ticking_all_of_a_list_again_keeps_nothing(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)
    choose(visit, "costs", ["pool", "source"], ["pool"])
    choose(visit, "tenants", ["kind"], [])
    assert hidden_by(sample, Role.OPERATOR_FINANCE) == {
        ListName.COSTS: {ListColumn.SOURCE},
        ListName.TENANTS: {ListColumn.KIND},
    }
    overview = visit.get("/preferences/columns").text
    assert "出典" in overview

    done = visit.submit("/preferences/columns/costs", all="yes", back="/preferences/columns?done=shown")
    choose(visit, "tenants", ["kind"], ["kind"])

    assert hidden_by(sample, Role.OPERATOR_FINANCE) == {}
    page = visit.get(done.location).text
    assert "すべての列を表示するようにしました" in page
    assert "どの一覧にも、すべての列を表示しています" in page


def test_a_column_that_was_not_offered_stays_as_it_was_and_the_same_again_records_nothing(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.TENANT_OWNER)
    choose(visit, "audit", ["who", "tenant", "details"], ["who"])
    page = visit.get("/audit").text
    assert set(offered_on(page, "audit")) == {"who", "details"}

    choose(visit, "audit", ["who", "details"], ["who", "details"])
    assert hidden_by(sample, Role.TENANT_OWNER) == {ListName.AUDIT: {ListColumn.TENANT}}
    recorded_before = len(recorded("columns.saved"))
    choose(visit, "audit", ["who", "details"], ["who", "details"])
    choose(visit, "audit", [], [])

    assert hidden_by(sample, Role.TENANT_OWNER) == {ListName.AUDIT: {ListColumn.TENANT}}
    assert len(recorded("columns.saved")) == recorded_before


def test_what_the_audit_log_would_be_misread_without_cannot_be_left_out(
    sample: ConsoleSample, visit_as: VisitAs, caller_as: CallerAs
) -> None:
    visit = visit_as(Role.OPERATOR_AUDITOR)
    choose(visit, "audit", ["who", "tenant", "details", "outcome", "state"], [])

    assert heads_of(visit.get("/audit").text) == ["日時", "何を", "結果"]
    refused = caller_as(Role.OPERATOR_AUDITOR).send("/preferences/columns/audit", {"hidden": ["state"]}, method="PUT")
    assert (refused.status_code, refused.get_json()["code"]) == (422, "columns.not_of_the_list")
    assert hidden_by(sample, Role.OPERATOR_AUDITOR)[ListName.AUDIT] == {
        ListColumn.WHO,
        ListColumn.TENANT,
        ListColumn.DETAILS,
    }


def test_the_api_reads_and_chooses_the_same(sample: ConsoleSample, visit_as: VisitAs, caller_as: CallerAs) -> None:
    caller = caller_as(Role.TENANT_OWNER)

    chosen = caller.send("/preferences/columns/notices", {"hidden": ["due-on", "title"]}, method="PUT")

    assert (chosen.status_code, chosen.get_json()["hidden"]) == (200, ["due-on", "title"])
    listed = {one["list_name"]: one for one in caller.get("/preferences/columns").get_json()["items"]}
    assert set(listed) == {one.value for one in ListName}
    assert listed["notices"]["hidden"] == ["title", "due-on"]
    assert listed["costs"]["hidden"] == []
    assert "件名" not in heads_of(visit_as(Role.TENANT_OWNER).get("/notices").text)
    assert hidden_by(sample, Role.TENANT_FINANCE) == {}


def test_a_list_that_is_not_there_is_not_found_and_the_way_back_stays_here(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.TENANT_MEMBER)

    assert choose(visit, "nothing", ["kind"], []).status_code == 404
    assert choose(visit, "people", ["email"], [], back="https://example.jp/").location == "/preferences/columns"


def test_a_last_row_goes_with_the_figures_it_adds_up() -> None:
    name, kind, yen = column("名称", "name"), column("区分", "kind"), column("額", "yen", yen=True)
    without_kind, without_yen = [name, replace(kind, is_hidden=True), yen], [name, kind, replace(yen, is_hidden=True)]
    foot = ["計", None, "9"]

    assert [(text, span) for _, text, span in foot_cells([name, kind, yen], foot)] == [("計", 2), ("9", 1)]
    assert [(text, span) for _, text, span in foot_cells(without_kind, foot)] == [("計", 1), ("9", 1)]
    assert foot_cells(without_yen, foot) == []
