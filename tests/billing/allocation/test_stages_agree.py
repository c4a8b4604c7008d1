"""Random cases of stages: the calculator against a clerk, the workings against a stranger's program, and what must
hold of any split."""

from __future__ import annotations

import importlib.util
import json
from fractions import Fraction
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest

from billing.allocation.staged_answer import computed_stages
from billing.allocation.staged_calculation import StagedAllocation, compute_stages
from billing.allocation.staged_case import staged_case
from governance.kernel.errors import Invalid
from tests.billing.allocation.random_stages import random_stages_case
from tests.billing.allocation.stages_by_hand import Hand, Impossible, work_by_hand

Json = dict[str, Any]
CASES = 2_000


def computed(case: Json, *, with_workings: bool = False) -> StagedAllocation | None:
    """The allocation of a case, or None for one that is refused."""
    try:
        return compute_stages(staged_case(case), with_workings=with_workings)
    except Invalid:
        return None


def outcome(found: StagedAllocation) -> Json:
    """Everything that a clerk's calculation says, too."""
    return {
        "shares": dict(found.shares_yen),
        "operator": found.operator_yen,
        "residual": found.operator_residual_yen,
        "deducted": found.deductions_yen,
        "carried": found.carried_over_yen,
        "instalments": {m: [one.yen for one in paid] for m, paid in found.instalments.items()},
        "stages": [(one.id, one.in_yen, one.charged_yen, one.operator_yen, one.rest_yen) for one in found.stages],
    }


def outcome_by_hand(hand: Hand) -> Json:
    return {
        "shares": hand.shares(),
        "operator": hand.operator,
        "residual": hand.residual,
        "deducted": hand.deducted,
        "carried": hand.carried,
        "instalments": hand.instalments,
        "stages": hand.rows,
    }


@pytest.fixture(scope="module")
def stranger() -> ModuleType:
    """The program of `docs/`, which knows nothing of Moyai."""
    path = Path(__file__).parents[3] / "docs/recompute_workings.py"
    spec = importlib.util.spec_from_file_location("recompute_workings", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_calculator_and_a_clerk_agree_to_the_yen_or_both_refuse() -> None:
    shared = 0
    for seed in range(CASES):
        case = random_stages_case(Random(seed), most_members=6)
        found = computed(case)
        try:
            by_hand = outcome_by_hand(work_by_hand(case))
        except Impossible:
            assert found is None, seed
            continue
        assert found is not None, seed
        assert outcome(found) == by_hand, seed
        shared += 1
    assert shared > CASES / 2


def test_what_comes_into_a_stage_is_charged_borne_or_left_and_nothing_is_lost_in_total() -> None:
    for seed in range(500):
        found = computed(random_stages_case(Random(seed), most_members=8))
        if found is None:
            continue
        for stage in found.stages:
            assert stage.in_yen == stage.charged_yen + stage.operator_yen + stage.rest_yen
        by_pool = [stage for stage in found.stages if stage.id.endswith("pool")]
        assert sum(stage.charged_yen + stage.operator_yen for stage in found.stages) + found.carried_over_yen == sum(
            cost.yen for cost in found.case.costs
        )
        assert by_pool[0].in_yen <= found.total_yen
        whole = sum(found.shares_yen.values()) + found.operator_yen + found.operator_residual_yen
        assert whole + found.deductions_yen + found.carried_over_yen == found.total_yen


def test_a_stranger_recomputes_the_shares_from_the_workings_alone(stranger: ModuleType) -> None:
    recomputed = 0
    for seed in range(400):
        found = computed(random_stages_case(Random(seed), most_members=8), with_workings=True)
        if found is not None:
            rows = json.loads(computed_stages(found).model_dump_json())["workings"]
            assert stranger.recompute(rows) == dict(found.shares_yen), seed
            recomputed += 1
    assert recomputed > 200


def test_the_workings_say_nothing_that_could_be_left_out(stranger: ModuleType) -> None:
    deleted = 0
    for seed in range(0, 160, 4):
        found = computed(random_stages_case(Random(seed), most_members=3), with_workings=True)
        if found is None or len(found.workings) > 200:
            continue
        rows = json.loads(json.dumps(list(found.workings)))
        for place in range(len(rows)):
            with pytest.raises(stranger.Wrong):
                stranger.recompute(rows[:place] + rows[place + 1 :])
            deleted += 1
    assert deleted > 500


def test_a_figure_that_was_changed_in_the_workings_is_seen(stranger: ModuleType) -> None:
    found = computed(_simple(3, seed=1), with_workings=True)
    assert found is not None
    rows = json.loads(json.dumps(list(found.workings)))
    for row in rows:
        for given in row["inputs"]:
            if isinstance(given, dict):
                before = given["value"]
                given["value"] = str(Fraction(before) + 1)
                with pytest.raises(stranger.Wrong):
                    stranger.recompute(rows)
                given["value"] = before


def _simple(count: int, *, seed: int, **stage: Any) -> Json:
    """Equal and by population, largest remainder; the kind of case whose properties are said below."""
    random = Random(seed)
    members = [f"{430000 + 11 * place}" for place in range(count)]
    people = random.choice((3, 100, 800_000))
    return {
        "form": "cost_sharing/2",
        "fiscal_year": 2026,
        "costs": [{"class": "運用", "yen": random.randint(1_000, 10**8)}],
        "members": {code: {} for code in members},
        "figures": [
            {"basis": "statistic:population", "member": code, "value": random.randint(1, people), "on": "2020-10-01"}
            for code in members
        ],
        "rule": {
            "form": "cost_sharing/2",
            "stages": [
                {"id": "pool", "stage": "pool"},
                {
                    "id": "split",
                    "stage": "split",
                    "components": [
                        {"ratio": "1/10", "basis": "equal"},
                        {"ratio": "9/10", "basis": "statistic:population"},
                    ],
                },
                {"id": "round", "stage": "round", "policy": "floor_total", "unit_yen": random.choice((1, 100))} | stage,
            ],
        },
    }


@pytest.mark.parametrize("policy", ["floor_total", "floor_each_component", "round_half_up", "largest_remainder"])
def test_equal_members_differ_by_one_unit_at_most(policy: str) -> None:
    for seed in range(60):
        case = _simple(12, seed=seed, policy=policy)
        by_people: dict[Any, list[int]] = {}
        found = computed(case)
        assert found is not None
        for figure in case["figures"]:
            by_people.setdefault(figure["value"], []).append(found.shares_yen[figure["member"]])
        unit = case["rule"]["stages"][2]["unit_yen"]
        assert all(max(shares) - min(shares) <= unit for shares in by_people.values())


def test_the_order_of_members_figures_costs_and_components_changes_nothing() -> None:
    for seed in range(150):
        case = random_stages_case(Random(seed), most_members=8)
        found = computed(case)
        if found is None:
            continue
        shuffled = json.loads(json.dumps(case))
        random = Random(seed)
        shuffled["members"] = dict(random.sample(list(case["members"].items()), len(case["members"])))
        for key in ("figures", "costs", "deductions_yen"):
            random.shuffle(shuffled[key])
        for stage in shuffled["rule"]["stages"]:
            random.shuffle(stage.get("components", []))
        again = computed(shuffled)
        assert again is not None
        assert again.digest == found.digest
        assert outcome(again) == outcome(found)


@pytest.mark.parametrize("policy", ["floor_total", "round_half_up", "largest_remainder"])
def test_a_higher_weight_never_lowers_its_members_share(policy: str) -> None:
    for seed in range(80):
        case = _simple(6, seed=seed, policy=policy)
        found = computed(case)
        raised = json.loads(json.dumps(case))
        raised["figures"][0]["value"] += 1 + seed % 5
        after = computed(raised)
        assert found is not None
        assert after is not None
        member = case["figures"][0]["member"]
        assert after.shares_yen[member] >= found.shares_yen[member], seed


def test_a_value_that_begins_in_a_later_year_leaves_the_years_before_byte_for_byte() -> None:
    for seed in range(40):
        case = _simple(5, seed=seed)
        first = {"from_fiscal_year": 2020, "value": "1/2", "reference": {"title": "令和2年議決第1号"}}
        case["rule"]["stages"].insert(1, {"id": "half", "stage": "operator", "bears": "ratio", "ratio": [first]})
        later = json.loads(json.dumps(case))
        later["rule"]["stages"][1]["ratio"] = [first, {"from_fiscal_year": 2027, "value": "1/3"}]
        found, unchanged = computed(case, with_workings=True), computed(later, with_workings=True)
        assert found is not None
        assert unchanged is not None
        assert list(found.workings) == list(unchanged.workings)
        assert outcome(found) == outcome(unchanged)
        [part] = [row for row in found.workings if row["id"] == "half/operator"]
        assert part["inputs"][1]["reference"] == first["reference"]
        after = computed(later | {"fiscal_year": 2027})
        assert after is not None
        assert after.operator_yen < found.operator_yen
