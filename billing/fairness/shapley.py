"""The Shapley value, exact: each player's mean marginal cost over all orders of joining.

φᵢ = Σ s!(n−1−s)!/n! · (Aᵢ[s+1] − T[s] + Aᵢ[s]), where T[s] is the sum of the costs of all coalitions of s players and
Aᵢ[s] of those with player i. The sums are taken in slices of 64-bit integers, the division is last.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import comb, factorial
from typing import Any, Final

import numpy as np

from billing.fairness.game import Game, StepGame, TableGame

MAX_TABLE_PLAYERS: Final = 21

_LIMB_BITS: Final = 32

Whole = np.ndarray[Any, np.dtype[np.int64]]


def shapley(game: Game) -> tuple[Fraction, ...]:
    """Each player's Shapley value; a step game's by additivity, for any number of players."""
    if isinstance(game, StepGame):
        share = game.fixed / len(game.players)
        return tuple(share + step + own for step, own in zip(game.steps, game.own, strict=True))
    return _of_table(game)


def _of_table(game: TableGame) -> tuple[Fraction, ...]:
    count = len(game.players)
    masks = np.arange(1 << count, dtype=np.uint32)
    sizes = np.bitwise_count(masks)
    order = np.argsort(sizes, kind="stable").astype(np.uint32)
    starts = np.concatenate(([0], np.cumsum([comb(count, size) for size in range(count)]))).astype(np.int64)
    totals = [0] * (count + 1)
    with_player = [[0] * (count + 1) for _ in range(count)]
    for shift, limb in _limbs(game.costs, count):
        by_size = limb[order]
        mine = np.empty_like(by_size)
        for size, total in enumerate(np.add.reduceat(by_size, starts).tolist()):
            totals[size] += total << shift
        for player in range(count):
            inside = (order >> np.uint32(player)) & np.uint32(1)
            np.multiply(by_size, inside, out=mine)
            for size, total in enumerate(np.add.reduceat(mine, starts).tolist()):
                with_player[player][size] += total << shift
    weights = [factorial(size) * factorial(count - 1 - size) for size in range(count)]
    whole = factorial(count) * game.scale
    return tuple(
        Fraction(
            sum(weight * (of_player[size + 1] - totals[size] + of_player[size]) for size, weight in enumerate(weights)),
            whole,
        )
        for of_player in with_player
    )


def _limbs(costs: Sequence[int], count: int) -> list[tuple[int, Whole]]:
    """The costs as 64-bit integers whose sums by size cannot overflow: as they are, or in parts of 32 bits."""
    try:
        whole = np.asarray(costs, dtype=np.int64)
        if max(abs(int(whole.min())), abs(int(whole.max()))) * comb(count, count // 2) < 2**63:
            return [(0, whole)]
    except OverflowError:
        pass
    largest = max(map(abs, costs))
    parts = []
    for shift in range(0, largest.bit_length() + 1, _LIMB_BITS):
        # Two's complement: every part but the highest is at least 0, the highest has the sign.
        last = shift + _LIMB_BITS > largest.bit_length()
        limb = [cost >> shift if last else (cost >> shift) & (2**_LIMB_BITS - 1) for cost in map(int, costs)]
        parts.append((shift, np.array(limb, dtype=np.int64)))
    return parts
