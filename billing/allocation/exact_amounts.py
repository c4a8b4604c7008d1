"""Exact amounts of many members at once: whole numerators over one denominator, in the order of the members.

One `Fraction` a member and stage would spend most of its time on greatest common divisors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import gcd, lcm


@dataclass(frozen=True)
class ExactAmounts:
    """`numerators[position] / denominator` for each position."""

    numerators: tuple[int, ...]
    denominator: int

    @classmethod
    def of(cls, values: Sequence[Fraction | int]) -> ExactAmounts:
        """Of values by position."""
        common = lcm(*(value.denominator for value in values)) if values else 1
        return cls(tuple(value.numerator * (common // value.denominator) for value in values), common)

    @classmethod
    def zero(cls, count: int) -> ExactAmounts:
        """Nothing, for each of `count` positions."""
        return cls((0,) * count, 1)

    @classmethod
    def sum_of(cls, many: Iterable[ExactAmounts], count: int) -> ExactAmounts:
        """The sums by position."""
        parts = list(many)
        if not parts:
            return cls.zero(count)
        if len(parts) == 1:
            return parts[0]
        common = lcm(*(part.denominator for part in parts))
        rows = [part.over(common) for part in parts]
        return cls(tuple(map(sum, zip(*rows, strict=True))), common)

    @cached_property
    def total(self) -> Fraction:
        """The sum over all positions."""
        return Fraction(sum(self.numerators), self.denominator)

    def at(self, position: int) -> Fraction:
        """The amount of one position."""
        return Fraction(self.numerators[position], self.denominator)

    def over(self, denominator: int) -> tuple[int, ...]:
        """The numerators over a multiple of the denominator."""
        factor = denominator // self.denominator
        return self.numerators if factor == 1 else tuple(number * factor for number in self.numerators)

    def shared(self, amount: Fraction) -> ExactAmounts:
        """The amount shared in proportion to these, whose total is above 0."""
        total = sum(self.numerators)
        return ExactAmounts(
            tuple(amount.numerator * number for number in self.numerators), amount.denominator * total
        ).reduced()

    def times(self, factors: ExactAmounts) -> ExactAmounts:
        """Position by position."""
        products = tuple(a * b for a, b in zip(self.numerators, factors.numerators, strict=True))
        return ExactAmounts(products, self.denominator * factors.denominator).reduced()

    def reduced(self) -> ExactAmounts:
        """The same amounts over the smallest denominator."""
        shrink = gcd(self.denominator, *self.numerators)
        if shrink == 1:
            return self
        return ExactAmounts(tuple(number // shrink for number in self.numerators), self.denominator // shrink)

    def minus(self, other: ExactAmounts) -> ExactAmounts:
        """Position by position."""
        common = lcm(self.denominator, other.denominator)
        pairs = zip(self.over(common), other.over(common), strict=True)
        return ExactAmounts(tuple(a - b for a, b in pairs), common)
