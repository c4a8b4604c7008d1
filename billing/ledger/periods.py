"""When a book takes entries: the state of its fiscal year, and which entries each state still takes.

Pure. `open ⇄ closing → closed`. Closed is the end: a correction is an entry in an open year that names what it
corrects.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Final

from governance.kernel.era import show_day
from governance.kernel.errors import Conflict, Invalid, message
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.labels import Label, LabelledEnum

INVALID_TRANSITION = message(
    "period.no_such_transition",
    ja="「{from_state}」の会計年度を「{to_state}」にすることはできません。",
    en="A fiscal year that is {from_state} cannot become {to_state}.",
    hint_ja="締めた年度は開けません。訂正は開いている年度に、訂正する仕訳を指して記帳してください。",
    hint_en="A closed year stays closed; post the correction in an open year, naming what it corrects.",
)
NOT_IN_YEAR = message(
    "ledger.date_outside_year",
    ja="{happened_on} は {fiscal_year} 年度（出納整理期間 {closes_on} まで）に属しません。",
    en="{happened_on} is not in fiscal year {fiscal_year}, whose books close on {closes_on}.",
)


class PeriodState(LabelledEnum):
    """Whether a fiscal year of a book takes entries: all, adjustments and reversals only, or none."""

    OPEN = "open", "記帳できます", "open"
    CLOSING = "closing", "締切作業中", "closing"
    CLOSED = "closed", "締切済み", "closed"


class EntryKind(LabelledEnum):
    """Why an entry was made: by hand, by an allocation run, while a year is closing, or to reverse another."""

    ORDINARY = "ordinary", "通常", "ordinary"
    ALLOCATION = "allocation", "費用按分", "allocation"
    ADJUSTMENT = "adjustment", "決算整理", "adjustment"
    REVERSAL = "reversal", "取消", "reversal"


ACCEPTED_WHILE_CLOSING: Final = frozenset({EntryKind.ADJUSTMENT, EntryKind.REVERSAL})
"""What a year still takes while finance is closing it; everything else waits for another year."""

_TRANSITIONS: Final[dict[PeriodState, frozenset[PeriodState]]] = {
    PeriodState.OPEN: frozenset({PeriodState.CLOSING}),
    PeriodState.CLOSING: frozenset({PeriodState.OPEN, PeriodState.CLOSED}),
    PeriodState.CLOSED: frozenset(),
}


def can_become(current: PeriodState, to: PeriodState) -> bool:
    """Whether a fiscal year in one state may move to the other."""
    return to in _TRANSITIONS[current]


def transition(current: PeriodState, to: PeriodState) -> PeriodState:
    """The new state, or Conflict."""
    if not can_become(current, to):
        raise Conflict(INVALID_TRANSITION, field="to", from_state=current, to_state=to)
    return to


def accepts(state: PeriodState, kind: EntryKind) -> bool:
    """Whether a fiscal year in this state takes an entry of this kind."""
    return state is PeriodState.OPEN or (state is PeriodState.CLOSING and kind in ACCEPTED_WHILE_CLOSING)


@lru_cache(maxsize=64)
def year_of(happened_on: date, fiscal_year: int | None) -> int:
    """The fiscal year an entry belongs to: its date's, or the year before in the closing period (出納整理期間).

    Raises Invalid when the year that was named does not fit the date.
    """
    own = FiscalYear.of(happened_on)
    if fiscal_year is None or fiscal_year == own.year:
        return own.year
    named = FiscalYear(fiscal_year)
    if not named.is_closing(happened_on):
        raise Invalid(
            NOT_IN_YEAR,
            field="fiscal_year",
            happened_on=happened_on.isoformat(),
            fiscal_year=fiscal_year,
            closes_on=named.closes_on.isoformat(),
        )
    return fiscal_year


def closing_warning(year: FiscalYear, today: date, to: PeriodState) -> Label | None:
    """What somebody who moves a fiscal year to a state should know of its dates.

    To close it is early until its books close on 31 May (出納閉鎖); to open it is what `date_warning` says of entries.
    """
    if to is PeriodState.OPEN:
        return date_warning(year, today)
    if today > year.closes_on:
        return None
    closes = show_day(year.closes_on)
    still_taken = {
        PeriodState.CLOSING: Label("決算整理と取消だけを", "adjustments and reversals only"),
        PeriodState.CLOSED: Label("何も", "nothing"),
    }[to]
    verb = "記帳できません" if to is PeriodState.CLOSED else "記帳できます"
    return Label(
        f"{year.label}の出納が閉鎖されるのは{closes}です。「{to.ja}」にすると、それまでの収入と支出があっても"
        f"{still_taken.ja}{verb}。",
        f"The books of the fiscal year {year} close on {year.closes_on.isoformat()}. Once it is {to.en} it takes"
        f" {still_taken.en}, whatever is received and paid until then.",
    )


def date_warning(year: FiscalYear, today: date) -> Label | None:
    """What somebody who enters something into a fiscal year should know of its dates; None while the year runs.

    The year ends on 31 March, its books on 31 May (出納閉鎖, 地方自治法235条の5); what is paid after that is revenue of
    the year in which it is paid (過年度収入, 地方自治法施行令160条).
    """
    starts, ended, closed = (show_day(day) for day in (year.starts_on, year.last_day, year.closes_on))
    if today < year.starts_on:
        return Label(
            f"{year.shown}はまだ始まっていません（{starts}から）。",
            f"The fiscal year {year} has not begun; it begins on {year.starts_on.isoformat()}.",
        )
    if year.is_closing(today):
        return Label(
            f"{year.shown}は{ended}に終わり、いまは出納整理期間です。{closed}に出納が閉鎖されます。",
            f"The fiscal year {year} ended on {year.last_day.isoformat()}; this is its closing period, to"
            f" {year.closes_on.isoformat()}.",
        )
    if today > year.closes_on:
        return Label(
            f"{year.shown}の出納は{closed}に閉鎖されました。これから納入される額は過年度の収入になります。"
            "この年度に記帳してよいか、会計担当に確かめてください。",
            f"The books of the fiscal year {year} closed on {year.closes_on.isoformat()}. What is paid from here on is"
            " revenue of a past year; ask finance whether this may still be posted.",
        )
    return None
