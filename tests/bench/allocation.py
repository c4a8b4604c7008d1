"""Sharing 1,000 cost items over 1,741 members, exactly, in one process; the goal is 2 s.

    python -m tests.bench.allocation

The yardstick is the same sharing with `Fraction` objects per cell, as a clerk would write it, measured in the same run
on fewer items. Workings and digests are made when somebody asks for them and are not in the figure.
"""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import Any

from billing.allocation.calculation import compute
from billing.allocation.input import AllocationInput, Component, Components
from governance.kernel.split import Rounding
from tests.bench._conditions import machine
from tests.billing.allocation.by_hand import shares_by_hand

MEMBERS, ITEMS, ITEMS_BY_HAND = 1_741, 1_000, 5
GOAL_SECONDS = 2.0


def bench() -> dict[str, Any]:
    """Seconds for all items under each policy, and how many times as fast as the yardstick."""
    random = Random(1741)
    items_yen = [random.randint(10_000, 10**9) for _ in range(ITEMS)]
    figures: dict[str, Any] = {}
    for rounding in Rounding:
        members = [f"{10_000 + place:06}" for place in range(MEMBERS)]
        started = time.perf_counter()
        components = Components(
            (
                Component("均等割", Fraction(1, 10), dict.fromkeys(members, Fraction(1))),
                Component("人口割", Fraction(9, 10), {member: Fraction(_population(random)) for member in members}),
            )
        )
        case = AllocationInput(items_yen[0], 1, rounding, components, Fraction(1, 2))
        cases = [replace(case, total_yen=item_yen) for item_yen in items_yen]
        allocations = [compute(case) for case in cases]
        seconds = time.perf_counter() - started
        started = time.perf_counter()
        by_hand = [shares_by_hand(case) for case in cases[:ITEMS_BY_HAND]]
        seconds_by_hand = (time.perf_counter() - started) * ITEMS / ITEMS_BY_HAND
        for allocation, worked in zip(allocations, by_hand, strict=False):
            if (allocation.shares_yen, allocation.operator_residual_yen) != worked:
                raise AssertionError(f"{rounding} differs from the reckoning by hand")
        figures[rounding.value] = {"seconds": round(seconds, 2), "times_as_fast": round(seconds_by_hand / seconds, 1)}
    return {
        "what": f"{MEMBERS:,} members x {ITEMS:,} cost items, 2 components, exact",
        "conditions": f"one process; {machine()}; "
        f"yardstick: Fraction per cell on {ITEMS_BY_HAND} items in the same run",
        "goal_seconds": GOAL_SECONDS,
        "policies": figures,
    }


def _population(random: Random) -> int:
    """Few large and many small, as municipalities are."""
    return int(10 ** random.uniform(2.3, 6.3))


def main() -> None:
    result = bench()
    print(f"allocation: {result['what']} ({result['conditions']})")
    for policy, figures in result["policies"].items():
        verdict = "met" if figures["seconds"] <= GOAL_SECONDS else "NOT MET"
        print(
            f"  {policy:42} {figures['seconds']:5.2f} s, {figures['times_as_fast']:5.1f} x the yardstick; "
            f"goal {GOAL_SECONDS:.0f} s {verdict}"
        )


if __name__ == "__main__":
    main()
