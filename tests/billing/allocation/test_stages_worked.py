"""The worked numbers of published rules and of the rules' reference, through the command, to the yen."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from tests.billing.allocation.stages_cases import (
    ARAO,
    ASAGIRI,
    CUT,
    HITOYOSHI,
    KINDS,
    KUMAMOTO,
    POPULATION,
    TAMANA,
    UBUYAMA,
    Json,
    answer,
    case,
    census,
    fixed,
    pool,
    rounding,
    rule,
    shares,
    split,
)
from tests.billing.allocation.test_burden_examples import WORKED

ABC = ("A", "B", "C")
EQUAL: Json = {"ratio": 1, "basis": "equal"}
HALF: Json = {"stage": "operator", "bears": "ratio", "ratio": "1/2"}


def test_deducting_before_the_operators_half_is_not_the_same_as_after() -> None:
    grant = [{"kind": "grant", "yen": 1_000_000}]
    deduct = {"stage": "deduct", "kinds": ["grant"]}

    first = answer(case(rule(pool(), deduct, HALF, split(EQUAL), CUT), 24_000_001, ["A"], deductions_yen=grant))
    after = answer(case(rule(pool(), HALF, deduct, split(EQUAL), CUT), 24_000_001, ["A"], deductions_yen=grant))

    assert (sum(first["shares_yen"].values()), first["operator_yen"]) == (11_500_000, 11_500_001)
    assert sum(after["shares_yen"].values()) == 11_000_000
    assert first["deductions_yen"] == after["deductions_yen"] == 1_000_000


def test_the_operators_first_yen_before_or_after_its_half() -> None:
    first = {"stage": "operator", "bears": "first_up_to", "yen": 4_000_000}

    assert answer(case(rule(pool(), first, HALF, split(EQUAL), CUT), 10**7, ["A"]))["operator_yen"] == 7_000_000
    assert answer(case(rule(pool(), HALF, first, split(EQUAL), CUT), 10**7, ["A"]))["operator_yen"] == 9_000_000


@pytest.mark.parametrize("amounts_are_figures", [False, True])
def test_what_is_taken_out_is_put_back_to_the_member_it_belongs_to(amounts_are_figures: bool) -> None:
    own = {"A": 6_000_000, "B": 3_000_000, "C": 1_000_000}
    take_out: Json = {"stage": "attribute", "what": "特別交付税", "mode": "take_out_and_put_back"}
    figures = []
    if amounts_are_figures:
        take_out["basis"] = "amount:special_allocation_tax"
        figures = [{"basis": take_out["basis"], "member": m, "value": v, "on": "2026-04-01"} for m, v in own.items()]
    else:
        take_out["to"] = own
    by_need = split({"ratio": "4/100", "basis": "equal"}, fixed({"A": 5, "B": 3, "C": 2}, "96/100"))

    found = answer(case(rule(pool(), take_out, by_need, CUT), 10**8, ABC, figures=figures))

    assert list(found["shares_yen"].values()) == [50_400_000, 30_120_000, 19_480_000]


@pytest.mark.parametrize(
    ("factors", "expected", "operator"),
    [
        ({"joining": "weight"}, [4_800_000, 4_800_000, 2_400_000], 0),
        ({"joining": "periods"}, [5_000_000, 5_000_000, 2_000_000], 0),
        ({"joining": "discount", "borne_by": "operator"}, [4_000_000, 4_000_000, 2_000_000], 2_000_000),
        ({"joining": "discount", "borne_by": "member", "member": "A"}, [6_000_000, 4_000_000, 2_000_000], 0),
        ({"joining": "weight", "by": "year"}, [4_000_000, 4_000_000, 4_000_000], 0),
    ],
)
def test_a_joiner_in_october_counts_half_a_year_in_the_way_the_rule_says(
    factors: Json, expected: list[int], operator: int
) -> None:
    members = {"A": {}, "B": {}, "C": {"joined_on": "2026-10-01"}}

    found = answer(case(rule(pool(), split(EQUAL | {"factors": factors}), CUT), 12_000_000, members))

    assert list(found["shares_yen"].values()) == expected
    assert found["operator_yen"] == operator


def test_a_joiners_days_count_over_the_days_of_the_year() -> None:
    members = {"A": {}, "B": {"joined_on": "2026-10-01"}}
    by_days = EQUAL | {"factors": {"joining": "weight", "by": "days"}}

    found = answer(case(rule(pool(), split(by_days), CUT), 547 * 1000, members))

    # 182 of 365 days, from 1 October to 31 March.
    assert found["shares_yen"] == {"A": 365_000, "B": 182_000}


@pytest.mark.parametrize(
    ("joined", "year", "factor"),
    [
        ("2008-07-01", 2008, 0),
        ("2008-07-01", 2009, 0),
        ("2008-07-01", 2010, 1),
        ("2009-07-01", 2009, 0),
        ("2009-07-01", 2010, Fraction(1, 2)),
        ("2009-07-01", 2011, 1),
    ],
)
def test_a_waiver_goes_by_the_year_of_joining(joined: str, year: int, factor: Fraction) -> None:
    # S11: joined in fiscal 2008, two years waived; joined in 2009, one waived and one half.
    waivers = [{"joined_fiscal_year": 2008, "factors": [0, 0]}, {"joined_fiscal_year": 2009, "factors": [0, "1/2"]}]
    factors = {"joining": "discount", "by": "year", "borne_by": "operator", "waivers": waivers}
    body = rule(pool(), split(EQUAL | {"factors": factors}), CUT)
    given = case(body, 2_000_000, {"A": {}, "B": {"joined_on": joined}}) | {"fiscal_year": year}

    found = answer(given)

    assert found["shares_yen"] == {"A": 1_000_000, "B": 1_000_000 * factor}
    assert found["operator_yen"] == 1_000_000 * (1 - factor)


def test_who_leaves_owes_the_whole_year_unless_the_rule_says_otherwise() -> None:
    members = {"A": {}, "B": {"left_on": "2026-09-30"}}
    whole = split(EQUAL | {"factors": {"joining": "weight"}})
    months = split(EQUAL | {"factors": {"joining": "weight", "leaving": "until_leaving"}})

    assert shares(case(rule(pool(), whole, CUT), 900, members)) == [450, 450]
    assert shares(case(rule(pool(), months, CUT), 900, members)) == [600, 300]


@pytest.mark.parametrize(
    ("average", "expected"), [("sum_of_years", Fraction(300, 1200)), ("mean_of_shares", Fraction(11, 36))]
)
def test_the_sum_of_the_years_is_not_the_mean_of_the_yearly_shares(average: str, expected: Fraction) -> None:
    used = {"A": (100, 100, 100), "B": (100, 300, 500)}
    figures = [
        {"basis": "usage:api_calls", "member": member, "value": value, "on": f"{2023 + place}-06-30"}
        for member, values in used.items()
        for place, value in enumerate(values)
    ]
    usage = {"ratio": 1, "basis": "usage:api_calls", "at": {"years": 3}, "average": average}

    found = shares(case(rule(pool(), split(usage), CUT), 36_000_000, used, figures=figures))

    assert found[0] == expected * 36_000_000


def test_ratios_are_multiplied_as_they_are_printed() -> None:
    table = {"A": "0.333", "B": "0.333", "C": "0.334"}
    printed = {"stage": "split", "ratios_as_printed": table, "places": 3}

    assert shares(case(rule(pool(), printed, CUT), 10**7, ABC)) == [3_330_000, 3_330_000, 3_340_000]
    exact = answer(case(rule(pool(), split(fixed(dict.fromkeys(ABC, "33.3"))), CUT), 10**7, ABC))
    assert {row["exact"] for row in exact["workings"] if "/share/" in row["id"]} == {"10000000/3"}


@pytest.mark.parametrize("borne", ["operator", "carry_over"])
def test_printed_ratios_that_do_not_add_up_leave_the_difference_in_the_rest(borne: str) -> None:
    rounded = split(EQUAL, ratios_as_printed=True, places=3)

    found = answer(case(rule(pool(), rounded, rounding("floor_total", remainder_to=borne)), 10**7, ABC))

    assert list(found["shares_yen"].values()) == [3_330_000] * 3
    assert found["stages"][1]["rest_yen"] == 10_000
    assert found["operator_residual_yen"] == (10_000 if borne == "operator" else 0)
    assert found["carried_over_yen"] == (10_000 if borne == "carry_over" else 0)


def test_items_cut_one_by_one_leave_more_than_items_cut_together() -> None:
    items = {"あ": 100, "い": 100, "う": 100}
    one_by_one = rule(*(stage for name in items for stage in (pool(name), split(EQUAL), CUT)))
    each_split_then_once = rule(*(stage for name in items for stage in (pool(name), split(EQUAL))), CUT)

    apart = answer(case(one_by_one, items, ABC))

    assert (list(apart["shares_yen"].values()), apart["operator_residual_yen"]) == ([99] * 3, 3)
    assert apart["paradoxes"] == []
    assert shares(case(rule(pool(*items), split(EQUAL), CUT), items, ABC)) == [100] * 3
    assert shares(case(each_split_then_once, items, ABC)) == [100] * 3


@pytest.mark.parametrize("example", WORKED, ids=[example["id"] for example in WORKED])
@pytest.mark.parametrize(
    "policy",
    [
        "floor_total__residual_to_operator",
        "floor_total__residual_to_largest_share",
        "largest_remainder",
        "floor_each_component__residual_to_operator",
        "round_half_up__residual_to_operator",
    ],
)
def test_the_derived_examples_come_out_as_stages(example: Json, policy: str) -> None:
    inputs, expected = example["inputs"], example["derived_outputs"]["policies"][policy]
    components = [fixed(part["weights"], part["ratio"], name=part["name"]) for part in inputs["components"]]
    operator = [HALF] if "operator_share" in inputs else []
    body = rule(pool(), *operator, split(*components), rounding(policy, inputs["unit_yen"]))

    found = answer(case(body, inputs["total_yen"], inputs["components"][0]["weights"]))

    assert found["shares_yen"] == expected["amounts"]
    assert found["operator_residual_yen"] == expected.get("operator_residual", 0)


def test_one_yen_more_in_total_may_be_one_yen_less_for_a_member() -> None:
    members = [KUMAMOTO, HITOYOSHI, UBUYAMA]
    by_people = split({"ratio": 1, "basis": "statistic:population", "at": "2020-10-01"})
    body = rule(pool(), by_people, rounding("largest_remainder"))

    found = answer(case(body, 1323, members, figures=census(members)))
    more = answer(case(body, 1324, members, figures=census(members)))

    assert list(found["shares_yen"].values()) == [1267, 53, 3]
    assert list(more["shares_yen"].values()) == [1268, 54, 2]
    note = {"cost_class": "運用", "more_yen": 1, "share_yen": 3, "share_with_more_yen": 2}
    assert found["paradoxes"] == more["paradoxes"] == [{"member": UBUYAMA} | note]
    assert answer(case(body, 1322, members, figures=census(members)))["paradoxes"] == []


def test_a_basis_to_a_power_is_the_rounded_weight() -> None:
    people = {"A": 10_000, "B": 20_000, "C": 40_000, "D": 14_676}
    figures = [
        {"basis": "statistic:population", "member": member, "value": value, "on": "2020-10-01"}
        for member, value in people.items()
    ]
    power = {"doubling": "3/2", "reference": 10_000, "places": 12}
    basis = {"ratio": 1, "basis": "statistic:population", "power": power}
    body = rule(pool(), split(basis), CUT)

    found = answer(case(body, 4_750_000, people, figures=figures))
    without_d = answer(case(body, 4_750_000, ABC, figures=figures))

    weights = {row["member"]: row["exact"] for row in found["workings"] if "/weight/" in row["id"]}
    assert {member: Fraction(weight) for member, weight in weights.items()} == {
        "A": 1,
        "B": Fraction(3, 2),
        "C": Fraction(9, 4),
        "D": Fraction("1.251581856056"),
    }
    assert list(without_d["shares_yen"].values()) == [1_000_000, 1_500_000, 2_250_000]
    rough = basis | {"power": {"doubling": "3/2", "places": 6}}
    found_rough = shares(case(rule(pool(), split(rough), CUT), 4_750_000, ABC, figures=figures))
    assert found_rough == [999_999, 1_499_999, 2_250_000]


def test_caps_and_floors_fill_to_one_level() -> None:
    limit = {"stage": "limit", "cap": {"A": 400}, "floor": {"C": 120}, "measure": "yen", "excess_to": "others"}
    body = rule(pool(), split(fixed({"A": 6, "B": 3, "C": 1})), limit, CUT)

    found = answer(case(body, 1000, ABC))

    assert list(found["shares_yen"].values()) == [400, 450, 150]
    level = next(row for row in found["workings"] if row["formula"] == "level")
    assert Fraction(level["exact"]) == Fraction(150, 100)
    states = [row["state"] for row in found["workings"] if row["formula"] == "clamp_at_level"]
    assert states == ["at_cap", "within", "within"]


def test_an_excess_that_the_operator_bears_moves_nobody_else() -> None:
    limit = {"stage": "limit", "cap": {"A": 400}, "measure": "yen", "excess_to": "operator"}

    found = answer(case(rule(pool(), split(fixed({"A": 6, "B": 3, "C": 1})), limit, CUT), 1000, ABC))

    assert (list(found["shares_yen"].values()), found["operator_yen"]) == ([400, 300, 100], 200)


def test_who_had_no_share_last_year_has_no_cap() -> None:
    limit = {"stage": "limit", "cap": 1, "measure": "of_previous", "excess_to": "others"}
    body = rule(pool(), split(EQUAL), limit, CUT)

    assert shares(case(body, 900, ABC, previous_yen={"A": 100, "B": 200})) == [100, 200, 600]


def test_a_limit_of_the_total_counts_what_is_attributed_but_does_not_lower_it() -> None:
    direct = {"stage": "attribute", "what": "専用線", "to": {"A": 350}}
    limit = {"stage": "limit", "cap": {"A": 400}, "measure": "yen", "on": "total", "excess_to": "others"}
    tight = limit | {"cap": {"A": 300}}

    assert shares(case(rule(pool(), direct, split(EQUAL), limit, CUT), 950, ABC)) == [400, 275, 275]
    assert shares(case(rule(pool(), direct, split(EQUAL), tight, CUT), 950, ABC)) == [350, 300, 300]


@pytest.mark.parametrize(
    ("share", "stage", "expected"),
    [
        (7_000_000, {"count": 6}, [1_166_670, *[1_166_666] * 5]),
        (5_907_051, {"count": 4}, [1_476_765, *[1_476_762] * 3]),
        (
            1_234_567,
            {"count": 4, "unit_yen": 1000, "round": "up", "odd_to": "last"},
            [309_000, 309_000, 309_000, 307_567],
        ),
        (10_000_000, {"count": 4, "not_above_yen": 10_000_000}, [10_000_000]),
        (10_000_001, {"count": 4, "not_above_yen": 10_000_000}, [2_500_001, 2_500_000, 2_500_000, 2_500_000]),
    ],
)
def test_instalments_have_their_own_rounding(share: int, stage: Json, expected: list[int]) -> None:
    body = rule(pool(), split(EQUAL), CUT, {"stage": "instalments"} | stage)

    found = answer(case(body, share, ["A"]))

    assert [payment["yen"] for payment in found["instalments"]["A"]] == expected


def test_the_first_sentence_half_by_the_prefecture_then_equal_and_by_population() -> None:
    given = next(example for example in WORKED if example["id"] == "S13")
    members = list(given["inputs"]["components"][0]["weights"])
    body = rule(
        pool(),
        HALF,
        split(
            {"ratio": "10/100", "basis": "equal"},
            {"ratio": "90/100", "basis": "statistic:population", "at": "2020-10-01", "source": "国勢調査"},
        ),
        CUT,
    )

    found = answer(case(body, 24_000_001, members, figures=census(members)))

    assert found["shares_yen"] == given["derived_outputs"]["policies"]["floor_total__residual_to_operator"]["amounts"]
    assert found["shares_yen"][KUMAMOTO] == 5_907_051
    assert (found["operator_yen"], found["operator_residual_yen"]) == (12_000_001, 7)


def second_sentence() -> Json:
    """Carry-over off, the first 4,000,000 yen by the prefecture, 20:80, at most 110 % of last year."""
    members = [HITOYOSHI, ARAO, TAMANA, ASAGIRI]
    body = rule(
        pool(),
        {"stage": "deduct", "kinds": ["carry_over"]},
        {"stage": "operator", "bears": "first_up_to", "yen": 4_000_000},
        split(
            {"ratio": "20/100", "basis": "equal_by_kind", "weights": {"city": 100, "town": 50, "village": 50}},
            {"ratio": "80/100", "basis": "statistic:population", "at": "2020-10-01", "source": "国勢調査"},
        ),
        {"stage": "limit", "cap": "110/100", "measure": "of_previous", "excess_to": "others"},
        rounding("largest_remainder"),
    )
    return case(
        body,
        12_345_678,
        {code: {"kind": KINDS[code]} for code in members},
        figures=census(members),
        deductions_yen=[{"kind": "carry_over", "yen": 345_678}],
        previous_yen=dict(zip(members, (1_700_000, 2_400_000, 3_000_000, 700_000), strict=True)),
    )


def test_the_second_sentence_a_cap_whose_excess_the_others_bear() -> None:
    found = answer(second_sentence())

    before = [row for row in found["workings"] if row["id"].startswith("limit_4/before/")]
    uncapped = [f"{float(Fraction(row['exact'])):.2f}" for row in before]
    assert uncapped == ["1694441.19", "2478949.11", "3014310.93", "812298.78"]
    limited = [row for row in found["workings"] if row["id"].startswith("limit_4/limited/")]
    capped = [f"{float(Fraction(row['exact'])):.2f}" for row in limited]
    assert capped == ["1704412.78", "2493537.43", "3032049.79", "770000.00"]
    assert list(found["shares_yen"].values()) == [1_704_413, 2_493_537, 3_032_050, 770_000]
    assert found["operator_yen"] == 4_000_000


def third_sentence() -> Json:
    """One function's cost by its user, the rest by three years' calls, a joiner of October, thousands, four parts."""
    calls = {HITOYOSHI: 210_000, ARAO: 300_000, TAMANA: 450_000, ASAGIRI: 120_000}
    body = rule(
        pool(),
        {"stage": "attribute", "what": "個別機能", "to": TAMANA},
        split({"ratio": 1, "basis": "usage:api_calls", "at": {"years": 3}, "factors": {"joining": "weight"}}),
        rounding("floor_total", 1000, remainder_to="largest"),
        {"stage": "instalments", "count": 4, "unit_yen": 1000},
        applies_to={"from_fiscal_year": 2026},
        in_force="promulgation",
    )
    members: dict[str, Any] = {code: {} for code in calls}
    members[ASAGIRI] = {"joined_on": "2026-10-01"}
    figures = [
        {"basis": "usage:api_calls", "member": code, "value": count // 3, "on": f"{year}-09-30"}
        for code, count in calls.items()
        for year in (2023, 2024, 2025)
    ]
    return case(body, {"個別機能": 1_500_000, "運用": 10_500_000}, members, figures=figures)


def test_the_third_sentence_direct_usage_a_joiner_and_instalments() -> None:
    found = answer(third_sentence())

    assert found["shares_yen"] == {
        HITOYOSHI: 2_161_000,
        ARAO: 3_088_000,
        TAMANA: 4_634_000 + 1_500_000,
        ASAGIRI: 617_000,
    }
    assert [payment["yen"] for payment in found["instalments"][TAMANA]] == [1_535_000, *[1_533_000] * 3]


def test_stand_alone_costs_are_shared_by_steps_or_by_what_is_separable() -> None:
    def figures(basis: str, values: dict[str, int]) -> list[Json]:
        return [{"basis": basis, "member": m, "value": v, "on": "2026-04-01"} for m, v in values.items()]

    airport = split({"ratio": 1, "basis": "alone", "method": "tiers"})
    steps = figures("alone", {"A": 8, "B": 11, "C": 18})
    assert shares(case(rule(pool(), airport, rounding("largest_remainder")), 18_000, ABC, figures=steps)) == [
        # 8/3 each, then 3/2 by two, then 7 by one.
        2_667,
        4_167,
        11_166,
    ]
    scrb = split({"ratio": 1, "basis": "alone", "method": "scrb"})
    game = figures("alone", {"A": 18, "B": 13, "C": 6}) + figures("alone:without", {"A": 13, "B": 24, "C": 19})
    assert shares(case(rule(pool(), scrb, CUT), 25, ABC, figures=game)) == [14, 5, 6]


def test_every_member_of_the_three_sentences_has_its_population() -> None:
    assert [POPULATION[code] for code in (HITOYOSHI, ARAO, TAMANA, ASAGIRI)] == [31_108, 50_832, 64_292, 14_676]
