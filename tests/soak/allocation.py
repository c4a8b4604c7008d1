"""A million random cases: the parts add up to the total each time, and every hundredth agrees with a clerk's fractions.

python -m tests.soak.allocation [CASES] [SEED]
"""

from __future__ import annotations

import sys
import time
from random import Random

from billing.allocation.calculation import compute
from tests.billing.allocation.by_hand import shares_by_hand
from tests.billing.allocation.random_cases import random_case

CASES = 1_000_000
CHECKED_BY_HAND = 100


def soak(cases: int = CASES, seed: int = 2025) -> dict[str, int | float]:
    """Run the cases; AssertionError names the case that does not add up. Returns the figures."""
    random = Random(seed)
    started = time.perf_counter()
    by_hand = 0
    for number in range(cases):
        case = random_case(random)
        allocation = compute(case)
        borne_yen = sum(allocation.shares_yen.values()) + allocation.operator_yen
        borne_yen += allocation.operator_residual_yen + allocation.deductions_yen
        if borne_yen != case.total_yen:
            raise AssertionError(f"case {number} of seed {seed} does not add up: {case}")
        if number % CHECKED_BY_HAND == 0:
            by_hand += 1
            if (allocation.shares_yen, allocation.operator_residual_yen) != shares_by_hand(case):
                raise AssertionError(f"case {number} of seed {seed} differs from the reckoning by hand: {case}")
    return {"cases": cases, "seed": seed, "by_hand": by_hand, "seconds": round(time.perf_counter() - started, 1)}


def main() -> None:
    cases, seed = (int(text) for text in (sys.argv[1:] + [str(CASES), "2025"][len(sys.argv) - 1 :])[:2])
    figures = soak(cases, seed)
    print(
        f"allocation soak: {figures['cases']:,} random cases (seed {figures['seed']}) add up to the yen, "
        f"{figures['by_hand']:,} of them worked by hand alike, in {figures['seconds']} s"
    )


if __name__ == "__main__":
    main()
