"""Words and numbers as documents write them: exact numbers that a reader can check, policies and bases in Japanese."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from governance.kernel.split import Rounding
from governance.kernel.yen import format_amount

NO_VALUE: Final = "―"

_BASES: Final = {
    "equal": "均等",
    "equal_by_kind": "団体の区分ごとに均等",
    "fixed": "負担金算定規程に定める割合",
    "statistic:population": "人口（人）",
    "statistic:households": "世帯数（世帯）",
    "statistic:area_km2": "面積（km²）",
    "statistic:fiscal_index": "財政力指数",
}

_ROUNDINGS: Final = {
    Rounding.FLOOR_TOTAL_TO_OPERATOR: "各基準の額を合計し、{unit}未満を切り捨てます。端数は運営者が負担します。",
    Rounding.FLOOR_TOTAL_TO_LARGEST_SHARE: (
        "各基準の額を合計し、{unit}未満を切り捨てます。端数は、端数処理前の額が最も大きい団体が負担します。"
    ),
    Rounding.LARGEST_REMAINDER: (
        "各基準の額を合計し、{unit}未満を切り捨てます。残額は、切り捨てた端数の大きい団体から順に{unit}ずつ加えます。"
    ),
    Rounding.FLOOR_EACH_COMPONENT_TO_OPERATOR: "基準ごとに{unit}未満を切り捨てて合計します。端数は運営者が負担します。",
    Rounding.HALF_UP_TO_OPERATOR: "各基準の額を合計し、{unit}未満を四捨五入します。差額は運営者が負担します。",
}


def basis_label(basis: str) -> str:
    """What a component goes by, in the words of an office."""
    return _BASES.get(basis, basis)


def rounding_label(rounding: str, unit_yen: int) -> str:
    """One sentence that says where a share is cut and who bears what is left."""
    return _ROUNDINGS[Rounding(rounding)].format(unit="1円" if unit_yen == 1 else f"{unit_yen:,}円")


def format_exact(number: str) -> str:
    """An exact number as people write it: 738,865 or 390.44; a fraction where no short decimal is exact."""
    value = Fraction(number)
    decimals = _decimals(value)
    if decimals is None:
        return f"{value.numerator:,}/{value.denominator:,}"
    scaled = value * 10**decimals
    whole, rest = divmod(scaled.numerator, 10**decimals)
    return f"{whole:,}.{rest:0{decimals}d}" if decimals else f"{whole:,}"


def format_ratio(number: str) -> str:
    """A ratio with its percentage where that is exact: 9/10（90%）."""
    value = Fraction(number)
    if _decimals(value * 100) is None:
        return str(value)
    percent = format_exact(str(value * 100))
    return f"{value}（{percent}%）" if value.denominator > 1 else f"{percent}%"


def format_unrounded_yen(number: str) -> str:
    """Exact yen to two places, cut and not rounded: 5,734,731.36…; the dots say that more follows."""
    value = Fraction(number)
    hundredths = value.numerator * 100 // value.denominator
    more = "…" if value * 100 != hundredths else ""
    return f"{format_amount(hundredths // 100)}.{hundredths % 100:02d}{more}"


def _decimals(value: Fraction) -> int | None:
    """How many decimal places hold the value exactly; None when more than six would be needed, or none suffice."""
    return next((places for places in range(7) if (value * 10**places).denominator == 1), None)
