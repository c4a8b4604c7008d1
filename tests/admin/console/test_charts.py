"""Charts and figures: pure functions, exact to the last digit that is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction

import pytest
from flask import Flask

from admin.core.language import init_i18n
from admin.features.home.share_trend import share_trend
from admin.interface.charts import Column, Part, columns, stacked_bar
from admin.interface.formats import amount, elapsed, exact, percent, yen
from admin.interface.labels import LABELS
from admin.interface.share_changes import BeforeAfter, ShareChanges
from billing.runs.queries import ShareFacts
from billing.runs.states import RunState
from governance.kernel.split import Rounding
from tenancy.onboarding.steps import StepName, StepState
from tenancy.tenants.states import TenantKind, TenantState
from tests.billing.notices.test_typeset import SHARE

THREE = (
    BeforeAfter("八代市", 1_000, 900, people=Fraction(130)),
    BeforeAfter("熊本市", 9_000, 7_300),
    BeforeAfter("人吉市", None, 1_800, True),
)


@pytest.fixture(autouse=True)
def language() -> Iterator[None]:
    """An application that has its languages and no more."""
    app = Flask("admin")
    init_i18n(app)
    with app.app_context():
        yield


def headline(*rows: BeforeAfter) -> str:
    return ShareChanges(rows).title


def test_the_title_is_the_answer() -> None:
    assert headline(*THREE) == "3団体になると、2団体の負担は合計で18.0%（1,800円）、団体ごとに10.0〜18.9%下がります"
    assert headline(BeforeAfter("一", 100, 110)) == "1団体の負担は10.0%（10円）上がります"
    assert headline(BeforeAfter("一", 100, 110), BeforeAfter("二", 200, 210)) == (
        "2団体の負担は合計で6.7%（20円）、団体ごとに5.0〜10.0%上がります"
    )
    assert headline(BeforeAfter("一", 100, 100)) == "1団体の負担は変わりません"
    assert headline(BeforeAfter("一", None, 100, True)) == "1団体の負担額です"


def test_the_title_says_so_where_some_pay_more_and_some_less() -> None:
    assert headline(BeforeAfter("一", 1_000_000, 800_000), BeforeAfter("二", 1_000_000, 1_035_000)) == (
        "2団体の負担は合計で8.3%（17万円）下がり、団体ごとの増減は▲20.0%から3.5%です"
    )
    assert headline(BeforeAfter("一", 100, 90), BeforeAfter("二", 100, 130)) == (
        "2団体の負担は合計で10.0%（20円）上がり、団体ごとの増減は▲10.0%から30.0%です"
    )
    assert headline(BeforeAfter("一", 100, 90), BeforeAfter("二", 100, 110)) == (
        "2団体の負担は合計では変わらず、団体ごとの増減は▲10.0%から10.0%です"
    )


def test_the_three_figures_above_the_table_are_the_sums_of_its_rows() -> None:
    figures = ShareChanges(THREE).figures

    assert [(one.label, one.value) for one in figures] == [
        ("2団体の増減", "▲1,800円"),
        ("増減率の幅", "▲18.9%〜▲10.0%"),
        ("新規1団体の合計", "1,800円"),
    ]
    assert figures[0].under == "10,000円 → 8,200円"
    assert figures[1].under == "熊本市〜八代市"


def test_the_table_comes_in_the_order_of_its_address_with_what_has_no_value_last() -> None:
    def names(order: str, *, descending: bool = True) -> list[str]:
        return [row.name for row in ShareChanges(THREE, order=order, descending=descending).rows]

    assert names("after") == ["熊本市", "人吉市", "八代市"]
    assert names("after", descending=False) == ["八代市", "人吉市", "熊本市"]
    assert names("change") == ["八代市", "熊本市", "人吉市"]
    assert names("change", descending=False) == ["熊本市", "八代市", "人吉市"]
    assert names("per_head")[0] == "八代市"


def test_a_change_is_a_bar_on_one_scale_and_carries_no_style() -> None:
    changes = ShareChanges((BeforeAfter("一", 100, 50), BeforeAfter("二", 100, 150), BeforeAfter("三", 100, 125)))

    less, more, half = (str(changes.bar(row)) for row in changes.given)

    assert '<rect x="0%" y="0" width="50%" height="10" class="bar-less"/>' in less
    assert '<rect x="50%" y="0" width="50%" height="10" class="bar-more"/>' in more
    assert '<rect x="50%" y="0" width="25%" height="10" class="bar-more"/>' in half
    assert 'x1="50%"' in less
    assert "style" not in less
    assert str(changes.bar(BeforeAfter("四", None, 1))) == ""


def test_what_has_nothing_to_compare_with_is_never_zero() -> None:
    changes = ShareChanges((BeforeAfter("一", None, 100), BeforeAfter("二", None, 50)), is_last_year=True)

    assert (changes.before_label, changes.before_yen, changes.difference_yen) == ("前年度", None, None)
    assert changes.figures == []
    assert changes.per_head(THREE[0]) == "6.9"
    assert changes.per_head(THREE[1]) == "―"


def test_a_stacked_bar_is_as_wide_as_its_whole() -> None:
    drawn = str(stacked_bar([Part("均等割", Fraction(1, 3)), Part("人口割", Fraction(2, 3))], title="t", name="c"))

    widths = [float(width) for width in re.findall(r'width="([0-9.]+)%" height="36"', drawn)]
    assert sum(widths) == 100
    assert "33.3%" in drawn
    assert "66.7%" in drawn


def test_the_parts_of_a_bar_are_said_to_the_last_digit_that_adds_up() -> None:
    parts = [Part("均等割", Fraction(400_000, 7)), Part("人口割", Fraction(5_106_238) - Fraction(400_000, 7))]

    drawn = str(stacked_bar(parts, title="t", name="c"))

    assert "均等割 57,142.85…円" in drawn
    assert "人口割 5,049,095.14…円" in drawn


def test_amounts_are_written_as_an_office_writes_them() -> None:
    assert (amount(-1_234), amount(0), amount(None)) == ("▲1,234", "0", "―")
    assert yen(5_907_051) == "5,907,051円"
    assert percent(Fraction(-1, 8)) == "▲12.5%"
    assert percent(Fraction(1, 2000)) == "0.1%"
    assert exact("3903090400000/660751") == "5,907,051.82…"
    assert exact("12") == "12"
    assert elapsed(timedelta(minutes=3, seconds=12)) == "3分12秒"
    assert elapsed(timedelta(hours=1, seconds=5)) == "1時間5秒"


def test_every_state_has_its_label() -> None:
    for thing, values in (
        ("tenant", TenantState),
        ("kind", TenantKind),
        ("step", StepName),
        ("progress", StepState),
        ("run", RunState),
        ("rounding", Rounding),
    ):
        assert [value for value in values if value not in LABELS[thing]] == [], thing


def test_columns_begin_at_zero_and_say_their_amounts() -> None:
    chart = str(columns([Column("令和6年度", 1_000), Column("令和7年度", 500)], title="下がりました", name="trend"))

    assert re.search(r'role="img" aria-labelledby="trend-title trend-desc"', chart)
    assert '<title id="trend-title">下がりました</title>' in chart
    assert ">令和6年度 1,000円、令和7年度 500円</desc>" in chart
    drawn = re.findall(r'<rect x="([0-9.]+)%" y="(\d+)" width="([0-9.]+)%" height="(\d+)"', chart)
    assert drawn == [("10", "22", "30", "120"), ("60", "82", "30", "60")]
    assert {int(y) + int(height) for _, y, _, height in drawn} == {142}
    assert "style=" not in chart


def test_columns_of_nothing_are_drawn_too() -> None:
    assert 'height="0"' in str(columns([Column("令和7年度", 0)], title="―", name="trend"))


def _shares(*of_years: tuple[int, int]) -> list[ShareFacts]:
    return [SHARE.model_copy(update={"fiscal_year": year, "share_yen": yen_}) for year, yen_ in of_years]


def test_the_trend_says_how_the_newest_year_differs_from_the_one_before() -> None:
    # Newest first; of two runs of a year the later one counts.
    trend = share_trend(_shares((2026, 900), (2026, 1_200), (2025, 1_000), (2024, 1_000)))

    assert trend is not None
    assert trend.title == "令和8年度の負担額は、前年度より10.0%（100円）下がりました"
    assert [(row.fiscal_year, row.share_yen, row.difference_yen) for row in trend.rows] == [
        (2026, 900, -100),
        (2025, 1_000, 0),
        (2024, 1_000, None),
    ]
    assert "1,200" not in str(trend.chart)


def test_the_trend_shows_the_years_that_exist_and_at_most_five() -> None:
    many = share_trend(_shares(*((year, 100) for year in range(2026, 2018, -1))))
    apart = share_trend(_shares((2026, 100), (2023, 50)))

    assert share_trend(_shares((2026, 100), (2026, 90))) is None
    assert share_trend([]) is None
    assert many is not None
    assert [row.fiscal_year for row in many.rows] == [2026, 2025, 2024, 2023, 2022]
    assert many.rows[-1].difference_yen == 0, "the year before the first that is shown is known"
    assert many.title == "令和8年度の負担額は、前年度と変わりません"
    assert apart is not None
    assert apart.title == "令和8年度の負担額は100円です"
