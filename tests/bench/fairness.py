"""Shapley value of 21 players in 1 s, nucleolus of 8 in 2 s and of 12 in 30 s, each proved in fractions.

python -m tests.bench.fairness
"""

from __future__ import annotations

import resource
import time
from random import Random
from typing import Any

from billing.fairness.core import violations
from billing.fairness.game import TableGame
from billing.fairness.nucleolus import nucleolus
from billing.fairness.shapley import shapley
from tests.bench._conditions import machine

GAMES = 5


def concave_game(players: int, seed: int) -> TableGame:
    """Costs that rise less the more join: a random size each, to the power of 0.7."""
    random = Random(seed)
    sizes = [random.randint(10, 100) for _ in range(players)]
    sums = [0]
    for size in sizes:
        sums += [one + size for one in sums]
    return TableGame(tuple(f"{place:02}" for place in range(players)), [int(1000 * total**0.7) for total in sums])


def bench() -> dict[str, Any]:
    """Seconds, the slowest of several games."""
    large = concave_game(21, 1)
    started = time.perf_counter()
    shares = shapley(large)
    of_21 = time.perf_counter() - started
    if sum(shares) != large.cost(2**21 - 1):
        raise AssertionError("the Shapley value does not add up")
    started = time.perf_counter()
    violations(large, shares)
    core_of_21 = time.perf_counter() - started
    slowest = {}
    for players in (8, 12):
        seconds = []
        for seed in range(GAMES):
            started = time.perf_counter()
            found = nucleolus(concave_game(players, seed))
            seconds.append(time.perf_counter() - started)
            if found is None:
                raise AssertionError("a concave game has a nucleolus")
        slowest[players] = max(seconds)
    return {
        "conditions": f"one process; {machine()}; slowest of {GAMES} games",
        "shapley_21": round(of_21, 2),
        "core_21": round(core_of_21, 2),
        "nucleolus_8": round(slowest[8], 2),
        "nucleolus_12": round(slowest[12], 2),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> None:
    found = bench()
    print(
        f"fairness: Shapley value of 21 players {found['shapley_21']} s (goal 1 s), its core {found['core_21']} s, "
        f"nucleolus of 8 {found['nucleolus_8']} s (goal 2 s), of 12 {found['nucleolus_12']} s (goal 30 s); "
        f"{found['peak_mib']} MiB ({found['conditions']})"
    )


if __name__ == "__main__":
    main()
