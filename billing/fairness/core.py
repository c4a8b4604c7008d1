"""The core: whether a group of players would pay less on its own. Also the no-subsidy test, seen from the other side:
x(S) ≤ c(S) says the same as x(N∖S) ≥ c(N) − c(S)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Final

import numpy as np

from billing.fairness.game import Game, StepGame, TableGame, subset_sums

MAX_LISTED: Final = 1000
_EXACT_PLAYERS: Final = 14
"""Up to so many players every coalition is tried in Python's integers; beyond, in floats with a bound, then exactly."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A coalition that would pay less on its own: by bitmask, with what it pays and what it would cost alone."""

    coalition: int
    charged: Fraction
    cost: Fraction

    @property
    def excess(self) -> Fraction:
        """What it pays more than alone; above 0."""
        return self.charged - self.cost


def violations(game: Game, shares: Sequence[Fraction]) -> list[Violation]:
    """The coalitions that pay more than alone, the worst first; at most MAX_LISTED of them.

    Of a step game, the worst for each tier.
    """
    if isinstance(game, TableGame):
        found = [Violation(mask, *_pair(game, shares, mask)) for mask in _suspects(game, shares)]
    else:
        found = _worst_by_tier(game, shares)
    found = [one for one in found if one.excess > 0]
    found.sort(key=lambda one: (-one.excess, one.coalition))
    return found[:MAX_LISTED]


def _pair(game: Game, shares: Sequence[Fraction], mask: int) -> tuple[Fraction, Fraction]:
    charged = sum((share for place, share in enumerate(shares) if mask >> place & 1), Fraction(0))
    return charged, game.cost(mask)


def _suspects(game: TableGame, shares: Sequence[Fraction]) -> list[int]:
    everybody = (1 << len(game.players)) - 1
    if len(game.players) <= _EXACT_PLAYERS:
        common = lcm(game.scale, *(share.denominator for share in shares))
        charged = subset_sums([share.numerator * (common // share.denominator) for share in shares])
        factor = common // game.scale
        return [mask for mask in range(1, everybody) if charged[mask] > game.costs[mask] * factor]
    sums = np.zeros(1, dtype=np.float64)
    for share in shares:
        sums = np.concatenate((sums, sums + float(share)))
    costs = np.array(game.costs, dtype=np.float64) / game.scale
    excess = sums - costs
    # Each float is off by at most one part in 2**52, and a sum by that for each of its terms.
    error = (float(np.abs(costs).max()) + sum(abs(float(share)) for share in shares)) * (len(shares) + 2) * 2.0**-52
    excess[[0, everybody]] = -np.inf
    masks = np.flatnonzero(excess > -error)
    worst = masks[np.argsort(-excess[masks], kind="stable")][: 4 * MAX_LISTED]
    return [int(mask) for mask in worst]


def _worst_by_tier(game: StepGame, shares: Sequence[Fraction]) -> list[Violation]:
    """For each tier, the coalition of that tier that pays most above its cost: everybody up to it who pays more
    than their own part, and at least one who needs it."""
    net = [share - own for share, own in zip(shares, game.own, strict=True)]
    found = []
    for tier in sorted(set(game.tiers)):
        inside = [place for place, one in enumerate(game.tiers) if one <= tier and net[place] > 0]
        needing = [place for place, one in enumerate(game.tiers) if one == tier]
        mask = sum(1 << place for place in {*inside, max(needing, key=net.__getitem__)})
        if mask != (1 << len(shares)) - 1:
            found.append(Violation(mask, *_pair(game, shares, mask)))
    return found
