"""The fiscal year (会計年度): 1 April to 31 March in Japan, and the closing period after it.

Local Autonomy Act (地方自治法) article 208 sets the year, 235-5 the closing of the books on 31 May.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from governance.kernel.clock import jst_date
from governance.kernel.era import DATE_BOUNDS, era_of, is_western
from governance.kernel.errors import Invalid, message

OUT_OF_BOUNDS = message(
    "fiscal_year.out_of_bounds",
    ja="会計年度は {least} から {most} までの西暦で指定してください（指定された値: {given}）。",
    en="A fiscal year must be between {least} and {most}; {given} is not.",
)


@dataclass(frozen=True, slots=True, order=True)
class FiscalYear:
    """The year that begins on 1 April of `year`. Raises Invalid outside 1989 to 2100."""

    year: int

    def __post_init__(self) -> None:
        least, most = (day.year for day in DATE_BOUNDS)
        if not least <= self.year <= most:
            raise Invalid(OUT_OF_BOUNDS, field="fiscal_year", given=self.year, least=least, most=most)

    @classmethod
    def of(cls, day: date) -> FiscalYear:
        """The fiscal year of a date in Japan. An instant is not a date: use `at`, which asks for its zone."""
        if isinstance(day, datetime):
            raise TypeError("an instant is not a date in Japan")
        return cls(day.year if day.month >= 4 else day.year - 1)

    @classmethod
    def at(cls, instant: datetime) -> FiscalYear:
        """The fiscal year of an aware instant: 2025-03-31T15:00Z is already 1 April in Japan. Naive is ValueError."""
        if instant.tzinfo is None:
            raise ValueError("an instant has a zone")
        return cls.of(jst_date(instant))

    @property
    def starts_on(self) -> date:
        """1 April."""
        return date(self.year, 4, 1)

    @property
    def ends_before(self) -> date:
        """1 April of the next year: the open end of the interval."""
        return date(self.year + 1, 4, 1)

    @property
    def last_day(self) -> date:
        """31 March, as documents write it."""
        return self.ends_before - timedelta(days=1)

    @property
    def closes_on(self) -> date:
        """31 May of the next year (出納閉鎖): the last day on which a receipt still belongs to this year."""
        return date(self.year + 1, 5, 31)

    @property
    def label(self) -> str:
        """令和7年度. The era is the one in which the calendar year ends, so 2019 is 令和元年度."""
        era = era_of(date(self.year, 12, 31))
        return f"{era.name}{era.year_of(self.year)}年度"

    @property
    def shown(self) -> str:
        """As the reader of a page wants it: 令和7年度 or 2025年度. Documents have `label`."""
        return f"{self.year}年度" if is_western() else self.label

    def __contains__(self, day: date) -> bool:
        return self.starts_on <= day < self.ends_before

    def is_closing(self, day: date) -> bool:
        """Whether a date lies in the closing period (出納整理期間): the year is over, its books are still open."""
        return self.ends_before <= day <= self.closes_on

    def __str__(self) -> str:
        return str(self.year)
