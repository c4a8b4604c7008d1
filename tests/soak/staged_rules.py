"""Random cases of stages: a million that add up, every fifth worked by a clerk alike, every fiftieth in another order;
and 10,000 rules read back from their sentences.

python -m tests.soak.staged_rules [CASES] [FIRST_SEED]
"""

from __future__ import annotations

import json
import sys
import time
from random import Random

from billing.allocation.staged_calculation import StagedAllocation
from tests.billing.allocation.random_stages import random_stages_case
from tests.billing.allocation.stages_by_hand import Impossible, work_by_hand
from tests.billing.allocation.test_stages_agree import Json, computed, outcome, outcome_by_hand
from tests.governance.rules.test_sentences import read_back

CASES = 1_000_000
CHECKED_BY_HAND = 5
SENTENCES = 10_000


def soak(cases: int = CASES, first_seed: int = 0) -> dict[str, int | float]:
    """Run the cases; AssertionError names the seed that does not hold. Returns the figures."""
    started = time.perf_counter()
    shared = by_hand = 0
    for seed in range(first_seed, first_seed + cases):
        most = 60 if seed % 100 == 0 else 8
        case = random_stages_case(Random(seed), most_members=most)
        found = computed(case)
        if seed % CHECKED_BY_HAND == 0:
            _agrees(case, found, seed)
            by_hand += 1
        if found is None:
            continue
        shared += 1
        whole = sum(found.shares_yen.values()) + found.operator_yen + found.operator_residual_yen
        if whole + found.deductions_yen + found.carried_over_yen != found.total_yen:
            raise AssertionError(f"seed {seed} does not add up")
        if seed % 50 == 1:
            _order_changes_nothing(case, found, seed)
    read_back(min(SENTENCES, cases))
    return {"cases": cases, "shared": shared, "by_hand": by_hand, "seconds": round(time.perf_counter() - started, 1)}


def _agrees(case: Json, found: StagedAllocation | None, seed: int) -> None:
    try:
        expected = outcome_by_hand(work_by_hand(case))
    except Impossible:
        expected = None
    if (found is None) != (expected is None) or (found is not None and outcome(found) != expected):
        raise AssertionError(f"seed {seed} differs from the reckoning by hand")


def _order_changes_nothing(case: Json, found: StagedAllocation, seed: int) -> None:
    shuffled = json.loads(json.dumps(case))
    random = Random(seed)
    shuffled["members"] = dict(random.sample(list(case["members"].items()), len(case["members"])))
    for key in ("figures", "costs", "deductions_yen"):
        random.shuffle(shuffled[key])
    again = computed(shuffled)
    if again is None or again.digest != found.digest:
        raise AssertionError(f"seed {seed} depends on the order of its input")


def main() -> None:
    cases, first_seed = (int(text) for text in (sys.argv[1:] + [str(CASES), "0"][len(sys.argv) - 1 :])[:2])
    figures = soak(cases, first_seed)
    print(
        f"stages soak: {figures['cases']:,} random cases from seed {first_seed}, {figures['shared']:,} of them shared "
        f"to the yen, {figures['by_hand']:,} worked by hand alike, in {figures['seconds']} s"
    )


if __name__ == "__main__":
    main()
