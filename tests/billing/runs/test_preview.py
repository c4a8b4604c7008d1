"""What the split of a fiscal year comes to, against figures worked out here by hand, and when there is none."""

from __future__ import annotations

import json
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from billing.costs.commands import DefineCostPool, RecordCost, define_cost_pool, record_cost
from billing.costs.states import ItemKind
from billing.runs.explanation import share_explanation
from governance.kernel.errors import Conflict
from governance.rules.commands import DraftRule, draft_rule
from tenancy.directory import StatisticKind, TenantState
from tenancy.tenants.commands import RecordStatistic, record_statistic
from tests.factories import BODY, CENSUS_DAY, EIGHT, MOST_POPULOUS, THIRTEEN, Factory

BURDEN_EXAMPLES = Path(__file__).parents[1] / "allocation" / "burden_examples.json"


def by_hand(members: dict[str, tuple[str, int]], pool_yen: int) -> dict[str, int]:
    """1/10 of the pool in equal parts, 9/10 by population, added as fractions and cut once below the yen."""
    people = sum(population for _, population in members.values())
    shares = {}
    for code, (_, population) in members.items():
        equal = Fraction(1, 10) * pool_yen / len(members)
        by_population = Fraction(9, 10) * pool_yen * Fraction(population, people)
        exact = equal + by_population
        shares[code] = exact.numerator // exact.denominator
    return shares


def by_code(factory: Factory, shares: dict) -> dict[str, int]:  # type: ignore[type-arg]
    codes = {tenant_id: code for code, tenant_id in factory.ids.items()}
    return {codes[tenant_id]: yen for tenant_id, yen in shares.items()}


def test_the_example_over_thirteen_is_what_a_clerk_works_out(thirteen: Factory) -> None:
    split = thirteen.preview()

    expected = by_hand(THIRTEEN, 12_000_000)
    assert by_code(thirteen, split.shares_yen) == expected
    assert split.operator_yen == 12_000_000
    assert split.operator_residual_yen == 12_000_000 - sum(expected.values()) == 7
    assert split.deductions_yen == 0
    assert split.total_yen == 24_000_000
    assert set(split.previous_yen.values()) == {0}


@pytest.mark.slow
def test_the_example_of_the_thirteen_most_populous_and_the_next_eight(factory: Factory) -> None:
    factory.add_members(dict(MOST_POPULOUS[:13]))
    factory.adopt(factory.draft())
    factory.record(24_000_000)
    before = factory.preview()
    factory.add_members(dict(MOST_POPULOUS[13:]))

    after = factory.preview()

    assert by_code(factory, before.shares_yen) == by_hand(dict(MOST_POPULOUS[:13]), 12_000_000)
    assert by_code(factory, after.shares_yen) == by_hand(dict(MOST_POPULOUS), 12_000_000)
    # 熊本市: 12,000,000 × (1/10 ÷ 13 + 9/10 × 738,865 ÷ 1,414,240) and the same over 21 and 1,580,430.
    assert sum(people for _, (_, people) in MOST_POPULOUS[:13]) == 1_414_240
    assert by_code(factory, before.shares_yen)["431001"] == 5_734_731
    assert by_code(factory, after.shares_yen)["431001"] == 5_106_238


def test_the_odd_yen_of_24_000_001_stays_with_the_operator_as_in_the_published_rule(factory: Factory) -> None:
    factory.add_members(THIRTEEN)
    factory.adopt(factory.draft())
    factory.record(24_000_001)

    split = factory.preview()

    example = next(e for e in json.loads(BURDEN_EXAMPLES.read_bytes())["examples"] if e["id"] == "S13")
    outcome = example["derived_outputs"]["policies"]["floor_total__residual_to_operator"]
    assert by_code(factory, split.shares_yen) == outcome["amounts"]
    assert split.operator_residual_yen == outcome["operator_residual"]
    assert split.operator_yen == 12_000_001
    exact = example["derived_outputs"]["exact_shares_as_fraction"]
    rule_allocation = split.divisions[0]
    assert {code: share_explanation(rule_allocation, code).exact_yen for code in exact} == exact


def test_the_example_over_twenty_one_asks_less_of_each_of_the_thirteen(thirteen: Factory) -> None:
    over_thirteen = by_code(thirteen, thirteen.preview().shares_yen)
    thirteen.add_members(EIGHT)

    over_all = by_code(thirteen, thirteen.preview().shares_yen)

    assert over_all == by_hand(THIRTEEN | EIGHT, 12_000_000)
    assert all(over_all[code] < over_thirteen[code] for code in THIRTEEN)


def test_every_line_of_the_workings_can_be_worked_out_from_itself(thirteen: Factory) -> None:
    split = thirteen.preview()

    lines = split.divisions[0].lines
    for code, share_yen in by_code(thirteen, split.shares_yen).items():
        exact = sum((line.pool_yen * line.ratio * line.weight / line.weight_total for line in lines[code]), Fraction())
        assert [line.component for line in lines[code]] == ["均等割", "人口割"]
        assert sum((line.exact_yen for line in lines[code]), Fraction()) == exact
        assert exact.numerator // exact.denominator == share_yen
    population = lines["435317"][1]
    assert (population.figure_date, population.figure_source) == (CENSUS_DAY, "令和2年国勢調査")
    assert population.weight == Fraction(7114)
    assert population.weight_total == Fraction(sum(people for _, people in THIRTEEN.values()))


def test_the_same_inputs_give_the_same_digest_and_any_cost_another(thirteen: Factory) -> None:
    before = thirteen.preview().digest

    assert thirteen.preview().digest == before
    thirteen.record(1)
    assert thirteen.preview().digest != before


def test_a_grant_comes_off_before_the_split(thirteen: Factory) -> None:
    thirteen.record(4_000_000, ItemKind.GRANT, "デジタル田園都市国家構想交付金")

    split = thirteen.preview()

    assert split.deductions_yen == 4_000_000
    assert split.operator_yen == 10_000_000
    assert by_code(thirteen, split.shares_yen) == by_hand(THIRTEEN, 10_000_000)


def test_a_deduction_that_the_rule_does_not_know_is_refused_by_name(thirteen: Factory) -> None:
    thirteen.record(500, ItemKind.CARRY_OVER, "前年度繰越金")

    with pytest.raises(Conflict) as refusal:
        thirteen.preview()

    assert refusal.value.code == "allocation.deduction_not_in_rule"
    assert "前年度繰越金" in refusal.value.text()


def test_a_year_without_cost_has_no_split(factory: Factory) -> None:
    factory.add_members(THIRTEEN)
    factory.adopt(factory.draft())

    with pytest.raises(Conflict) as refusal:
        factory.preview()

    assert refusal.value.code == "allocation.no_cost"
    assert "令和7年度" in refusal.value.text()


def test_a_year_without_members_has_no_split(factory: Factory) -> None:
    factory.adopt(factory.draft())
    factory.record(24_000_000)

    with pytest.raises(Conflict) as refusal:
        factory.preview()

    assert refusal.value.code == "allocation.no_members"


def test_a_rule_that_nobody_adopted_shares_nothing(factory: Factory) -> None:
    factory.add_members(THIRTEEN)
    factory.draft()
    factory.record(24_000_000)

    with pytest.raises(Conflict) as refusal:
        factory.preview()

    assert refusal.value.code == "allocation.rule_not_adopted"
    assert "運営経費" in refusal.value.text()


def test_a_member_without_its_figure_is_named_with_the_figure(factory: Factory) -> None:
    factory.add_members(THIRTEEN, without_figure=["435317"])
    factory.adopt(factory.draft())
    factory.record(24_000_000)

    with pytest.raises(Conflict) as refusal:
        factory.preview()

    assert refusal.value.code == "allocation.no_figure"
    assert refusal.value.text() == (
        "苓北町（435317）には、按分基準「人口割」に使う 令和2年10月1日（木） 現在の「人口（人）」がありません。"
    )


def test_a_figure_from_another_source_than_the_rule_asks_for_is_refused(factory: Factory) -> None:
    body = {**BODY, "components": [{**BODY["components"][1], "ratio": 1, "source": "住民基本台帳"}]}
    factory.add_members({"431001": THIRTEEN["431001"]})
    factory.adopt(factory.draft(body))
    factory.record(1_000)

    with pytest.raises(Conflict) as refusal:
        factory.preview()

    assert refusal.value.code == "allocation.wrong_source"


def test_fixed_percentages_and_weights_by_kind_stand_in_the_rule(factory: Factory) -> None:
    factory.add_members({code: THIRTEEN[code] for code in ("431001", "434035", "435317")})
    body = {
        "components": [
            {"name": "市町割", "ratio": "1/4", "basis": "equal_by_kind", "weights": {"city": 100, "town": 50}},
            {
                "name": "定率",
                "ratio": "3/4",
                "basis": "fixed",
                "weights": {"431001": "60.00", "434035": "30.00", "435317": "10.00"},
            },
        ],
        "rounding": "largest_remainder",
    }
    factory.adopt(factory.draft(body))
    factory.record(1_000)

    # 250 yen by 100:50:50 is 125, 62.5, 62.5; 750 yen by 60:30:10 is 450, 225, 75. Of the halves the lower code's is
    # rounded up: 434035 comes before 435317.
    assert by_code(factory, factory.preview().shares_yen) == {"431001": 575, "434035": 288, "435317": 137}


def test_a_fixed_weight_of_somebody_who_bears_no_cost_is_refused(factory: Factory) -> None:
    factory.add_members({"431001": THIRTEEN["431001"]})
    part = {"name": "定率", "ratio": 1, "basis": "fixed", "weights": {"431001": 60, "432024": 40}}
    factory.adopt(factory.draft({"components": [part], "rounding": "largest_remainder"}))
    factory.record(1_000)

    with pytest.raises(Conflict) as refusal:
        factory.preview()

    assert refusal.value.code == "allocation.weight_of_no_member"
    assert "432024" in refusal.value.text()


def test_a_pool_with_a_rule_of_its_own_is_shared_by_that_rule(thirteen: Factory) -> None:
    command = DraftRule(
        name="help-desk",
        label="窓口経費負担規則",
        body={"components": [{"name": "均等割", "ratio": 1, "basis": "equal"}], "rounding": "largest_remainder"},
        valid_from=date(2025, 4, 1),
    )
    thirteen.adopt(draft_rule(command, actor=thirteen.actors.finance).version_id)
    define_cost_pool(DefineCostPool(name="desk", label="窓口", rule="help-desk"), actor=thirteen.actors.finance)
    record_cost(
        RecordCost(fiscal_year=2025, pool="desk", name="問い合わせ窓口", yen=1_001, source="契約書"),
        actor=thirteen.actors.finance,
    )

    split = thirteen.preview()

    # 1,001 yen over thirteen are 77 each, to the yen; the running cost is shared as if the other pool were not there.
    expected = {code: yen + 77 for code, yen in by_hand(THIRTEEN, 12_000_000).items()}
    assert by_code(thirteen, split.shares_yen) == expected
    assert (split.total_yen, split.operator_yen, split.operator_residual_yen) == (24_001_001, 12_000_000, 7)
    assert [rule_allocation.costs.rule.name for rule_allocation in split.divisions] == ["help-desk", "running-cost"]


def test_a_rule_that_goes_by_an_unknown_statistic_is_refused_by_name(factory: Factory) -> None:
    part = {"name": "利用割", "ratio": 1, "basis": "statistic:moon_phases", "basis_date": "2025-04-01"}
    factory.add_members({"431001": THIRTEEN["431001"]})
    factory.adopt(factory.draft({"components": [part], "rounding": "largest_remainder"}))
    factory.record(1_000)

    with pytest.raises(Conflict) as refusal:
        factory.preview()

    assert refusal.value.code == "allocation.unknown_statistic"
    assert "moon_phases" in refusal.value.text()


def test_a_year_with_deductions_only_has_nothing_to_share(factory: Factory) -> None:
    factory.add_members({"431001": THIRTEEN["431001"]})
    factory.adopt(factory.draft())
    factory.record(1_000, ItemKind.GRANT, "交付金")

    with pytest.raises(Conflict) as refusal:
        factory.preview()

    assert refusal.value.code == "allocation.only_deductions"


def test_figures_of_different_dates_are_not_mixed(factory: Factory) -> None:
    factory.add_members({code: THIRTEEN[code] for code in ("431001", "432024")})
    body = {**BODY, "components": [BODY["components"][0], {**BODY["components"][1], "basis_date": "year-04-01"}]}
    factory.adopt(factory.draft(body))
    factory.record(1_000)
    record_statistic(
        RecordStatistic(
            tenant_id=factory.ids["431001"],
            kind=StatisticKind.POPULATION,
            value="740000",
            basis_date=date(2025, 4, 1),
            source="国勢調査による推計",
        ),
        actor=factory.actors.onboarding,
    )

    with pytest.raises(Conflict) as refusal:
        factory.preview()

    assert refusal.value.code == "allocation.dates_differ"
    assert "八代市" in refusal.value.text()


def test_a_member_that_is_suspended_still_bears_its_share(thirteen: Factory) -> None:
    before = thirteen.preview().shares_yen

    thirteen.change_state("435317", TenantState.SUSPENDED)

    assert thirteen.preview().shares_yen == before
