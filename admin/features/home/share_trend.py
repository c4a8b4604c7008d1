"""負担額の推移: a municipality's share of the last years, as columns whose title is the answer, and as rows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from markupsafe import Markup

from admin.core.language import gettext
from admin.interface.charts import Column, columns
from admin.interface.formats import percent, year_label, yen
from billing.runs.queries import ShareFacts

YEARS: Final = 5


@dataclass(frozen=True, slots=True)
class TrendRow:
    """A year's share by the run posted last, and its change against the year before where there is one."""

    fiscal_year: int
    share_yen: int
    difference_yen: int | None
    change: Fraction | None


@dataclass(frozen=True, slots=True)
class ShareTrend:
    """The answer in a sentence, the chart, and its figures, newest first."""

    title: str
    chart: Markup
    rows: tuple[TrendRow, ...]


def share_trend(shares: Sequence[ShareFacts]) -> ShareTrend | None:
    """The trend over the last years that have a share, at most five; None where fewer than two have one.

    `shares` are newest first; of several of one year the first counts.
    """
    newest: dict[int, int] = {}
    for share in shares:
        newest.setdefault(share.fiscal_year, share.share_yen)
    years = sorted(newest)[-YEARS:]
    if len(years) < 2:
        return None
    rows = [_row(year, newest) for year in years]
    title = _title(rows[-1])
    drawn = [Column(year_label(row.fiscal_year), row.share_yen) for row in rows]
    return ShareTrend(title, columns(drawn, title=title, name="trend"), tuple(reversed(rows)))


def _row(year: int, share_yen: dict[int, int]) -> TrendRow:
    before = share_yen.get(year - 1)
    difference = None if before is None else share_yen[year] - before
    change = Fraction(difference, before) if before and difference is not None else None
    return TrendRow(year, share_yen[year], difference, change)


def _title(row: TrendRow) -> str:
    year = year_label(row.fiscal_year)
    if row.difference_yen is None:
        return gettext("%(year)s: we pay %(amount)s", year=year, amount=yen(row.share_yen))
    if row.difference_yen == 0:
        return gettext("%(year)s: we pay what we paid the year before", year=year)
    by = yen(abs(row.difference_yen))
    if row.change is not None:
        by = gettext("%(percent)s (%(amount)s)", percent=percent(abs(row.change)), amount=by)
    if row.difference_yen < 0:
        return gettext("%(year)s: we pay %(by)s less than the year before", year=year, by=by)
    return gettext("%(year)s: we pay %(by)s more than the year before", year=year, by=by)
