"""Caps and floors with redistribution: one level for all, so that the order of members cannot matter.

Each member bears `min(max(t × weight, lower), upper)`; the level t is the one at which the sum is the pool. The left
side never falls with t and is straight between the points where a member reaches a bound, so that the level is found
by walking those points once. All of it in whole numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from billing.allocation.exact_amounts import ExactAmounts


def fill_to_one_level(
    pool: Fraction, weights: ExactAmounts, lower: Sequence[int], upper: Sequence[int | None]
) -> tuple[Fraction, ExactAmounts] | None:
    """The level and each member's amount; None where the bounds leave too much or too little.

    `weights` are 0 or more, `lower` at most `upper` (None: no upper bound), both yen. A weight of 0 stays at `lower`.
    """
    # Between two points the sum is constant + u × slope, where u is the level over the weights' denominator.
    constant, slope = sum(lower), 0
    if constant > pool:
        return None
    for bound, weight, is_upper in _points(weights.numerators, lower, upper):
        # The sum at u = bound / weight, compared with the pool without dividing.
        if (constant * weight + bound * slope) * pool.denominator >= pool.numerator * weight:
            break
        constant += bound if is_upper else -bound
        slope += -weight if is_upper else weight
    left = pool.numerator - constant * pool.denominator
    if not slope:
        return None if left else (Fraction(0), ExactAmounts(tuple(lower), 1))
    # u = left / whole
    whole = slope * pool.denominator
    amounts = clamped(ExactAmounts(tuple(left * weight for weight in weights.numerators), whole), lower, upper)
    return Fraction(left * weights.denominator, whole), amounts


def clamped(amounts: ExactAmounts, lower: Sequence[int], upper: Sequence[int | None]) -> ExactAmounts:
    """Each amount no lower than its floor and no higher than its cap."""
    whole = amounts.denominator
    return ExactAmounts(
        tuple(
            max(number, low * whole) if high is None else min(max(number, low * whole), high * whole)
            for number, low, high in zip(amounts.numerators, lower, upper, strict=True)
        ),
        whole,
    ).reduced()


def _points(weights: Sequence[int], lower: Sequence[int], upper: Sequence[int | None]) -> list[tuple[int, int, bool]]:
    """(bound, weight, is the upper one), in the order in which members reach them: by bound / weight."""
    found = [(low, weight, False) for low, weight in zip(lower, weights, strict=True) if weight]
    found += [(high, weight, True) for high, weight in zip(upper, weights, strict=True) if weight and high is not None]
    # Two different fractions differ by at least one over the product of their denominators, so that whole parts of
    # so many binary places are in the same order.
    places = 2 * max((weight.bit_length() for weight in weights), default=0)
    # A lower bound before an upper one at the same point: a member with both at one value rises and stops there.
    found.sort(key=lambda point: ((point[0] << places) // point[1], point[2]))
    return found
