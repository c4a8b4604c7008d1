"""Charts drawn on the server as SVG: pure functions from figures to markup, with no style and no script in them.

Positions are percentages of the width, so that words keep their size on a narrow screen. A chart answers one question
and its title is the answer; the table below it holds the same figures, made from the same values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from markupsafe import Markup

from admin.core.language import gettext
from admin.interface.formats import exact_yen, percent, yen

SHADES: Final = 5


@dataclass(frozen=True, slots=True)
class Part:
    """A component of a whole, in exact yen."""

    name: str
    yen: Fraction


def stacked_bar(parts: Sequence[Part], *, title: str, name: str) -> Markup:
    """What a whole is made of: one bar, its parts side by side, each named below with its yen before rounding."""
    whole = sum((part.yen for part in parts), Fraction(0)) or Fraction(1)
    drawn, offset = [], Fraction(0)
    for place, part in enumerate(parts):
        width = part.yen / whole * 100
        drawn.append(_bar(_tenth(offset), 0, _tenth(width), f"chart-part chart-part-{place % SHADES + 1}", height=36))
        offset += width
    y = 36
    for place, part in enumerate(parts):
        y += 26
        drawn.append(
            Markup('<rect x="0" y="{}" width="14" height="14" class="chart-part chart-part-{}"/>').format(
                y - 12, place % SHADES + 1
            )
        )
        drawn.append(
            Markup('<text x="22" y="{}" class="chart-value">{} {}（{}）</text>').format(
                y, part.name, exact_yen(part.yen), percent(part.yen / whole)
            )
        )
    text = gettext(", ").join(f"{part.name} {percent(part.yen / whole)}" for part in parts)
    return _svg(drawn, y + 8, title, text, name)


@dataclass(frozen=True, slots=True)
class Column:
    """One amount of a row of columns: what it is of, and its whole yen."""

    name: str
    yen: int


_COLUMN_HEIGHT: Final = 120
_LINE: Final = 22


def columns(values: Sequence[Column], *, title: str, name: str) -> Markup:
    """Amounts over time: a column for each, from zero, with its amount above and its name below."""
    most = max((value.yen for value in values), default=0) or 1
    slot = Fraction(100, max(len(values), 1))
    drawn = []
    for place, value in enumerate(values):
        height = max(value.yen, 0) * _COLUMN_HEIGHT // most
        top = _LINE + _COLUMN_HEIGHT - height
        left, middle = _tenth(slot * place + slot / 5), _tenth(slot * place + slot / 2)
        # The newest is the one that is asked about.
        shade = 1 if place == len(values) - 1 else 2
        drawn += [
            _bar(left, top, _tenth(slot * 3 / 5), f"chart-part chart-part-{shade}", height=height),
            _centred(middle, top - 6, yen(value.yen), "chart-value chart-amount"),
            _centred(middle, _LINE + _COLUMN_HEIGHT + _LINE - 4, value.name),
        ]
    text = gettext(", ").join(f"{value.name} {yen(value.yen)}" for value in values)
    return _svg(drawn, _LINE + _COLUMN_HEIGHT + _LINE, title, text, name)


def _centred(x: str, y: int, text: str, css_class: str = "chart-value") -> Markup:
    return Markup('<text x="{}%" y="{}" text-anchor="middle" class="{}">{}</text>').format(x, y, css_class, text)


def _tenth(value: Fraction) -> str:
    return f"{float(round(value, 2)):g}"


def _bar(x: str | int, y: int, width: str, css_class: str, *, height: int) -> Markup:
    return Markup('<rect x="{}%" y="{}" width="{}%" height="{}" class="{}"/>').format(x, y, width, height, css_class)


def _svg(drawn: Sequence[Markup], height: int, title: str, text: str, name: str) -> Markup:
    return Markup(
        '<svg class="chart" role="img" aria-labelledby="{0}-title {0}-desc" width="100%" height="{1}" '
        'xmlns="http://www.w3.org/2000/svg"><title id="{0}-title">{2}</title><desc id="{0}-desc">{3}</desc>{4}</svg>'
    ).format(name, height, title, text, Markup("").join(drawn))
