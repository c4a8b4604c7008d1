"""What each municipality pays before and after: one table with the change as a bar in its cell, and what it comes to.

The order of the rows stands in the address (`order`, `direction`). Figures are exact to the last digit that is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Final, NamedTuple

from flask import request
from markupsafe import Markup

from admin.core.language import current_language, gettext, ngettext
from admin.interface.formats import NO_VALUE, percent, rounded_tenths, tenths, yen
from admin.interface.lists import query_choice


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """One member's amounts, in whole yen. `before_yen` is None where there is nothing to compare with.

    `is_new` marks who did not take part before; `people` are its inhabitants, None where nobody recorded them.
    `address` is the page of what it pays, empty for none.
    """

    name: str
    before_yen: int | None
    after_yen: int
    is_new: bool = False
    people: Fraction | None = None
    address: str = ""

    @property
    def difference_yen(self) -> int | None:
        """What it pays more, all of it where it is new; None where there is nothing to compare with."""
        return None if self.before_yen is None and not self.is_new else self.after_yen - (self.before_yen or 0)

    @property
    def change(self) -> Fraction | None:
        """The change as a part of what it was; None where it was nothing."""
        return Fraction(self.after_yen - self.before_yen, self.before_yen) if self.before_yen else None

    @property
    def yen_per_head(self) -> Fraction | None:
        """What it pays for each inhabitant; None where their number is not recorded."""
        return Fraction(self.after_yen) / self.people if self.people else None


_ORDERS: Final[dict[str, Callable[[BeforeAfter], Fraction | int | None]]] = {
    "after": lambda row: row.after_yen,
    "before": lambda row: row.before_yen,
    "difference": lambda row: row.difference_yen,
    "change": lambda row: row.change,
    "per_head": lambda row: row.yen_per_head,
}


class ChangeFigure(NamedTuple):
    """A figure above the table: what it is, its value, and what stands below it."""

    label: str
    value: str
    under: str = ""


@dataclass(frozen=True)
class ShareChanges:
    """The rows of the table, in the order that the address asks for. `is_last_year`: before is the year before."""

    given: tuple[BeforeAfter, ...]
    is_last_year: bool = False
    is_sortable: bool = False
    order: str = "after"
    descending: bool = True

    @cached_property
    def rows(self) -> list[BeforeAfter]:
        """Ordered; rows without a value for the order come last, equal ones by name."""
        value_of = _ORDERS[self.order]

        def place(row: BeforeAfter) -> tuple[bool, Fraction | int, str]:
            value = value_of(row)
            return (value is None, 0 if value is None else -value if self.descending else value, row.name)

        return sorted(self.given, key=place)

    @cached_property
    def compared(self) -> list[BeforeAfter]:
        """Who paid before, and pays or paid something."""
        return [row for row in self.given if row.before_yen is not None and not row.is_new]

    @property
    def before_label(self) -> str:
        """What the amount before is."""
        return gettext("Last year") if self.is_last_year else gettext("Before")

    @property
    def after_label(self) -> str:
        """What the amount after is: a share that changes no other one of its year has no 変更後."""
        return gettext("Share") if self.is_last_year else gettext("After")

    @property
    def before_yen(self) -> int | None:
        """The sum before; None where there is nothing to compare with."""
        return sum(row.before_yen or 0 for row in self.given) if self.compared else None

    @property
    def after_yen(self) -> int:
        return sum(row.after_yen for row in self.given)

    @property
    def difference_yen(self) -> int | None:
        """The sum after less the sum before; None where there is nothing to compare with."""
        return None if self.before_yen is None else self.after_yen - self.before_yen

    @property
    def title(self) -> str:
        """What the change comes to, in a sentence: in total, and from whom it changes least to whom most."""
        return _headline(self.compared, len(self.given))

    @property
    def figures(self) -> list[ChangeFigure]:
        """The change in total, the least and the greatest change, and what those who are new pay together."""
        found = []
        if self.compared:
            before = sum(row.before_yen or 0 for row in self.compared)
            after = sum(row.after_yen for row in self.compared)
            found.append(
                ChangeFigure(
                    ngettext("Change for %(num)s member", "Change for %(num)s members", len(self.compared)),
                    yen(after - before),
                    gettext("%(before)s → %(after)s", before=yen(before), after=yen(after)),
                )
            )
        moved = sorted((row for row in self.compared if row.change is not None), key=lambda row: row.change or 0)
        if moved and percent(moved[0].change) != percent(moved[-1].change):
            least, most = moved[-1], moved[0]
            found.append(
                ChangeFigure(
                    gettext("From the least to the greatest"),
                    gettext("%(least)s to %(most)s", least=percent(most.change), most=percent(least.change)),
                    gettext("%(least)s to %(most)s", least=most.name, most=least.name),
                )
            )
        if new := [row for row in self.given if row.is_new]:
            found.append(
                ChangeFigure(
                    ngettext("%(num)s new member together", "%(num)s new members together", len(new)),
                    yen(sum(row.after_yen for row in new)),
                )
            )
        return found

    def bar(self, row: BeforeAfter) -> Markup:
        """The change of a row as a bar on the scale of all rows; empty where there is none."""
        if row.change is None:
            return Markup("")
        down = max((-change for change in self._changes if change < 0), default=Fraction(0))
        up = max((change for change in self._changes if change > 0), default=Fraction(0))
        width = (down + up) or Fraction(1)
        zero = down / width * 100
        length = abs(row.change) / width * 100
        start = zero - length if row.change < 0 else zero
        return Markup(
            '<svg class="bar" width="100%" height="10" aria-hidden="true" focusable="false">'
            '<rect x="{}%" y="0" width="{}%" height="10" class="bar-{}"/>'
            '<line x1="{}%" x2="{}%" y1="0" y2="10" class="bar-zero"/></svg>'
        ).format(_hundredth(start), _hundredth(length), "less" if row.change < 0 else "more", *[_hundredth(zero)] * 2)

    def per_head(self, row: BeforeAfter) -> str:
        """Yen for each inhabitant, to one decimal."""
        return NO_VALUE if row.yen_per_head is None else tenths(row.yen_per_head)

    @cached_property
    def _changes(self) -> list[Fraction]:
        return [row.change for row in self.given if row.change is not None]


def share_changes(rows: Sequence[BeforeAfter], *, is_last_year: bool = False) -> ShareChanges:
    """The table in the order of this request's address. Only a page that was asked for by GET can be sorted."""
    return ShareChanges(
        tuple(rows),
        is_last_year,
        is_sortable=request.method == "GET",
        order=query_choice("order", tuple(_ORDERS), "after"),
        descending="order" not in request.args or request.args.get("direction") == "desc",
    )


def _headline(compared: Sequence[BeforeAfter], members: int) -> str:
    before = sum(row.before_yen or 0 for row in compared)
    if not before:
        return ngettext("Shares of %(num)s member", "Shares of %(num)s members", members)
    difference = sum(row.after_yen for row in compared) - before
    changes = [row.change for row in compared if row.change is not None]
    least, most = min(changes, key=abs), max(changes, key=abs)
    facts = {
        "whom": gettext("The %(payers)s members pay", payers=len(compared))
        if members == len(compared)
        else gettext("With %(members)s members, the %(payers)s pay", members=members, payers=len(compared)),
        "percent": percent(abs(Fraction(difference, before))),
        "yen": _about(abs(difference)),
    }
    if not any(changes):
        return gettext("%(whom)s the same", **facts)
    if min(changes) < 0 < max(changes):
        facts |= {"low": percent(min(changes)), "high": percent(max(changes))}
        if difference < 0:
            return gettext("%(whom)s %(percent)s (%(yen)s) less in total, each between %(low)s and %(high)s", **facts)
        if difference > 0:
            return gettext("%(whom)s %(percent)s (%(yen)s) more in total, each between %(low)s and %(high)s", **facts)
        return gettext("%(whom)s the same in total, each between %(low)s and %(high)s", **facts)
    if rounded_tenths(least * 100) == rounded_tenths(most * 100):
        if difference < 0:
            return gettext("%(whom)s %(percent)s (%(yen)s) less", **facts)
        return gettext("%(whom)s %(percent)s (%(yen)s) more", **facts)
    facts |= {"least": tenths(abs(least) * 100), "most": percent(abs(most))}
    if difference < 0:
        return gettext("%(whom)s %(percent)s (%(yen)s) less in total, each %(least)s to %(most)s less", **facts)
    return gettext("%(whom)s %(percent)s (%(yen)s) more in total, each %(least)s to %(most)s more", **facts)


def _about(value: int) -> str:
    """An amount in a sentence: from ten 万円 on in 万円, rounded half up; in English to the yen."""
    if current_language() != "ja" or value < 100_000:
        return yen(value)
    return f"{(value + 5_000) // 10_000:,}万円"


def _hundredth(value: Fraction) -> str:
    return f"{float(round(value, 2)):g}"
