"""The fiscal year begins on 1 April at midnight in Japan."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from governance.kernel.errors import Invalid
from governance.kernel.fiscal_year import FiscalYear


@pytest.mark.parametrize(
    ("day", "year"),
    [(date(2025, 3, 31), 2024), (date(2025, 4, 1), 2025), (date(2026, 3, 31), 2025), (date(2026, 1, 1), 2025)],
)
def test_a_date_belongs_to_the_year_that_began_last_april(day: date, year: int) -> None:
    assert FiscalYear.of(day) == FiscalYear(year)
    assert day in FiscalYear(year)
    assert day not in FiscalYear(year + 1)


@pytest.mark.parametrize(
    ("instant", "year"),
    [
        (datetime(2025, 3, 31, 14, 59, 59, tzinfo=UTC), 2024),
        (datetime(2025, 3, 31, 15, 0, 0, tzinfo=UTC), 2025),
    ],
)
def test_an_instant_is_read_in_japan(instant: datetime, year: int) -> None:
    assert FiscalYear.at(instant).year == year


def test_a_naive_instant_has_no_fiscal_year() -> None:
    with pytest.raises(ValueError, match="zone"):
        FiscalYear.at(datetime(2025, 4, 1))
    with pytest.raises(TypeError, match="instant"):
        FiscalYear.of(datetime(2025, 3, 31, 15, tzinfo=UTC))


def test_the_interval_is_half_open_and_its_books_close_on_31_may() -> None:
    year = FiscalYear(2025)

    assert (year.starts_on, year.ends_before) == (date(2025, 4, 1), date(2026, 4, 1))
    assert year.last_day == date(2026, 3, 31)
    assert year.closes_on == date(2026, 5, 31)
    closing = [date(2026, 3, 31), date(2026, 4, 1), date(2026, 5, 31), date(2026, 6, 1)]
    assert [year.is_closing(day) for day in closing] == [False, True, True, False]


@pytest.mark.parametrize(
    ("year", "label"),
    [
        (2025, "令和7年度"),
        (2020, "令和2年度"),
        (2019, "令和元年度"),
        (2018, "平成30年度"),
        (1989, "平成元年度"),
        (2100, "令和82年度"),
    ],
)
def test_the_label_is_the_one_documents_use(year: int, label: str) -> None:
    assert FiscalYear(year).label == label


@pytest.mark.parametrize("year", [0, -1, 1988, 2101, 9999, 20250])
def test_a_year_out_of_bounds_is_refused(year: int) -> None:
    with pytest.raises(Invalid) as refusal:
        FiscalYear(year)

    assert refusal.value.field == "fiscal_year"


def test_years_sort_and_print_as_their_number() -> None:
    assert sorted([FiscalYear(2026), FiscalYear(2025)]) == [FiscalYear(2025), FiscalYear(2026)]
    assert str(FiscalYear(2025)) == "2025"
