"""Splitting a sum of yen exactly.

Shares and residual add up to the pool for every rounding policy. Arithmetic is on whole numbers over one common
denominator; nothing is a float. Positions are in the order of the members' codes, so "ties go to the lower code" is
"ties go to the earlier position". The module knows positions and weights, not members.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import gcd, lcm

from governance.kernel.labels import LabelledEnum


class Rounding(LabelledEnum):
    """Where a share is rounded to the unit, and who pays the remainder. The names are the contract's."""

    FLOOR_TOTAL_TO_OPERATOR = (
        "floor_total__residual_to_operator",
        "各団体の合計額を切り捨て、端数は県が負担",
        "each total is rounded down; the prefecture pays the remainder",
    )
    """The sum of a member's components is cut once; the operator bears what is left."""

    FLOOR_TOTAL_TO_LARGEST_SHARE = (
        "floor_total__residual_to_largest_share",
        "各団体の合計額を切り捨て、端数は負担額の最も大きい団体が負担",
        "each total is rounded down; the member with the largest share pays the remainder",
    )
    """As above, but the member with the largest exact share bears what is left."""

    LARGEST_REMAINDER = (
        "largest_remainder",
        "各団体の合計額を切り捨て、端数の大きい順に配分",
        "each total is rounded down; the remainder is distributed by largest remainder",
    )
    """Cut once, then one unit each to the largest remainders; less than a unit stays with the operator."""

    FLOOR_EACH_COMPONENT_TO_OPERATOR = (
        "floor_each_component__residual_to_operator",
        "各団体の按分基準ごとの額を切り捨て、端数は県が負担",
        "each component is rounded down; the prefecture pays the remainder",
    )
    """Each component of a member is cut, then added; the operator bears what is left."""

    HALF_UP_TO_OPERATOR = (
        "round_half_up__residual_to_operator",
        "各団体の合計額を四捨五入し、差額は県が負担",
        "each total is rounded half up; the prefecture pays the difference",
    )
    """The sum is rounded half up once; the operator bears the difference, which may be negative."""


@dataclass(frozen=True)
class Proportions:
    """What part of any pool falls to each position, by component: whole numerators over one denominator.

    Prepared once and used for any number of pools; that is what makes a thousand cost items under one rule cheap.
    The parts of all components add up to exactly one.
    """

    components: tuple[tuple[int, ...], ...]
    denominator: int

    @classmethod
    def of(cls, components: Sequence[tuple[Fraction, Sequence[Fraction]]]) -> Proportions:
        """Of (ratio, weights by position) for each component.

        Ratios add up to one and each component's weights to more than zero; otherwise ValueError, for a caller
        who lets a person enter them refuses earlier and names the field.
        """
        if sum(ratio for ratio, _ in components) != 1:
            raise ValueError("the ratios of the components add up to exactly 1")
        rows: list[tuple[int, list[int]]] = []
        for ratio, weights in components:
            scale = lcm(*(weight.denominator for weight in weights))
            whole = [weight.numerator * (scale // weight.denominator) for weight in weights]
            if min(whole, default=0) < 0 or not sum(whole):
                raise ValueError("the weights of a component are not negative and add up to more than 0")
            rows.append((ratio.numerator, whole))
        denominators = [ratio.denominator * sum(whole) for (ratio, _), (_, whole) in zip(components, rows, strict=True)]
        common = lcm(*denominators)
        scaled = [
            [numerator * (common // denominator) * weight for weight in whole]
            for (numerator, whole), denominator in zip(rows, denominators, strict=True)
        ]
        shrink = gcd(common, *(part for row in scaled for part in row))
        return cls(tuple(tuple(part // shrink for part in row) for row in scaled), common // shrink)

    @cached_property
    def totals(self) -> tuple[int, ...]:
        """The numerator of each position, its components added."""
        return tuple(map(sum, zip(*self.components, strict=True)))

    def exact(self, pool_yen: int, position: int) -> Fraction:
        """The unrounded yen of one position of a pool."""
        return Fraction(pool_yen * self.totals[position], self.denominator)


@dataclass(frozen=True, slots=True)
class Split:
    """Whole yen by position. `sum(shares_yen) + residual_yen` is the pool that was split."""

    shares_yen: tuple[int, ...]
    residual_yen: int
    """What is left to the operator; negative when rounding half up gave out more than the pool."""


def split(pool_yen: int, proportions: Proportions, *, unit_yen: int, rounding: Rounding) -> Split:
    """Split a pool of zero or more yen, each share a multiple of the unit (but for who bears a residual)."""
    if pool_yen < 0 or unit_yen < 1:
        raise ValueError("a pool of at least 0 yen is split by a unit of at least 1 yen")
    by_component: Sequence[Sequence[int]] = ()
    if rounding is Rounding.FLOOR_EACH_COMPONENT_TO_OPERATOR:
        by_component = [[pool_yen * part for part in row] for row in proportions.components]
    totals = [pool_yen * part for part in proportions.totals]
    shares = round_amounts(totals, by_component, proportions.denominator, unit_yen=unit_yen, rounding=rounding)
    residual_yen = pool_yen - sum(shares)
    if rounding is Rounding.FLOOR_TOTAL_TO_LARGEST_SHARE and residual_yen:
        largest = proportions.totals.index(max(proportions.totals))
        shares[largest] += residual_yen
        return Split(tuple(shares), 0)
    return Split(tuple(shares), residual_yen)


def round_amounts(
    totals: Sequence[int],
    by_component: Sequence[Sequence[int]],
    denominator: int,
    *,
    unit_yen: int,
    rounding: Rounding,
) -> list[int]:
    """Exact amounts by position, numerators over one denominator, each as a multiple of the unit by the policy.

    `by_component` holds the amounts that the totals are the sums of; only rounding each component reads it. What
    rounding leaves is not given to anybody, but for the units of the largest remainders.
    """
    divisor = denominator * unit_yen
    if rounding is Rounding.LARGEST_REMAINDER:
        return _by_largest_remainder(totals, denominator, divisor, unit_yen)
    if rounding is Rounding.FLOOR_EACH_COMPONENT_TO_OPERATOR:
        cut = [[amount // divisor for amount in row] for row in by_component]
        return [units * unit_yen for units in map(sum, zip(*cut, strict=True))]
    if rounding is Rounding.HALF_UP_TO_OPERATOR:
        return [(2 * amount + divisor) // (2 * divisor) * unit_yen for amount in totals]
    return [amount // divisor * unit_yen for amount in totals]


def _by_largest_remainder(totals: Sequence[int], denominator: int, divisor: int, unit_yen: int) -> list[int]:
    units: list[int] = []
    remainders: list[int] = []
    for amount in totals:
        whole, remainder = divmod(amount, divisor)
        units.append(whole)
        remainders.append(remainder)
    # There are always fewer units left than positions with a remainder, so nobody of weight 0 is given one.
    left = sum(totals) // denominator // unit_yen - sum(units)
    # A reversed sort keeps equals in their order: a tie goes to the lower code.
    ranked = sorted(range(len(units)), key=remainders.__getitem__, reverse=True)[:left] if left else []
    for position in ranked:
        units[position] += 1
    return [whole * unit_yen for whole in units]
