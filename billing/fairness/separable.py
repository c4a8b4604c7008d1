"""Separable costs, remaining benefits (SCRB, 分離費用身替り妥当支出法): the practice of Japan's multi-purpose dams.

mᵢ = c(N) − c(N∖i) is what a player's joining adds; the rest goes by what each would still save, c(i) − mᵢ.
"""

from __future__ import annotations

from fractions import Fraction

from billing.fairness.game import Game
from governance.kernel.errors import Invalid, message
from governance.kernel.yen import printable

ALONE_BELOW_SEPARABLE = message(
    "fairness.alone_below_separable",
    ja="{player} の単独費用 {alone} が分離費用 {separable} を下回るため、分離費用身替り妥当支出法では分けられません。",
    en="SCRB cannot share this: the stand-alone cost {alone} of {player} is below its separable cost {separable}.",
)
NOTHING_TO_SHARE_BY = message(
    "fairness.nothing_to_share_by",
    ja="残余便益の合計が 0 のため、残りの費用 {left} を分けられません。",
    en="SCRB cannot share the remaining {left}: the remaining benefits add up to 0.",
)


def separable_costs(game: Game) -> tuple[Fraction, ...]:
    """What the cost of all would fall by without each player."""
    everybody = (1 << len(game.players)) - 1
    total = game.cost(everybody)
    return tuple(total - game.cost(everybody & ~(1 << place)) for place in range(len(game.players)))


def scrb(game: Game) -> tuple[Fraction, ...]:
    """Each player's share. Raises Invalid where a player alone is cheaper than its separable cost, naming it."""
    separable = separable_costs(game)
    alone = [game.cost(1 << place) for place in range(len(game.players))]
    for player, cost, mine in zip(game.players, alone, separable, strict=True):
        if cost < mine:
            raise Invalid(ALONE_BELOW_SEPARABLE, player=player, alone=printable(cost), separable=printable(mine))
    left = game.cost((1 << len(game.players)) - 1) - sum(separable)
    benefits = [cost - mine for cost, mine in zip(alone, separable, strict=True)]
    total = sum(benefits, Fraction(0))
    if not total:
        if left:
            raise Invalid(NOTHING_TO_SHARE_BY, left=printable(left))
        return separable
    return tuple(mine + left * benefit / total for mine, benefit in zip(separable, benefits, strict=True))
