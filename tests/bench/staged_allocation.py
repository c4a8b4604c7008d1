"""Stages over 1,741 members: 1,000 items in one pool, the same in 20 pools with all workings; goals 3 s and 8 s.

    python -m tests.bench.staged_allocation

Half by the operator, equal and by population, a cap of last year's share that the others bear, largest remainder. The
yardstick is the same case worked by a clerk's fractions on fewer members, in the same run.
"""

from __future__ import annotations

import resource
import time
from random import Random
from typing import Any

from billing.allocation.staged_calculation import compute_stages
from billing.allocation.staged_case import staged_case
from tests.bench._conditions import machine
from tests.billing.allocation.stages_by_hand import work_by_hand

MEMBERS, ITEMS, MEMBERS_BY_HAND = 1_741, 1_000, 60
GOALS = {1: 3.0, 20: 8.0}


def _stages(pools: int) -> list[dict[str, Any]]:
    stages: list[dict[str, Any]] = []
    for pool in range(pools):
        stages += [
            {"id": f"pool_{pool}", "stage": "pool", "cost_classes": [f"経費{pool}"]},
            {"id": f"operator_{pool}", "stage": "operator", "bears": "ratio", "ratio": "1/2"},
            {
                "id": f"split_{pool}",
                "stage": "split",
                "components": [
                    {"ratio": "1/10", "basis": "equal"},
                    {"ratio": "9/10", "basis": "statistic:population"},
                ],
            },
            {
                "id": f"limit_{pool}",
                "stage": "limit",
                "cap": "6/5",
                "measure": "of_previous",
                "excess_to": "others",
            },
            {"id": f"round_{pool}", "stage": "round", "policy": "largest_remainder"},
        ]
    return stages


def case(members: int, pools: int) -> dict[str, Any]:
    """A year's case: people drawn from a seed, last year's shares 0.7 to 1.3 of this year's."""
    random = Random(1741)
    people = {f"{10_000 + place:06}": random.randint(300, 800_000) for place in range(members)}
    costs = [{"class": f"経費{item % pools}", "yen": 1_000_000 + item * 7_919} for item in range(ITEMS)]
    pool_yen = sum(int(str(cost["yen"])) for cost in costs) // (2 * pools)
    whole = sum(people.values())
    return {
        "form": "cost_sharing/2",
        "fiscal_year": 2026,
        "costs": costs,
        "members": {code: {} for code in people},
        "figures": [
            {"basis": "statistic:population", "member": code, "value": value, "on": "2020-10-01"}
            for code, value in people.items()
        ],
        "previous_yen": {
            code: (pool_yen // (10 * members) + pool_yen * 9 * value // (10 * whole)) * (70 + place % 7 * 10) // 100 + 1
            for place, (code, value) in enumerate(people.items())
        },
        "rule": {"form": "cost_sharing/2", "stages": _stages(pools)},
    }


def bench() -> dict[str, Any]:
    """Seconds for one pool and for 20, with and without workings."""
    figures: dict[str, Any] = {}
    for pools, goal in GOALS.items():
        started = time.perf_counter()
        found = compute_stages(staged_case(case(MEMBERS, pools)))
        seconds = time.perf_counter() - started
        started = time.perf_counter()
        compute_stages(found.case, with_workings=False)
        bare = time.perf_counter() - started
        figures[f"{pools} pools"] = {
            "seconds": round(seconds, 2),
            "goal_seconds": goal,
            "seconds_without_workings": round(bare, 2),
            "workings": len(found.workings),
        }
    few = case(MEMBERS_BY_HAND, 1)
    started = time.perf_counter()
    by_hand = work_by_hand(few)
    seconds_by_hand = time.perf_counter() - started
    if by_hand.shares() != dict(compute_stages(staged_case(few)).shares_yen):
        raise AssertionError("the case differs from the reckoning by hand")
    return {
        "what": f"{MEMBERS:,} members x {ITEMS:,} items x 5 stages, with all workings",
        "conditions": f"one process; {machine()}; by hand: {MEMBERS_BY_HAND} members in {seconds_by_hand:.2f} s",
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "pools": figures,
    }


def main() -> None:
    figures = bench()
    print(f"stages: {figures['what']} ({figures['conditions']}; {figures['peak_mib']} MiB)")
    for pools, found in figures["pools"].items():
        print(
            f"  {pools}: {found['seconds']} s (goal {found['goal_seconds']} s), "
            f"{found['seconds_without_workings']} s without workings, {found['workings']:,} workings"
        )


if __name__ == "__main__":
    main()
