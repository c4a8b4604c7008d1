"""Japanese eras (元号): dates as public documents write them, and read strictly.

An era begins on its first day; the first year is 元年. A text whose era was not in force on its date is a
contradiction and refused with the right one, never silently corrected. Fiscal years are in `fiscal_year`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from typing import Final

from governance.kernel.errors import Invalid, message
from governance.kernel.labels import LabelledEnum
from governance.kernel.yen import printable

NOT_A_DATE = message(
    "date.not_a_date",
    ja="「{given}」は日付として読めません。",
    en="“{given}” is not a date.",
    hint_ja="2025-04-01、令和7年4月1日、R7.4.1 のいずれかの形で入力してください。",
    hint_en="Write 2025-04-01, 令和7年4月1日 or R7.4.1.",
)
NO_SUCH_DAY = message(
    "date.no_such_day",
    ja="「{given}」という日はありません。",
    en="The date “{given}” does not exist.",
)
OTHER_ERA = message(
    "date.other_era",
    ja="「{given}」は元号と日付が合いません。正しくは{expected}です。",
    en="In “{given}” the era does not match the date; it should be {expected}.",
)
OTHER_WEEKDAY = message(
    "date.other_weekday",
    ja="「{given}」は曜日が合いません。正しくは{expected}です。",
    en="In “{given}” the weekday does not match the date; it should be {expected}.",
)
OUT_OF_BOUNDS = message(
    "date.out_of_bounds",
    ja="日付は {least} から {most} までで指定してください（指定された値: 「{given}」）。",
    en="A date must be between {least} and {most}; “{given}” is not.",
)


class DateNotation(LabelledEnum):
    """How a person reads dates and fiscal years in Japanese."""

    ERA = "era", "元号（令和8年4月1日）", "Japanese era"
    WESTERN = "western", "西暦（2026年4月1日）", "Western calendar"


_NOTATION: ContextVar[DateNotation] = ContextVar("date_notation", default=DateNotation.ERA)


@contextmanager
def date_notation(notation: DateNotation) -> Iterator[None]:
    """Have `show_day` and `FiscalYear.shown` write this notation meanwhile: a page's, for its reader."""
    token = _NOTATION.set(notation)
    try:
        yield
    finally:
        _NOTATION.reset(token)


def is_western() -> bool:
    """Whether the reader of the present page reads years of the Western calendar."""
    return _NOTATION.get() is DateNotation.WESTERN


@dataclass(frozen=True, slots=True)
class Era:
    """One era: its name, its letter, its first day."""

    name: str
    letter: str
    first_day: date

    def year_of(self, year: int) -> str:
        """The year of this era that a calendar year is: 元 or a number."""
        number = year - self.first_day.year + 1
        return "元" if number == 1 else str(number)


ERAS: Final = (
    Era("令和", "R", date(2019, 5, 1)),
    Era("平成", "H", date(1989, 1, 8)),
    Era("昭和", "S", date(1926, 12, 25)),
    Era("大正", "T", date(1912, 7, 30)),
    Era("明治", "M", date(1868, 1, 25)),
)
"""The five eras, latest first."""

DATE_BOUNDS: Final = (date(1989, 1, 1), date(2100, 12, 31))
"""Dates that people enter lie here: nothing of a joint platform is older, and a later year is a slip."""

WEEKDAYS: Final = "月火水木金土日"

_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_FULL = re.compile(
    r"(明治|大正|昭和|平成|令和)(元|[0-9]{1,2})年([0-9]{1,2})月([0-9]{1,2})日(?:\(([月火水木金土日])\))?"
)
_SLASHED = re.compile(r"([0-9]{4})[/年]([0-9]{1,2})[/月]([0-9]{1,2})日?(?:\([月火水木金土日]\))?")
_SHORT = re.compile(r"([MTSHR])([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{1,2})")


def era_of(day: date) -> Era:
    """The era in force on a day. ValueError before 明治."""
    for era in ERAS:
        if day >= era.first_day:
            return era
    raise ValueError(f"{day} lies before the first of the five eras")


def format_day(day: date) -> str:
    """As a document writes it: 令和7年4月1日（火）."""
    return f"{_without_weekday(day)}（{WEEKDAYS[day.weekday()]}）"


def show_day(day: date) -> str:
    """As the reader of a page wants it: 令和7年4月1日（火） or 2025年4月1日（火）. Documents have `format_day`."""
    if not is_western():
        return format_day(day)
    return f"{day.year}年{day.month}月{day.day}日（{WEEKDAYS[day.weekday()]}）"


def parse_day(text: str, *, field: str) -> date:
    """2025-04-01, 2025/4/1, 2025年4月1日, 令和7年4月1日, 令和7年4月1日（火） or R7.4.1, also in full-width characters.

    Anything else is refused with the field named.
    """
    narrow = unicodedata.normalize("NFKC", text).strip()
    if iso := _ISO.fullmatch(narrow) or _SLASHED.fullmatch(narrow):
        return _bounded(_day(text, int(iso[1]), int(iso[2]), int(iso[3]), field=field), text, field=field)
    found = _FULL.fullmatch(narrow) or _SHORT.fullmatch(narrow.upper())
    if found is None:
        raise Invalid(NOT_A_DATE, field=field, given=printable(text))
    era = next(era for era in ERAS if found[1] in (era.name, era.letter))
    number = 1 if found[2] == "元" else int(found[2])
    if number == 0:
        raise Invalid(NO_SUCH_DAY, field=field, given=printable(text))
    year = era.first_day.year + number - 1
    day = _day(text, year, int(found[3]), int(found[4]), field=field)
    if day < ERAS[-1].first_day or era_of(day) is not era:
        raise Invalid(OTHER_ERA, field=field, given=printable(text), expected=_expected(day))
    if found.re is _FULL and found[5] not in (None, WEEKDAYS[day.weekday()]):
        raise Invalid(OTHER_WEEKDAY, field=field, given=printable(text), expected=format_day(day))
    return _bounded(day, text, field=field)


def _day(text: str, year: int, month: int, day: int, *, field: str) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise Invalid(NO_SUCH_DAY, field=field, given=printable(text)) from None


def _bounded(day: date, text: str, *, field: str) -> date:
    least, most = DATE_BOUNDS
    if not least <= day <= most:
        raise Invalid(OUT_OF_BOUNDS, field=field, given=printable(text), least=least, most=most)
    return day


def _expected(day: date) -> str:
    return _without_weekday(day) if day >= ERAS[-1].first_day else day.isoformat()


def _without_weekday(day: date) -> str:
    era = era_of(day)
    return f"{era.name}{era.year_of(day.year)}年{day.month}月{day.day}日"
