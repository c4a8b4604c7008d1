"""What a division means, in plain sentences: who pays more than alone, which group would leave, who is subsidised.

The same facts as the core test; councils read these, programs the numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final

from billing.fairness.core import Violation
from billing.fairness.game import Game
from billing.fairness.separable import separable_costs
from governance.kernel.errors import Language
from governance.kernel.labels import Label

METHODS: Final[dict[str, Label]] = {
    "shapley": Label("シャープレイ値", "Shapley value"),
    "scrb": Label("分離費用身替り妥当支出法", "SCRB"),
    "nucleolus": Label("仁", "Nucleolus"),
    "prenucleolus": Label("準仁", "Pre-nucleolus"),
}
MAX_GROUPS: Final = 5
"""Groups of several that are named; the worst come first."""


def sentences(
    game: Game, name: str, shares: Sequence[Fraction], found: Sequence[Violation], language: Language
) -> tuple[str, ...]:
    """What one division says. `found` are its violations of the core, the worst first."""
    head = METHODS[name].text(language)
    said = [*_alone(game, found, language), *_groups(game, found, language), *_subsidised(game, shares, language)]
    if not said:
        nobody = Label(
            "どの団体も、どの組も、単独より多くは負担しません。",
            "no member and no group pays more than it would alone.",
        )
        said = [nobody.text(language)]
    separator = "：" if language == "ja" else ": "
    return tuple(f"{head}{separator}{one}" for one in said)


def _alone(game: Game, found: Sequence[Violation], language: Language) -> Iterator[str]:
    for one in found:
        if one.coalition.bit_count() == 1:
            player = game.players[one.coalition.bit_length() - 1]
            charged, cost = _yen(one.charged), _yen(one.cost)
            yield (
                f"{player}は単独より多く負担します（負担 {charged}、単独 {cost}）。"
                if language == "ja"
                else f"{player} pays more than it would alone ({charged}, alone {cost})."
            )


def _groups(game: Game, found: Sequence[Violation], language: Language) -> Iterator[str]:
    several = [one for one in found if one.coalition.bit_count() > 1]
    for one in several[:MAX_GROUPS]:
        names = [player for place, player in enumerate(game.players) if one.coalition >> place & 1]
        charged, cost = _yen(one.charged), _yen(one.cost)
        yield (
            f"{'、'.join(names)}だけで行えば {cost} で済むところ、合わせて {charged} を負担します。"
            if language == "ja"
            else f"{', '.join(names)} would pay {cost} among themselves, and pay {charged} together."
        )
    if len(several) > MAX_GROUPS:
        more = len(several) - MAX_GROUPS
        yield f"ほかに {more} 組が単独より多く負担します。" if language == "ja" else f"So do {more} more groups."


def _subsidised(game: Game, shares: Sequence[Fraction], language: Language) -> Iterator[str]:
    """The no-subsidy test of single members: a share below what joining adds is paid by the others."""
    for player, share, separable in zip(game.players, shares, separable_costs(game), strict=True):
        if share < separable:
            paid, added = _yen(share), _yen(separable)
            yield (
                f"{player}の負担 {paid} は、加わることで増える費用 {added} より少なく、差は他の団体が負担します。"
                if language == "ja"
                else f"{player} pays {paid}, less than the {added} its joining adds: the others pay the difference."
            )


def _yen(amount: Fraction) -> str:
    """Thousands separated; two decimals where it is not whole."""
    if amount.denominator == 1:
        return f"{amount.numerator:,}"
    hundredths = (2 * abs(amount) * 100 + 1) // 2
    return f"{'-' if amount < 0 else ''}{hundredths // 100:,}.{hundredths % 100:02}"
