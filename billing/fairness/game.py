"""A cost game: what each coalition of players would pay on its own, in whole numbers over one scale.

A table holds the cost of every coalition, by bitmask (bit i is player i). Costs that are a sum of a platform, a tier
of capacity and own parts need no table: they are exact for any number of players.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import lcm


@dataclass(frozen=True)
class TableGame:
    """A game whose costs are entered: `costs[mask] / scale`, and `costs[0]` is 0."""

    players: tuple[str, ...]
    costs: Sequence[int]
    scale: int = 1

    @classmethod
    def of(cls, players: Sequence[str], costs: Sequence[Fraction]) -> TableGame:
        """Of exact costs in bitmask order, the first of which is 0."""
        scale = lcm(*(cost.denominator for cost in costs))
        return cls(tuple(players), [cost.numerator * (scale // cost.denominator) for cost in costs], scale)

    def cost(self, coalition: int) -> Fraction:
        """The cost of a coalition."""
        return Fraction(self.costs[coalition], self.scale)


@dataclass(frozen=True)
class StepGame:
    """A platform that somebody pays, the tier of its largest member, and what each has of its own.

    The cost of a coalition is `fixed` + its largest tier + the own parts of its members.
    """

    players: tuple[str, ...]
    fixed: Fraction
    tiers: tuple[Fraction, ...]
    own: tuple[Fraction, ...]

    def cost(self, coalition: int) -> Fraction:
        """The cost of a coalition."""
        inside = [place for place in range(len(self.players)) if coalition >> place & 1]
        if not inside:
            return Fraction(0)
        return self.fixed + max(self.tiers[place] for place in inside) + sum(self.own[place] for place in inside)

    @cached_property
    def steps(self) -> tuple[Fraction, ...]:
        """Each player's part of the tiers: every step is shared by those who need it."""
        order = sorted(range(len(self.players)), key=self.tiers.__getitem__)
        parts = [Fraction(0)] * len(order)
        below = reached = Fraction(0)
        for number, place in enumerate(order):
            reached += (self.tiers[place] - below) / (len(order) - number)
            below = self.tiers[place]
            parts[place] = reached
        return tuple(parts)

    def table(self) -> TableGame:
        """The same game with its costs written out; for few players."""
        return TableGame.of(self.players, [self.cost(mask) for mask in range(1 << len(self.players))])


Game = TableGame | StepGame


def coalition_name(players: Sequence[str], coalition: int) -> str:
    """The players of a coalition, joined with + in their order."""
    return "+".join(player for place, player in enumerate(players) if coalition >> place & 1)


def subset_sums(values: Sequence[int]) -> list[int]:
    """The sum of every subset, by bitmask."""
    sums = [0]
    for value in values:
        sums += [one + value for one in sums]
    return sums
