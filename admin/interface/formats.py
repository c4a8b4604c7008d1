"""How figures, days and times are written on pages: pure functions, given to the templates as filters."""

from __future__ import annotations

import re
from calendar import month_name
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any, Final

from flask import Flask
from markupsafe import Markup, escape

from admin.core.language import current_language, either
from governance.kernel.clock import JST
from governance.kernel.era import era_of, show_day
from governance.kernel.errors import Language
from governance.kernel.field_types import UNLIMITED, last_day
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.yen import format_amount
from governance.rules.cost_sharing import BasisDate
from tenancy.tenants.statistic_values import grouped

NO_VALUE: Final = "―"
"""What a place without a value shows; zero is 0."""


def amount(yen: int | None) -> str:
    """A column of yen: 1,234, below zero ▲1,234; ― where there is none."""
    return NO_VALUE if yen is None else format_amount(yen)


def debit(yen: int) -> str:
    """The debit column of a ledger line: 1,234 where the line is a debit (positive), empty otherwise."""
    return format_amount(yen) if yen > 0 else ""


def credit(yen: int) -> str:
    """The credit column of a ledger line: 1,234 where the line is a credit (negative), empty otherwise."""
    return format_amount(-yen) if yen < 0 else ""


def yen(value: int | None, language: Language | None = None) -> str:
    """One amount by itself, with its unit: 1,234円, or ¥1,234 in English."""
    if value is None:
        return NO_VALUE
    if (language or current_language()) == "ja":
        return f"{format_amount(value)}円"
    return f"{'−' if value < 0 else ''}¥{abs(value):,}"


def count(number: int | None) -> str:
    """A whole number with grouping."""
    return NO_VALUE if number is None else f"{number:,}"


def limit(value: int | None) -> str:
    """The value of a quota; the word for unlimited where it is None."""
    return either(*UNLIMITED) if value is None else count(value)


def limit_in(quotas: Mapping[str, int | None], dimension: str) -> str:
    """The value of a dimension among quotas; ― where they have none for it."""
    return limit(quotas[dimension]) if dimension in quotas else NO_VALUE


def percent(share: Fraction | None) -> str:
    """A ratio to one decimal, half up: 18.0%, below zero ▲18.0%."""
    return NO_VALUE if share is None else f"{tenths(share * 100)}%"


def tenths(value: Fraction) -> str:
    """A number to one decimal, half up: 6.9, below zero ▲6.9."""
    number = rounded_tenths(value)
    return f"{'▲' if number < 0 else ''}{abs(number) // 10:,}.{abs(number) % 10}"


def rounded_tenths(value: Fraction) -> int:
    """The value in tenths, half away from zero. Integers all the way, so that no binary fraction decides a digit."""
    scaled = abs(value) * 10
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return whole if value >= 0 else -whole


def exact(text: str) -> str:
    """An exact number as kept in workings (`3903090400000/660751`), cut off after two decimals; whole ones whole."""
    value = Fraction(text)
    if value.denominator == 1:
        return format_amount(value.numerator)
    hundredths = abs(value.numerator) * 100 // value.denominator
    return f"{'▲' if value < 0 else ''}{hundredths // 100:,}.{hundredths % 100:02}…"


def exact_yen(value: Fraction) -> str:
    """Exact yen with their unit, cut off after two decimals: 5,049,095.23…円, or ¥5,049,095.23…."""
    return f"{exact(str(value))}円" if current_language() == "ja" else f"¥{exact(str(value))}"


def day_text(day: date, language: Language | None = None) -> str:
    """令和7年4月1日（火）, 2025年4月1日（火） for who reads that, or 1 April 2025 in English."""
    if (language or current_language()) == "ja":
        return show_day(day)
    return f"{day.day} {day:%B %Y}"


def basis_day(day: BasisDate) -> Markup | str:
    """The day a figure is taken at, as a rule says it: a date, or その年度の4月1日 (1 April of that year)."""
    if day.fixed is not None:
        return era_date(day.fixed)
    if current_language() == "ja":
        return f"{'前年' if day.offset else 'その年度'}の{day.month}月{day.day}日"
    return f"{day.day} {month_name[day.month]} of {'the year before' if day.offset else 'that year'}"


def era_date(day: date | None) -> Markup | str:
    """A day as documents write it, inside `<time datetime>`."""
    if day is None:
        return NO_VALUE
    return Markup('<time datetime="{}">{}</time>').format(day.isoformat(), day_text(day))


def jst_time(instant: datetime | None) -> Markup | str:
    """An instant as a clock in Japan shows it, with its day: 令和7年4月1日（火）14:05."""
    if instant is None:
        return NO_VALUE
    there = instant.astimezone(JST)
    gap = " " if current_language() == "en" else ""
    return Markup('<time datetime="{}">{}{}{:%H:%M}</time>').format(
        instant.astimezone(UTC).isoformat(timespec="seconds"), day_text(there.date()), gap, there
    )


def plain_time(instant: datetime) -> str:
    """The same as text alone: for what is no HTML, such as a choice."""
    return escape(jst_time(instant)).striptags()


def lines_of_text(text: str) -> Markup:
    """A text of several lines, each on a line of its own."""
    return Markup('<span class="lines">{}</span>').format(text)


def elapsed(span: timedelta | None) -> str:
    """How long something took: 3分12秒, or 3 min 12 s."""
    if span is None:
        return NO_VALUE
    seconds = max(int(span.total_seconds()), 0)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    units = ("時間", "分", "秒") if current_language() == "ja" else (" h ", " min ", " s")
    parts = [(hours, units[0]), (minutes, units[1]), (seconds, units[2])]
    pieces = [f"{number}{unit}" for place, (number, unit) in enumerate(parts) if number or place == 2]
    return "".join(pieces[:2]) if hours else "".join(pieces)


def year_label(year: int, language: Language | None = None) -> str:
    """令和7年度, 2025年度 for who reads that, or FY2025 in English."""
    return FiscalYear(year).shown if (language or current_language()) == "ja" else f"FY{year}"


def entry_reference(reference: str) -> str:
    """The reference of an entry as people read it: R7-負担金-02 for the second run of 令和7年度; one typed stays."""
    found = _RUN_REFERENCE.fullmatch(reference)
    if found is None:
        return reference
    year = FiscalYear(int(found[1]))
    if current_language() != "ja":
        return f"FY{year.year} contribution {int(found[2]):02}"
    era = era_of(year.last_day)
    number = year.year - era.first_day.year + 1
    return f"{era.letter}{number}-負担金-{int(found[2]):02}"


_RUN_REFERENCE: Final = re.compile(r"allocation:([0-9]{4}):([0-9]{1,6})")


def short_digest(digest: str | None) -> Markup | str:
    """The first eight letters of a digest, the whole behind it."""
    if not digest:
        return NO_VALUE
    return Markup('<abbr class="code" title="{}">{}</abbr>').format(digest, digest.removeprefix("sha256:")[:8])


def code(text: Any) -> Markup | str:
    """A code or an id in the monospaced face."""
    return NO_VALUE if text in (None, "") else Markup('<span class="code">{}</span>').format(escape(text))


def init_formats(app: Flask) -> None:
    """Make the formats filters of every template."""
    app.jinja_env.filters.update(
        amount=amount,
        debit=debit,
        credit=credit,
        yen=yen,
        count=count,
        limit=limit,
        limit_in=limit_in,
        percent=percent,
        exact=exact,
        decimal_text=grouped,
        day_text=day_text,
        era_date=era_date,
        basis_day=basis_day,
        jst_time=jst_time,
        elapsed=elapsed,
        year_label=year_label,
        short_digest=short_digest,
        entry_reference=entry_reference,
        last_day=last_day,
        code=code,
    )
