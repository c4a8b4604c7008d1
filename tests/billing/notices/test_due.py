"""Due days by the calendar of Japan."""

from __future__ import annotations

from datetime import date

import pytest

from billing.notices.due import check_due_day, due_day, is_business_day
from governance.kernel.errors import Invalid


@pytest.mark.parametrize(
    ("issued_on", "expected"),
    [
        (date(2025, 6, 2), date(2025, 6, 16)),  # a Monday, two weeks later
        (date(2025, 4, 19), date(2025, 5, 7)),  # 3 May to 6 May are holidays of the Golden Week
        (date(2025, 12, 15), date(2026, 1, 5)),  # 29 December to 3 January closed, 4 January a Sunday
        (date(2026, 9, 7), date(2026, 9, 24)),  # 21, 22 and 23 September: two holidays make the day between one
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
