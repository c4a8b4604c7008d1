"""When a notice is due: on a day when offices and banks are open. Pure, by the calendar of Japan."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import jpholiday

from governance.kernel.era import show_day
from governance.kernel.errors import Invalid, message

DAYS_TO_PAY: Final = 14
"""The least number of days from the issue to the due date, as published rules of joint municipal bodies have it."""

TOO_EARLY = message(
    "notice.due_too_early",
    ja="納期限 {given} は、発行日 {issued_on} より前です。",
    en="The due date {given} is before the date of issue {issued_on}.",
)
NOT_A_BUSINESS_DAY = message(
    "notice.due_not_a_business_day",
    ja="納期限 {given} は休日です。直前の営業日は {before}、直後の営業日は {after} です。",
    en="The due date {given} is not a business day; the nearest are {before} and {after}.",
)


def is_business_day(day: date) -> bool:
    """Monday to Friday, no public holiday, not in the days around New Year (29 December to 3 January)."""
    around_new_year = (day.month, day.day) >= (12, 29) or (day.month, day.day) <= (1, 3)
    return day.weekday() < 5 and not around_new_year and not jpholiday.is_holiday(day)


def due_day(issued_on: date) -> date:
    """The first business day that is at least 14 days after the issue."""
    return _business_day(issued_on + timedelta(days=DAYS_TO_PAY), 1)


def check_due_day(due_on: date, issued_on: date) -> date:
    """The due date that a person chose. Raises Invalid where it is before the issue or not a business day."""
    if due_on < issued_on:
        raise Invalid(TOO_EARLY, field="due_on", given=show_day(due_on), issued_on=show_day(issued_on))
    if not is_business_day(due_on):
        raise Invalid(
            NOT_A_BUSINESS_DAY,
            field="due_on",
            given=show_day(due_on),
            before=show_day(_business_day(due_on, -1)),
            after=show_day(_business_day(due_on, 1)),
        )
    return due_on


def _business_day(day: date, step: int) -> date:
    while not is_business_day(day):
        day += timedelta(days=step)
    return day
