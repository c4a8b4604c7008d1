"""Due days by the calendar of Japan."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from billing.notices.due import check_due_day, due_day, is_business_day
from governance.kernel.errors import Invalid

# Worked by hand from 国民の祝日に関する法律 (昭和23年法律第178号): the fixed days, the Mondays of 海の日, 敬老の日,
# スポーツの日 and 成人の日, 振替休日 and 国民の休日 (3条), and the equinoxes as the National Astronomical Observatory
# computes them; besides 12-29 to 01-03. Weekends are left out. By fiscal year, month and day.
CLOSED_ON_WEEKDAYS = {
    2024: "04-29 05-03 05-06 07-15 08-12 09-16 09-23 10-14 11-04 12-30 12-31 01-01 01-02 01-03 01-13 02-11 02-24 03-20",
    2025: "04-29 05-05 05-06 07-21 08-11 09-15 09-23 10-13 11-03 11-24 12-29 12-30 12-31 01-01 01-02 01-12 02-11 02-23"
    " 03-20",
    2026: "04-29 05-04 05-05 05-06 07-20 08-11 09-21 09-22 09-23 10-12 11-03 11-23 12-29 12-30 12-31 01-01 01-11 02-11"
    " 02-23 03-22",
    2027: "04-29 05-03 05-04 05-05 07-19 08-11 09-20 09-23 10-11 11-03 11-23 12-29 12-30 12-31 01-03 01-10 02-11 02-23"
    " 03-20",
    2028: "05-03 05-04 05-05 07-17 08-11 09-18 09-22 10-09 11-03 11-23 12-29 01-01 01-02 01-03 01-08 02-12 02-23 03-20",
    2029: "04-30 05-03 05-04 07-16 09-17 09-24 10-08 11-23 12-31 01-01 01-02 01-03 01-14 02-11 03-20",
    2030: "04-29 05-03 05-06 07-15 08-12 09-16 09-23 10-14 11-04 12-30 12-31 01-01 01-02 01-03 01-13 02-11 02-24 03-21",
}


@pytest.mark.parametrize("fiscal_year", CLOSED_ON_WEEKDAYS)
def test_every_day_of_a_year_is_a_business_day_or_closed_as_the_table_says(fiscal_year: int) -> None:
    first, last = date(fiscal_year, 4, 1), date(fiscal_year + 1, 3, 31)
    days = [first + timedelta(days=after) for after in range((last - first).days + 1)]

    closed = [f"{day:%m-%d}" for day in days if day.weekday() < 5 and not is_business_day(day)]

    assert closed == CLOSED_ON_WEEKDAYS[fiscal_year].split()
    assert not any(is_business_day(day) for day in days if day.weekday() >= 5)


@pytest.mark.parametrize(
    ("issued_on", "expected"),
    [
        (date(2025, 6, 2), date(2025, 6, 16)),  # a Monday, two weeks later
        (date(2025, 4, 19), date(2025, 5, 7)),  # 3 May to 6 May are holidays of the Golden Week
        (date(2025, 12, 15), date(2026, 1, 5)),  # 29 December to 3 January closed, 4 January a Sunday
        (date(2026, 9, 7), date(2026, 9, 24)),  # 21, 22 and 23 September: two holidays make the day between one
        (date(2028, 2, 15), date(2028, 2, 29)),  # a leap day, a Tuesday
        (date(2028, 2, 16), date(2028, 3, 1)),  # over a leap day
        (date(2028, 12, 15), date(2029, 1, 4)),  # a Friday; 29 December and 1 to 3 January closed
        (date(2029, 4, 16), date(2029, 5, 1)),  # 30 April instead of Sunday the 29th
    ],
)
def test_a_notice_is_due_on_the_first_business_day_two_weeks_later(issued_on: date, expected: date) -> None:
    assert due_day(issued_on) == expected


@pytest.mark.parametrize(
    "closed", [date(2025, 12, 29), date(2026, 1, 2), date(2025, 5, 6), date(2025, 6, 14), date(2025, 6, 15)]
)
def test_offices_are_closed_at_weekends_on_holidays_and_around_new_year(closed: date) -> None:
    assert not is_business_day(closed)


def test_a_chosen_day_is_kept_when_offices_are_open() -> None:
    assert check_due_day(date(2025, 6, 30), date(2025, 6, 2)) == date(2025, 6, 30)


def test_a_chosen_holiday_is_refused_with_the_days_around_it() -> None:
    with pytest.raises(Invalid) as refusal:
        check_due_day(date(2025, 5, 5), date(2025, 4, 1))

    assert refusal.value.field == "due_on"
    assert refusal.value.text() == (
        "納期限 令和7年5月5日（月） は休日です。"
        "直前の営業日は 令和7年5月2日（金）、直後の営業日は 令和7年5月7日（水） です。"
    )


def test_a_day_before_the_issue_is_refused() -> None:
    with pytest.raises(Invalid) as refusal:
        check_due_day(date(2025, 5, 30), date(2025, 6, 2))

    assert refusal.value.code == "notice.due_too_early"
