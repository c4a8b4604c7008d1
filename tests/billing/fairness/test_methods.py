"""Shapley value, nucleolus and core against definitions written out, on random games; and what a game may not be."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import permutations
from random import Random
from typing import Any

import pytest

from billing.fairness import nucleolus as nucleolus_module
from billing.fairness.core import violations
from billing.fairness.game import StepGame, TableGame
from billing.fairness.nucleolus import nucleolus
from billing.fairness.separable import scrb
from billing.fairness.shapley import shapley
from governance.kernel.errors import Invalid
from tests.billing.fairness.test_published_games import fairness, game


def random_game(random: Random, count: int, *, largest: int = 100) -> TableGame:
    """Subadditive more often than not: the cost of a group is below the sum of its members'."""
    own = [random.randint(1, largest) for _ in range(count)]
    costs = [0]
    for mask in range(1, 1 << count):
        together = sum(cost for place, cost in enumerate(own) if mask >> place & 1)
        size = mask.bit_count()
        costs.append(together if size == 1 else random.randint(together // 2, together))
    return TableGame(tuple("ABCDEFGHIJKL"[:count]), costs)


def test_the_shapley_value_is_the_mean_over_all_orders() -> None:
    for seed in range(20):
        table = random_game(Random(seed), 5, largest=random_scale(seed))
        orders = list(permutations(range(5)))
        expected = [Fraction(0)] * 5
        for order in orders:
            mask = 0
            for player in order:
                expected[player] += table.cost(mask | 1 << player) - table.cost(mask)
                mask |= 1 << player
        assert list(shapley(table)) == [total / len(orders) for total in expected]


def random_scale(seed: int) -> int:
    """Now and then beyond 64 bits, where sums are taken in parts."""
    return 10**30 if seed % 5 == 0 else 1000


def test_the_nucleolus_cannot_be_improved_by_any_exchange() -> None:
    """Kohlberg: at the nucleolus the coalitions that are worst off are balanced, level by level. Here: moving a little
    from one member to another never gives a better ordered list of excesses."""
    for seed in range(25):
        table = random_game(Random(seed), 4)
        found = nucleolus(table)
        if found is None:
            continue
        assert sum(found.shares) == table.cost(15)
        best = excesses(table, found.shares)
        for giver, taker in permutations(range(4), 2):
            moved = list(found.shares)
            moved[giver] += Fraction(1, 1000)
            moved[taker] -= Fraction(1, 1000)
            if moved[giver] <= table.cost(1 << giver):
                assert excesses(table, moved) > best


def excesses(table: TableGame, shares: Any) -> list[Fraction]:
    """What each coalition pays above its cost, the most first."""
    found = [
        sum((shares[place] for place in range(4) if mask >> place & 1), Fraction(0)) - table.cost(mask)
        for mask in range(1, 15)
    ]
    return sorted(found, reverse=True)


def test_a_wrong_proposal_of_the_solver_is_mended_in_fractions(monkeypatch: pytest.MonkeyPatch) -> None:
    games = [random_game(Random(seed), 5) for seed in range(12)]
    right = [nucleolus(table) for table in games]

    def first_rows(level: Any) -> Any:
        return level.rows[: level.count + 1]

    monkeypatch.setattr(nucleolus_module._Level, "_proposed", first_rows)
    assert [nucleolus(table) for table in games] == right


def test_ties_and_large_costs_with_a_difference_of_one_are_exact() -> None:
    ties = TableGame(("A", "B", "C", "D"), [0] + [7] * 15)
    found = nucleolus(ties)
    assert found is not None
    assert found.shares == (Fraction(7, 4),) * 4

    base = 10**12
    large = TableGame(("A", "B", "C"), [0, base, base, base + 1, base + 1, base + 2, base + 2, base + 3])
    small = nucleolus(TableGame(("A", "B", "C"), [0, 10, 10, 11, 11, 12, 12, 13]))
    found = nucleolus(large)
    assert found is not None
    assert small is not None
    assert sum(found.shares) == base + 3
    assert found.shares[2] - found.shares[0] == small.shares[2] - small.shares[0]


def test_the_core_of_many_is_tested_as_that_of_few() -> None:
    table = random_game(Random(4), 6)
    shares = shapley(table)
    expected = [
        (mask, over)
        for mask in range(1, 63)
        if (over := sum((s for p, s in enumerate(shares) if mask >> p & 1), Fraction(0)) - table.cost(mask)) > 0
    ]
    expected.sort(key=lambda pair: (-pair[1], pair[0]))
    assert [(one.coalition, one.excess) for one in violations(table, shares)] == expected

    steps = StepGame(tuple("ABCDE"), Fraction(10), tuple(map(Fraction, (1, 2, 2, 5, 9))), (Fraction(0),) * 5)
    unfair = (Fraction(19), *(Fraction(0),) * 4)
    assert violations(steps, unfair)[0] == violations(steps.table(), unfair)[0]
    assert violations(steps, shapley(steps)) == violations(steps.table(), shapley(steps.table())) == []


def test_scrb_names_the_player_for_whom_alone_is_cheaper() -> None:
    with pytest.raises(Invalid) as refused:
        scrb(TableGame(("A", "B"), [0, 4, 5, 12]))
    assert refused.value.facts["player"] == "A"


@pytest.mark.parametrize(
    ("given", "field", "code"),
    [
        ({"players": ["A", "B"], "cost": {"A": 1, "B": 1}}, "cost.A+B", "fairness.missing_coalition"),
        (
            {"players": ["A", "B"], "cost": {"A": 1, "B": 1, "A+B": 1, "B+A": 1}},
            "cost.B+A",
            "fairness.unknown_coalition",
        ),
        ({"players": ["A", "B"], "cost": {"A": 1.5, "B": 1, "A+B": 1}}, "cost.A", "json.not_exact"),
        ({"players": ["A"], "cost": {"A": "x"}}, "cost.A", "fairness.not_a_number"),
        ({"players": ["A"]}, "cost", "fairness.one_kind"),
        ({"players": ["A"], "cost": {"A": 1}, "dense": [0, 1]}, "dense", "fairness.one_kind"),
        ({"players": [], "cost": {}}, "players", "fairness.no_player"),
        ({"players": ["A", "A"], "cost": {"A": 1}}, "players[1]", "fairness.player"),
        ({"players": ["A+B"], "cost": {"A+B": 1}}, "players[0]", "fairness.player"),
        ({"players": [f"{n}" for n in range(22)], "cost": {}}, "players", "fairness.too_many_players"),
        ({"players": ["A", "B"], "dense": [0, 1, 1]}, "dense", "fairness.dense_length"),
        ({"players": ["A"], "dense": [1, 1]}, "dense[0]", "fairness.nobody_costs"),
        ({"fixed": 1, "tiers": {"A": 1, "B": 2}, "own": {"A": 1}}, "own.B", "fairness.missing_player"),
        ({"players": ["A"], "airport": {"A": 1, "B": 2}}, "airport.B", "fairness.unknown_player"),
        ({"airport": {"A": -1}}, "airport.A", "fairness.not_a_number"),
        ({"airport": {"A": 1}, "colour": 1}, "colour", "fairness.unknown_key"),
        ([1], None, "fairness.not_understood"),
    ],
)
def test_what_is_no_game_is_refused_at_its_field(given: Any, field: str | None, code: str) -> None:
    outcome = fairness(given, "--json")

    assert (outcome.exit_code, outcome.stdout) == (2, "")
    error = json.loads(outcome.stderr)["error"]
    assert (error.get("field"), error["code"]) == (field, code)


def test_the_same_game_gives_the_same_bytes_however_it_is_written() -> None:
    dense = {"players": ["A", "B"], "dense": ["0", "4", "5.0", "16/2"]}

    outcome = fairness(game("AB", [4, 5, 8]))

    assert outcome.exit_code == 0
    assert outcome.stdout_bytes == fairness(dense).stdout_bytes
    assert outcome.stderr == ""
