"""Costs and rules on the screen: entered, confirmed, carried out once, and refused at the field that is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from billing.costs.queries import cost_items, cost_pools
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.fiscal_year import FiscalYear
from governance.permissions import Role
from governance.rules.cost_sharing import read_cost_sharing
from governance.rules.queries import RuleVersionFacts, rule_versions
from tests.admin.console.conftest import ConsoleSample
from tests.admin.console.test_forms import hidden
from tests.admin.console.test_issuing_notices import text_of
from tests.admin.console.test_record_forms import approve_on_the_page
from tests.admin.visitors import Visit
from tests.factories import BODY, IN_FISCAL_YEAR_2025

VisitAs = Callable[[Role], Visit]

COST = {
    "fiscal_year": "2025",
    "pool": "running",
    "kind": "cost",
    "name": "監視の委託",
    "yen": "1,200,000",
    "source": "契約 第12号",
    "incurred_on": "R7.5.1",
    "tax_kind": "out_of_scope",
    "tax_reason": "",
}

RULE = {
    "name": "running-cost",
    "label": "運営経費負担規則",
    "valid_from": "2026-04-01",
    "valid_until": "",
    "name_1": "均等割",
    "ratio_1": "0.2",
    "basis_1": "equal",
    "name_2": "人口割",
    "ratio_2": "4/5",
    "basis_2": "statistic:population",
    "basis_date_2": "2020-10-01",
    "source_2": "国勢調査",
    "operator_ratio": "1/2",
    "rounding": "largest_remainder",
    "unit_yen": "1",
    "deductions": "grant",
}


@pytest.fixture(autouse=True)
def in_the_year() -> Iterator[None]:
    with clock.at(IN_FISCAL_YEAR_2025):
        yield


def recorded_costs() -> dict[str, int]:
    with tenant_scope(OPERATOR):
        return {item.name: item.yen for item in cost_items(db.session(), FiscalYear(2025))}


def versions() -> list[RuleVersionFacts]:
    with tenant_scope(OPERATOR):
        return rule_versions(db.session())


def test_a_cost_is_confirmed_with_the_years_sum_and_recorded_once(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)

    confirm = visit.submit("/costs/record", step="confirm", key="c", **COST)
    unwritten = recorded_costs()
    sent = hidden(confirm)
    first = visit.submit("/costs/record", **{**sent, "step": "apply"})
    second = visit.submit("/costs/record", **{**sent, "step": "apply"})

    assert "24,000,000円 → 25,200,000円" in confirm.text
    assert "すでに記帳されています" in confirm.text
    assert "監視の委託" not in unwritten
    assert (first.status_code, second.status_code) == (303, 303)
    assert recorded_costs() == {**unwritten, "監視の委託": 1_200_000}
    assert "経費を登録しました" in visit.get(first.headers["Location"]).text


WRONG_COSTS = (
    ("yen", "百円", "金額ではありません"),
    ("yen", "0", "1 円以上"),
    ("yen", "-5", "1 円以上"),
    ("yen", "5.5", "5.5"),
    ("yen", "9223372036854775808", "円以下"),
    ("yen", "", "入力してください"),
    ("fiscal_year", "令和7月", "会計年度として読めません"),
    ("fiscal_year", "1234", "1234"),
    ("incurred_on", "2026-04-01", "属しません"),
    ("source", " ", "入力してください"),
    ("kind", "gift", "選択肢"),
    ("tax_kind", "taxable_10", "理由"),
    ("pool", "nothing", "選択肢"),
)


def test_an_invalid_cost_is_shown_at_its_field_and_not_recorded(
    sample: ConsoleSample, visit_as: VisitAs, subtests: pytest.Subtests
) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)
    before = recorded_costs()

    for field, typed, expected in WRONG_COSTS:
        with subtests.test(field=field, typed=typed):
            answer = visit.submit("/costs/record", step="apply", key="c", **{**COST, field: typed})

            field_in_error = "tax_reason" if field == "tax_kind" else field
            assert answer.status_code == 422
            assert f'href="#{field_in_error}"' in answer.text
            assert expected in answer.text
            assert 'value="監視の委託"' in answer.text
            assert recorded_costs() == before


@pytest.mark.parametrize("typed", ["１，２００，０００円", "120万円", "1,200千円"])
def test_an_amount_is_understood_as_offices_write_it_and_echoed(
    sample: ConsoleSample, visit_as: VisitAs, typed: str
) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)
    given = {**COST, "yen": typed, "incurred_on": "令和７年５月１日"}

    confirm = visit.submit("/costs/record", step="confirm", key="e", **given).text
    recorded = visit.submit("/costs/record", step="apply", key="e", **given)

    assert "1,200,000円" in confirm
    assert "令和7年5月1日（木）" in confirm
    assert recorded.status_code == 303
    assert recorded_costs()["監視の委託"] == 1_200_000


def test_a_fiscal_year_is_chosen(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)
    for address in ("/costs/record", "/allocations/prepare"):
        page = visit.get(address).text
        assert '<option value="2025" selected>令和7年度</option>' in page, address
        assert 'value="2027"' in page


def test_the_summary_counts_the_errors_and_names_each_field(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)

    page = visit.submit(
        "/costs/record", step="confirm", key="n", **{**COST, "yen": "百円", "incurred_on": "きのう", "name": ""}
    )

    assert page.status_code == 422
    assert "入力内容を確かめてください（3件）" in page.text
    for name, label in (("yen", "額（円）"), ("incurred_on", "発生日"), ("name", "名称")):
        summary = re.search(rf'<a href="#{name}">(.*?)</a>', page.text)
        assert summary is not None
        assert f"「{label}」" in summary[1]


def test_a_cost_is_withdrawn_with_a_reason_once_and_stays_to_be_seen(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)
    address = f"/costs/{sample.item_id}/withdraw"

    without = visit.submit(address, step="apply", key="w", reason="")
    kept = recorded_costs()
    first = visit.submit(address, step="apply", key="w", reason="二重計上")
    second = visit.submit(address, step="apply", key="w2", reason="別の理由")

    assert without.status_code == 422
    assert len(kept) == 1
    assert (first.status_code, second.status_code) == (303, 409)
    assert recorded_costs() == {}
    page = visit.get("/costs?fiscal_year=2025").text
    assert "登録を取り消した経費" in page
    assert "二重計上" in page
    assert "別の理由" not in page


def test_a_pool_is_defined_with_its_rule(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)
    pool = {"name": "windows", "label": "窓口経費", "rule": "running-cost"}

    wrong = visit.submit("/costs/pools/new", step="apply", key="p", **{**pool, "rule": "nothing"})
    capital = visit.submit("/costs/pools/new", step="apply", key="p1", **{**pool, "name": "Windows"})
    right = visit.submit("/costs/pools/new", step="apply", key="p2", **pool)

    assert (wrong.status_code, capital.status_code, right.status_code) == (422, 422, 303)
    with tenant_scope(OPERATOR):
        assert [one.label for one in cost_pools(db.session()) if one.name == "windows"] == ["窓口経費"]


def test_a_municipality_sees_no_items_and_where_to_find_its_share(sample: ConsoleSample, visit_as: VisitAs) -> None:
    page = visit_as(Role.TENANT_OWNER).get("/costs?fiscal_year=2025").text

    assert "負担額の算定根拠" in page
    assert "24,000,000" not in page
    assert "登録を取り消す" not in page


def test_a_version_is_drafted_from_the_one_in_force_and_adopted_by_a_decision(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)
    address = f"/rules/draft?after={sample.rule_version_id}"

    shown = visit.get(address)
    confirm = visit.submit(address, step="confirm", key="r", **RULE)
    count_before = len(versions())
    drafted = visit.submit(address, step="apply", key="r", **RULE)
    again = visit.submit(address, step="apply", key="r", **RULE)

    assert 'value="人口割"' in shown.text
    assert 'value="90％"' in shown.text
    assert "20.0%" in confirm.text
    assert "もとの第1版" in confirm.text
    assert count_before == 1
    assert (drafted.status_code, again.status_code) == (303, 303)
    first, second = versions()
    assert second.name == "running-cost"
    assert second.decision is None
    assert read_cost_sharing(second.body).components[1].basis_text == "statistic:population"

    page = drafted.headers["Location"].partition("?")[0]
    assert "案（議決前）" in visit.get(page).text
    decision: dict[str, Any] = {"decided_by": "協議会", "decision_number": "議案第3号", "decided_on": "2025-05-30"}
    early = visit.submit(f"{page}/adopt", step="apply", key="a1", **{**decision, "decided_on": "2025-06-30"})
    sure = visit.submit(f"{page}/adopt", step="confirm", key="a2", **decision)
    adopted = visit.submit(f"{page}/adopt", step="apply", key="a2", **decision)

    assert early.status_code == 422
    assert 'href="#decided_on"' in early.text
    assert "第1版は" in sure.text
    assert adopted.status_code == 303
    assert "案（議決前）" in visit.get(page).text
    approver = visit_as(Role.OPERATOR_APPROVER)
    assert "第1版" in approver.get(adopted.headers["Location"]).text
    approve_on_the_page(approver, adopted.headers["Location"])
    assert "施行予定" in visit.get(page).text
    ended, current_version = versions()
    assert str(ended.valid_until) == "2026-04-01"
    assert current_version.decision is not None
    assert first.body == BODY


def test_a_rule_is_drafted_in_the_words_of_the_office(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)
    words = {"ratio_1": "２０％", "ratio_2": "80%", "operator_ratio": "50％", "basis_date_2": "前年の10月1日"}

    drafted = visit.submit("/rules/draft", step="apply", key="w", **{**RULE, **words})

    assert drafted.status_code == 303
    found = read_cost_sharing(versions()[-1].body)
    assert [str(part.ratio) for part in found.components] == ["1/5", "4/5"]
    assert str(found.operator_ratio) == "1/2"
    assert found.components[1].basis_date.text == "previous-10-01"  # type: ignore[union-attr]
    again = visit.get(f"/rules/draft?after={versions()[-1].id}").text
    assert 'value="前年の10月1日"' in again
    assert 'value="20％"' in again
    assert "previous-10-01" not in again


WRONG_RULES: tuple[tuple[dict[str, str], str], ...] = (
    ({"ratio_2": "0.7"}, "ratio_1"),
    ({"ratio_2": "八割"}, "ratio_2"),
    ({"ratio_2": ""}, "ratio_2"),
    ({"name_2": "均等割"}, "name_2"),
    ({"basis_date_2": ""}, "basis_date_2"),
    ({"basis_date_2": "2020-13-01"}, "basis_date_2"),
    ({"weights_1": "431001=1"}, "weights_1"),
    ({"basis_1": "fixed"}, "weights_1"),
    ({"basis_1": "fixed", "weights_1": "431001"}, "weights_1"),
    ({"basis_1": "fixed", "weights_1": "431001=-1"}, "weights_1"),
    ({"basis_1": "luck"}, "basis_1"),
    ({"operator_ratio": "1"}, "operator_ratio"),
    ({"rounding": "up"}, "rounding"),
    ({"unit_yen": "0"}, "unit_yen"),
    ({"valid_from": ""}, "valid_from"),
    ({"valid_until": "2026-01-01"}, "valid_until"),
)


def test_an_invalid_rule_is_shown_at_its_field_and_not_drafted(
    sample: ConsoleSample, visit_as: VisitAs, subtests: pytest.Subtests
) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)
    typed = {f"{part}_{row}": "" for part in ("basis_date", "source", "weights") for row in (1, 2)}

    for changes, field_in_error in WRONG_RULES:
        with subtests.test(**changes):
            answer = visit.submit("/rules/draft", step="apply", key="r", **{**typed, **RULE, **changes})

            assert answer.status_code == 422
            assert f'href="#{field_in_error}"' in answer.text
            assert len(versions()) == 1


def test_a_draft_that_nobody_decided_cannot_be_ended_and_an_end_is_not_moved_into_the_past(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)
    drafted = visit.submit("/rules/draft", step="apply", key="r", **RULE).headers["Location"].partition("?")[0]

    undecided = visit.submit(f"{drafted}/end", step="apply", key="e1", valid_until="2027-03-31")
    past = visit.submit(f"/rules/{sample.rule_version_id}/end", step="apply", key="e2", valid_until="2025-05-01")
    moved = visit.submit(f"/rules/{sample.rule_version_id}/end", step="apply", key="e3", valid_until="令和8年3月31日")

    assert (undecided.status_code, past.status_code, moved.status_code) == (409, 422, 303)
    assert "令和8年3月31日（火） まで" in text_of(visit.get(f"/rules/{sample.rule_version_id}").text)
    # The form that is opened again has in it what its reader typed, and not the day after it.
    assert 'value="令和8年3月31日（火）"' in visit.get(f"/rules/{sample.rule_version_id}/end?fresh=1").text
    assert str(versions()[0].valid_until) == "2026-04-01"
    assert versions()[1].valid_until is None
