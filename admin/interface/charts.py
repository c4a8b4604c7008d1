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

from admin.core.language import gettext, ngettext
from admin.interface.formats import percent, yen

_BAR: Final = 16
_NAME: Final = 22
_GAP: Final = 14
_MAX_WIDTH: Final = 56
"""Percent of the width that the longest bar takes; the value stands beyond its end."""

SHADES: Final = 5


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """One member's amounts, in whole yen. `is_new` has no before to compare with."""

    name: str
    before_yen: int
    after_yen: int
    is_new: bool = False

    @property
    def difference_yen(self) -> int:
        return self.after_yen - self.before_yen

    @property
    def change(self) -> Fraction | None:
        """The change as a part of what it was; None where it was nothing."""
        return Fraction(self.difference_yen, self.before_yen) if self.before_yen else None


@dataclass(frozen=True, slots=True)
class Part:
    """A component of a whole, in exact yen."""

    name: str
    yen: Fraction


def by_amount(rows: Sequence[BeforeAfter]) -> list[BeforeAfter]:
    """The largest amount first, as the chart and its table have them."""
    return sorted(rows, key=lambda row: (-row.after_yen, -row.before_yen, row.name))


def change_headline(rows: Sequence[BeforeAfter]) -> str:
    """What the change comes to, in a sentence: the title of the chart."""
    staying = [row for row in rows if not row.is_new]
    before, after = sum(row.before_yen for row in staying), sum(row.after_yen for row in staying)
    if not staying or not before:
        return ngettext("Shares of %(num)s member", "Shares of %(num)s members", len(rows))
    change = Fraction(after - before, before)
    much = percent(abs(change))
    if len(rows) != len(staying):
        if change == 0:
            return gettext(
                "With %(members)s members, the %(payers)s pay the same", members=len(rows), payers=len(staying)
            )
        if change < 0:
            return gettext(
                "With %(members)s members, the %(payers)s pay %(percent)s less on average",
                members=len(rows),
                payers=len(staying),
                percent=much,
            )
        return gettext(
            "With %(members)s members, the %(payers)s pay %(percent)s more on average",
            members=len(rows),
            payers=len(staying),
            percent=much,
        )
    if change == 0:
        return gettext("The %(payers)s members pay the same", payers=len(staying))
    if change < 0:
        return gettext("The %(payers)s members pay %(percent)s less on average", payers=len(staying), percent=much)
    return gettext("The %(payers)s members pay %(percent)s more on average", payers=len(staying), percent=much)


def change_totals(rows: Sequence[BeforeAfter]) -> str:
    """What the answer is worked out from: the sums of those who pay before and after."""
    staying = [row for row in rows if not row.is_new]
    before, after = sum(row.before_yen for row in staying), sum(row.after_yen for row in staying)
    return gettext(
        "Total of the %(staying)s: %(before)s → %(after)s", staying=len(staying), before=yen(before), after=yen(after)
    )


def paired_bars(rows: Sequence[BeforeAfter], *, title: str, name: str) -> Markup:
    """Before and after for each member, one bar under the other, the largest first."""
    ordered = by_amount(rows)
    maximum = max((max(row.before_yen, row.after_yen) for row in ordered), default=0) or 1
    drawn, y = [], 0
    for row in ordered:
        change = "" if row.change is None else f" {percent(row.change)}"
        drawn.append(
            Markup('<text x="0" y="{}" class="chart-name">{}<tspan class="chart-change">{}</tspan></text>').format(
                y + 15, row.name, change
            )
        )
        y += _NAME
        before = gettext("new") if row.is_new else gettext("now %(before_yen)s", before_yen=yen(row.before_yen))
        drawn.append(_bar(0, y, _width(row.before_yen, maximum), "chart-before"))
        drawn.append(_value(_width(row.before_yen, maximum), y + 13, before, "chart-value"))
        y += _BAR + 2
        text = gettext("after %(after_yen)s", after_yen=yen(row.after_yen))
        drawn.append(_bar(0, y, _width(row.after_yen, maximum), "chart-after"))
        drawn.append(_value(_width(row.after_yen, maximum), y + 13, text, "chart-value chart-strong"))
        y += _BAR + _GAP
    return _svg(drawn, max(y - _GAP, 1), title, _describe_pairs(ordered), name)


def stacked_bar(parts: Sequence[Part], *, title: str, name: str) -> Markup:
    """What a whole is made of: one bar, its parts side by side, each named below with its part of the whole."""
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
                y, part.name, yen(integer_part(part.yen)), percent(part.yen / whole)
            )
        )
    text = gettext(", ").join(f"{part.name} {percent(part.yen / whole)}" for part in parts)
    return _svg(drawn, y + 8, title, text, name)


def integer_part(value: Fraction) -> int:
    """Exact yen cut to whole yen, as they are shown beside a part."""
    return value.numerator // value.denominator


def _describe_pairs(rows: Sequence[BeforeAfter]) -> str:
    """The description: the largest three in words; everything stands in the table."""
    text = [
        gettext(
            "%(name)s from %(before_yen)s to %(after_yen)s",
            name=row.name,
            before_yen=yen(row.before_yen),
            after_yen=yen(row.after_yen),
        )
        for row in rows[:3]
    ]
    return gettext("%(changes)s. All members are in the table.", changes=gettext("; ").join(text))


def _width(value: int, maximum: int) -> str:
    return _tenth(Fraction(value, maximum) * _MAX_WIDTH)


def _tenth(value: Fraction) -> str:
    return f"{float(round(value, 2)):g}"


def _bar(x: str | int, y: int, width: str, css_class: str, *, height: int = _BAR) -> Markup:
    return Markup('<rect x="{}%" y="{}" width="{}%" height="{}" class="{}"/>').format(x, y, width, height, css_class)


def _value(x: str, y: int, text: str, css_class: str) -> Markup:
    return Markup('<text x="{}%" y="{}" dx="6" class="{}">{}</text>').format(x, y, css_class, text)


def _svg(drawn: Sequence[Markup], height: int, title: str, text: str, name: str) -> Markup:
    return Markup(
        '<svg class="chart" role="img" aria-labelledby="{0}-title {0}-desc" width="100%" height="{1}" '
        'xmlns="http://www.w3.org/2000/svg"><title id="{0}-title">{2}</title><desc id="{0}-desc">{3}</desc>{4}</svg>'
    ).format(name, height, title, text, Markup("").join(drawn))
