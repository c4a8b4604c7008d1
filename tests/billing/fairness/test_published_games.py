"""Cooperative games with published solutions, through `moyai allocation fairness`; to the places they were printed in.

Sources
- Water supply of six groups of municipalities in Sweden: H. P. Young, N. Okada, T. Hashimoto, Cost allocation in water
  resources development: a case study of Sweden, IIASA working paper WP-79-77 (1979): table 8 prints what each group
  costs alone and at the margin, table 7 the shares. The costs of the coalitions between, and with them the Shapley
  value and the nucleolus, are left out: we have not seen them in print.
- Airport (runway): S. C. Littlechild, G. Owen, A simple expression for the Shapley value in a special case, Management
  Science 20 (1973) 370–372; the example of four aircraft is that of the article "Airport problem" in Wikipedia.
- The Talmud's estate: R. J. Aumann, M. Maschler, Game theoretic analysis of a bankruptcy problem from the Talmud,
  Journal of Economic Theory 36 (1985) 195–213; its three rows also in S. Schecter, How the Talmud divides an estate
  among creditors, and that of 200 in the manual of the R package CoopGame (prenucleolus).
- J. Lemaire, Cooperative game theory and its insurance applications, ASTIN Bulletin 21 (1991) 17–40; the manuals of
  the R packages CoopGame, coopProductGame and GameTheoryAllocation; Hasan (2011) and Oh, Shin (2012) as the reference
  of rules cites them. Gains are costs with their sign turned.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from typing import Any

import pytest
from click.testing import CliRunner, Result

from admin.features.allocation.compute_cli import allocation

Json = dict[str, Any]


def fairness(game: Json, *options: str) -> Result:
    return CliRunner().invoke(allocation, ["fairness", "--input", "-", *options], input=json.dumps(game))


def said(game: Json) -> Json:
    outcome = fairness(game)
    assert outcome.exit_code == 0, outcome.stderr
    found: Json = json.loads(outcome.stdout)
    return found


def game(players: str, costs: Sequence[object], *, gains: bool = False) -> Json:
    """Costs by size of coalition, then letters; gains as costs below zero."""
    names = ["+".join(group) for size in range(1, len(players) + 1) for group in combinations(players, size)]
    sign = -1 if gains else 1
    exact = [str(sign * Fraction(str(cost))) for cost in costs]
    return {"players": list(players), "cost": dict(zip(names, exact, strict=True))}


def division(found: Json, method: str, *, gains: bool = False) -> list[Fraction]:
    return [Fraction(share) * (-1 if gains else 1) for share in found["exact"][method].values()]


def fractions(*shares: object) -> list[Fraction]:
    return [Fraction(str(share)) for share in shares]


def test_the_game_to_show_says_who_would_leave_under_which_method() -> None:
    found = said(game("ABC", [18, 13, 6, 19, 24, 13, 25]))

    assert found["shapley"] == {"A": "14.000000", "B": "6.000000", "C": "5.000000"}
    assert found["scrb"] == {"A": "14.000000", "B": "5.000000", "C": "6.000000"}
    assert found["nucleolus"] == {"A": "15.000000", "B": "4.000000", "C": "6.000000"}
    assert found["separable"] == {"A": "12.000000", "B": "1.000000", "C": "6.000000"}
    assert found["core"]["empty"] is False
    broken = found["core"]["violations"]
    assert (broken["scrb"], broken["nucleolus"]) == ([], [])
    assert broken["shapley"] == [
        {"coalition": "A+B", "charged": "20.000000", "cost": "19.000000", "excess": "1.000000"}
    ]
    assert found["sentences"]["ja"] == [
        "シャープレイ値：A、Bだけで行えば 19 で済むところ、合わせて 20 を負担します。",
        "シャープレイ値：Cの負担 5 は、加わることで増える費用 6 より少なく、差は他の団体が負担します。",
        "分離費用身替り妥当支出法：どの団体も、どの組も、単独より多くは負担しません。",
        "仁：どの団体も、どの組も、単独より多くは負担しません。",
    ]
    assert found["sentences"]["en"][0] == "Shapley value: A, B would pay 19 among themselves, and pay 20 together."
    assert found["equal"]["A"] == "8.333333333333"
    assert [f"{float(share):.2f}" for share in division(found, "proportional")] == ["12.16", "8.78", "4.05"]


def test_separable_costs_of_the_water_supply_of_six_groups_of_municipalities() -> None:
    players, whole = "AHKLMT", Fraction("83.82")
    alone = dict(zip(players, fractions("21.95", "17.08", "10.91", "15.88", "20.81", "21.98"), strict=True))
    marginal = dict(zip(players, fractions("17.36", "9.85", "0.82", "6.40", "12.90", "14.06"), strict=True))
    # SCRB asks for one member, for all and for all but one; what lies between is filled by standing alone.
    cost = {
        "+".join(group): sum((alone[name] for name in group), Fraction(0))
        for size in range(1, 5)
        for group in combinations(players, size)
    }
    cost |= {"+".join(other for other in players if other != name): whole - marginal[name] for name in players}
    cost["+".join(players)] = whole

    found = said({"players": list(players), "cost": {name: str(value) for name, value in cost.items()}})

    assert [Fraction(found["separable"][name]) for name in players] == list(marginal.values())
    printed = fractions("19.54", "13.28", "5.62", "10.90", "16.66", "17.82")
    # The costs are printed to two places, so a share may be one place off.
    assert all(
        abs(share - seen) < Fraction("0.01") for share, seen in zip(division(found, "scrb"), printed, strict=True)
    )
    assert sum(division(found, "scrb")) == whole


@pytest.mark.parametrize(
    ("players", "values", "nucleolus", "shapley", "gains"),
    [
        (
            "ABC",
            ("46125", "17437.5", "5812.5", "69187.5", "53812.5", "30750", "90000"),
            ("52687.5", "24468.75", "12843.75"),
            (51_750, 25_875, 12_375),
            True,
        ),
        ("ABCD", (8, 1, 10, 11, 8, 20, 19, 10, 12, 12, 10, 19, 20, 13, 20), (7.5, 0.5, 1.5, 10.5), None, False),
        (
            "ABC",
            (375_144, 245_280, 211_239, 568_232, 551_055, 452_411, 772_500),
            ("331695.25", "233051.25", "207753.5"),
            None,
            False,
        ),
        ("ABCD", (0, 0, 0, 0, 5, 5, 8, 9, 10, 8, 13, 15, 16, 17, 21), (3.5, 4.5, 5.5, 7.5), None, True),
        ("ABC", (68, 102, 0, 170, 710, 762, 992), (149, 192, 651), (229, 272, 491), True),
        (
            "ABC",
            (".538", ".761", "1.742", ".554", ".137", ".293", ".343"),
            ("56/375", "229/750", "-67/600"),
            None,
            False,
        ),
    ],
    ids=["Lemaire 1991", "Hasan 2011", "Oh and Shin 2012", "CoopGame", "coopProductGame", "GameTheoryAllocation"],
)
def test_published_games_come_out_exactly(
    players: str, values: Sequence[object], nucleolus: Sequence[object], shapley: Sequence[object] | None, gains: bool
) -> None:
    exact = [f"0{value}" if str(value).startswith(".") else value for value in values]

    found = said(game(players, exact, gains=gains))

    assert division(found, "nucleolus", gains=gains) == fractions(*nucleolus)
    if shapley is not None:
        assert division(found, "shapley", gains=gains) == fractions(*shapley)


@pytest.mark.parametrize(("estate", "expected"), [(100, ("100/3",) * 3), (200, (50, 75, 75)), (300, (50, 100, 150))])
def test_the_estate_of_the_talmud(estate: int, expected: Sequence[object]) -> None:
    claims = (100, 200, 300)
    worth = [
        max(0, estate - sum(claim for place, claim in enumerate(claims) if not mask >> place & 1)) for mask in range(8)
    ]

    found = said({"players": ["A", "B", "C"], "dense": [str(-value) for value in worth]})

    assert division(found, "nucleolus", gains=True) == fractions(*expected)


def test_a_platform_with_tiers_and_own_parts_is_exact_for_any_number() -> None:
    million = 1_000_000
    steps = {
        "fixed": "9000000",
        "tiers": {"A": 2 * million, "B": 4 * million, "C": 9 * million},
        "own": {"A": 100_000, "B": 200_000, "C": 300_000},
    }
    found = said(steps)
    assert division(found, "shapley") == fractions("11300000/3", "14600000/3", "29900000/3")

    names = [f"{place:02}" for place in range(45)]
    wide = {"fixed": 45, "tiers": {name: place for place, name in enumerate(names)}, "own": dict.fromkeys(names, 1)}
    found = said(wide)
    assert sum(division(found, "shapley")) == 45 + 44 + 45
    assert found["nucleolus"] is None
    assert found["core"] == {"empty": False, "violations": {"shapley": [], "scrb": []}}
    assert "12" in found["notes"][0]


def test_an_airport_is_shared_by_those_who_need_each_step() -> None:
    found = said({"airport": {"A": "8", "B": "11", "C": "13", "D": "18"}})

    assert division(found, "shapley") == fractions(2, 3, 4, 9)
    assert found["core"]["violations"]["shapley"] == []
    assert said({"airport": {"A": "8", "B": "11"}})["shapley"] == {"A": "4.000000", "B": "7.000000"}


def test_where_the_core_is_empty_every_division_has_somebody_who_would_leave() -> None:
    found = said(game("ABC", [10, 10, 10, 11, 11, 11, 20]))

    assert found["core"]["empty"] is True
    assert all(found["core"]["violations"][method] for method in ("shapley", "nucleolus"))
    assert found["core"]["violations"]["nucleolus"][0]["coalition"] == "A+B"


def test_a_method_that_cannot_divide_says_so() -> None:
    found = said(game("AB", [4, 5, 12]))

    assert (found["scrb"], found["nucleolus"]) == (None, None)
    assert found["prenucleolus"] == {"A": "5.500000", "B": "6.500000"}
    assert len(found["notes"]) == 2
    assert found["sentences"]["ja"][0] == "シャープレイ値：Aは単独より多く負担します（負担 5.50、単独 4）。"
    assert found["core"]["empty"] is True
