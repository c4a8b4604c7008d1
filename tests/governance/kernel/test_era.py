"""Dates by era are read strictly: a contradiction is refused with the right form, never silently corrected."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from governance.kernel.era import (
    ERAS,
    NO_SUCH_DAY,
    NOT_A_DATE,
    OTHER_ERA,
    OTHER_WEEKDAY,
    OUT_OF_BOUNDS,
    era_of,
    format_day,
    parse_day,
)
from governance.kernel.errors import Invalid, Message


@pytest.mark.parametrize(
    ("day", "text"),
    [
        (date(2025, 4, 1), "令和7年4月1日（火）"),
        (date(2019, 5, 1), "令和元年5月1日（水）"),
        (date(2019, 4, 30), "平成31年4月30日（火）"),
        (date(1989, 1, 8), "平成元年1月8日（日）"),
        (date(1989, 1, 7), "昭和64年1月7日（土）"),
        (date(1926, 12, 25), "昭和元年12月25日（土）"),
        (date(1926, 12, 24), "大正15年12月24日（金）"),
        (date(1912, 7, 30), "大正元年7月30日（火）"),
        (date(1912, 7, 29), "明治45年7月29日（月）"),
    ],
)
def test_a_date_is_written_as_documents_write_it(day: date, text: str) -> None:
    assert format_day(day) == text


@pytest.mark.parametrize(
    "text",
    ["2025-04-01", "令和7年4月1日", "令和7年4月1日（火）", "令和07年04月01日", "R7.4.1", "R07.04.01"],
)
def test_the_agreed_forms_are_read(text: str) -> None:
    assert parse_day(text, field="valid_from") == date(2025, 4, 1)


def test_the_first_year_is_read_in_words_and_digits() -> None:
    for text in ("令和元年5月1日", "令和1年5月1日", "R1.5.1"):
        assert parse_day(text, field="valid_from") == date(2019, 5, 1)


def test_every_day_within_bounds_is_read_back_as_it_was_written() -> None:
    day = date(1989, 1, 1)
    while day <= date(2100, 12, 31):
        assert parse_day(format_day(day), field="day") == day
        day += timedelta(days=13)


@pytest.mark.parametrize(
    ("text", "message", "right"),
    [
        ("平成31年5月1日", OTHER_ERA, "令和元年5月1日"),
        ("令和元年4月30日", OTHER_ERA, "平成31年4月30日"),
        ("R1.4.30", OTHER_ERA, "平成31年4月30日"),
        ("昭和64年1月8日", OTHER_ERA, "平成元年1月8日"),
        ("明治1年1月1日", OTHER_ERA, "1868-01-01"),
        ("令和7年4月1日（水）", OTHER_WEEKDAY, "令和7年4月1日（火）"),
        ("令和0年5月1日", NO_SUCH_DAY, ""),
        ("2025-02-29", NO_SUCH_DAY, ""),
        ("令和7年2月29日", NO_SUCH_DAY, ""),
        ("R7.4.31", NO_SUCH_DAY, ""),
        ("0000-01-01", NO_SUCH_DAY, ""),
        ("0001-01-01", OUT_OF_BOUNDS, "1989-01-01"),
        ("1988-12-31", OUT_OF_BOUNDS, "1989-01-01"),
        ("昭和63年12月31日", OUT_OF_BOUNDS, "1989-01-01"),
        ("2101-01-01", OUT_OF_BOUNDS, "2100-12-31"),
        ("9999-12-31", OUT_OF_BOUNDS, "2100-12-31"),
        *(
            (text, NOT_A_DATE, "")
            for text in ("", "infinity", "2025-4-1", "R7.4", "令和7年4月", "2025.4.1", "令七.4.1")
        ),
        *((text, NOT_A_DATE, "") for text in ("2025-04-01T00:00", "٢٠٢٥-04-01", "R7-4-1", "2025-04-01\n2")),
    ],
)
def test_what_is_wrong_with_a_date_is_said(text: str, message: Message, right: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_day(text, field="valid_from")

    assert refusal.value.message is message
    assert refusal.value.field == "valid_from"
    assert right in refusal.value.text("ja")


@pytest.mark.parametrize(
    "text",
    [
        "2025-04-01",
        " 2025-04-01 ",
        "２０２５－０４－０１",
        "2025/4/1",
        "2025年4月1日",
        "令和７年４月１日",
        "㋿７年4月1日",
        "令和7年4月1日(火)",
        "令和7年4月1日（火）",
        "r7.4.1",
        "Ｒ７．４．１",
    ],
)
def test_a_day_is_understood_as_people_type_it(text: str) -> None:
    assert parse_day(text, field="valid_from") == date(2025, 4, 1)


def test_a_leap_day_is_a_day() -> None:
    assert parse_day("令和6年2月29日", field="day") == date(2024, 2, 29)


def test_there_are_five_eras_and_nothing_before_them() -> None:
    assert [era.letter for era in ERAS] == ["R", "H", "S", "T", "M"]
    with pytest.raises(ValueError, match="before the first"):
        era_of(date(1867, 12, 31))
