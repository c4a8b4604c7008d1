"""Published vectors of apportionment, as rules of stages (reference: peers, TV-7, 8 and 14 to 18)."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.billing.allocation.stages_cases import (
    CUT,
    Json,
    answer,
    case,
    fixed,
    pool,
    rounding,
    rule,
    shares,
    split,
)

SEATS_OF_1790 = {
    "CT": (236_841, 8, 7),
    "DE": (55_540, 2, 2),
    "GA": (70_835, 2, 2),
    "KY": (68_705, 2, 2),
    "MA": (475_327, 16, 14),
    "MD": (278_514, 9, 8),
    "NC": (353_523, 12, 10),
    "NH": (141_822, 5, 4),
    "NJ": (179_570, 6, 5),
    "NY": (331_589, 11, 10),
    "PA": (432_879, 14, 13),
    "RI": (68_446, 2, 2),
    "SC": (206_236, 7, 6),
    "VA": (630_560, 21, 18),
    "VT": (85_533, 3, 2),
}
"""State → people, seats of 120 and of 105 by Hamilton's method (TV-7)."""

HAMILTON = rounding("largest_remainder")


@pytest.mark.parametrize(("seats", "column"), [(120, 1), (105, 2)])
def test_tv7_hamiltons_apportionment_of_1790(seats: int, column: int) -> None:
    people = {state: row[0] for state, row in SEATS_OF_1790.items()}

    found = answer(case(rule(pool(), split(fixed(people)), HAMILTON), seats, people))

    assert sum(people.values()) == 3_615_920
    assert found["shares_yen"] == {state: row[column] for state, row in SEATS_OF_1790.items()}


def test_tv8_one_more_in_total_may_be_one_less_for_the_smallest() -> None:
    weights = {"A": 6, "B": 6, "C": 2}
    body = rule(pool(), split(fixed(weights)), HAMILTON)

    assert shares(case(body, 10, weights)) == [4, 4, 2]
    assert shares(case(body, 11, weights)) == [5, 5, 1]


@pytest.mark.parametrize(("total", "expected"), [(24_000, [12_000, 7_200, 4_800]), (28_800, [14_400, 8_640, 5_760])])
def test_tv14_a_split_by_agreed_ratios(total: int, expected: list[int]) -> None:
    ratios = {"A": ".50", "B": ".30", "C": ".20"}
    body = rule(pool(), split(fixed({member: f"0{ratio}" for member, ratio in ratios.items()})), CUT)

    assert shares(case(body, total, ratios)) == expected
    assert shares(case(body, 240, ratios)) == [120, 72, 48]


def test_tv15_tax_is_cut_once_for_each_rate_and_never_line_by_line() -> None:
    tenth: Json = {"stage": "operator", "bears": "ratio", "ratio": "1/10", "odd_yen": "members"}
    lines = {"品目1": 105, "品目2": 105, "品目3": 105}
    rest = split({"ratio": 1, "basis": "equal"})
    once = rule(pool(*lines), tenth, rest, CUT)
    by_line = rule(*(stage for line in lines for stage in (pool(line), tenth, rest, CUT)))

    # The tenth of the invoice is what is cut out of its total: 31, where three lines cut apart give 30.
    assert answer(case(once, lines, ["A"]))["operator_yen"] == 31
    assert answer(case(by_line, lines, ["A"]))["operator_yen"] == 30


def test_tv16_one_rounding_keeps_the_total_where_rounding_each_drifts() -> None:
    weights = {"A": 33, "B": 33, "C": 34}
    largest = rule(pool(), split(fixed(weights)), HAMILTON)
    each_half_up = rule(pool(), split(fixed(weights)), rounding("round_half_up"))

    # 1.002 at three decimals, in thousandths.
    assert shares(case(largest, 1002, weights)) == [331, 330, 341]
    drifted = answer(case(each_half_up, 1002, weights))
    assert list(drifted["shares_yen"].values()) == [331, 331, 341]
    assert drifted["operator_residual_yen"] == -1


def test_tv17_power_weights_and_instalments() -> None:
    people = {"A": 10_000, "B": 20_000, "C": 40_000}
    figures = [
        {"basis": "statistic:population", "member": m, "value": v, "on": "2020-10-01"} for m, v in people.items()
    ]
    power = {"doubling": "3/2", "reference": 10_000}
    body = rule(pool(), split({"ratio": 1, "basis": "statistic:population", "power": power}), CUT)
    assert shares(case(body, 4_750_000, people, figures=figures)) == [1_000_000, 1_500_000, 2_250_000]

    thirteen = [f"{place:02}" for place in range(13)]
    equal = rule(pool(), split({"ratio": 1, "basis": "equal"}), HAMILTON)
    assert shares(case(equal, 10_000_000, thirteen)) == [769_231] * 10 + [769_230] * 3


def test_tv18_the_order_of_operations_moves_the_cost_of_idle_machines() -> None:
    # ns1 28 (+14.688 idle), ns2 36 (+10.312), ns3 18 (+5.000), in thousandths; ns1 is shared by 36:18 of the other two.
    def of(ns2: int, ns3: int, shared: int) -> list[int]:
        by_use = fixed({"ns2": 36, "ns3": 18})
        own = {"stage": "attribute", "what": "own", "to": {"ns2": ns2, "ns3": ns3}}
        return shares(case(rule(pool(), own, split(by_use), CUT), ns2 + ns3 + shared, {"ns2": {}, "ns3": {}}))

    ns2_of_cost, ns3_of_cost = of(36_000, 18_000, 28_000)
    ns2_of_idle, ns3_of_idle = of(10_312, 5_000, 14_688)

    assert (ns2_of_cost, ns3_of_cost) == (36_000 + 18_666, 18_000 + 9_333)
    assert (ns2_of_idle, ns3_of_idle) == (20_104, 5_000 + 4_896)
    assert ns2_of_cost + ns2_of_idle == 74_770
    assert Fraction(28_000 * 36, 54) + 36_000 + ns2_of_idle == Fraction(74_770) + Fraction(2, 3)
