"""What is entered into a year that is over, or has not begun, is said to be so; while it runs nothing is said."""

from __future__ import annotations

from datetime import date

import pytest

from billing.ledger.periods import date_warning
from governance.kernel.fiscal_year import FiscalYear

YEAR = FiscalYear(2025)


@pytest.mark.parametrize("today", [date(2025, 4, 1), date(2025, 11, 22), date(2026, 3, 31)])
def test_nothing_is_said_while_the_year_runs(today: date) -> None:
    assert date_warning(YEAR, today) is None


@pytest.mark.parametrize("today", [date(2026, 4, 1), date(2026, 5, 31)])
def test_the_closing_period_is_named_with_its_end(today: date) -> None:
    said = date_warning(YEAR, today)

    assert said is not None
    assert said.ja == (
        "令和7年度は令和8年3月31日（火）に終わり、いまは出納整理期間です。令和8年5月31日（日）に出納が閉鎖されます。"
    )
    assert "closing period, to 2026-05-31" in said.en


@pytest.mark.parametrize("today", [date(2026, 6, 1), date(2026, 11, 22)])
def test_after_the_books_closed_it_is_a_past_year(today: date) -> None:
    said = date_warning(YEAR, today)

    assert said is not None
    assert said.ja.startswith("令和7年度の出納は令和8年5月31日（日）に閉鎖されました。")
    assert "過年度の収入" in said.ja
    assert "closed on 2026-05-31" in said.en


def test_a_year_that_has_not_begun_is_said_to_begin() -> None:
    said = date_warning(YEAR, date(2025, 3, 31))

    assert said is not None
    assert said.ja == "令和7年度はまだ始まっていません（令和7年4月1日（火）から）。"
