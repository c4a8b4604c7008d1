"""Charts and figures: pure functions, exact to the last digit that is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction

import pytest
from flask import Flask

from admin.core.language import init_i18n
from admin.interface.charts import BeforeAfter, Part, change_headline, paired_bars, stacked_bar
from admin.interface.formats import amount, elapsed, exact, percent, yen
from admin.interface.labels import LABELS
from billing.runs.states import RunState
from governance.kernel.split import Rounding
from tenancy.onboarding.steps import StepName, StepState
from tenancy.tenants.states import TenantKind, TenantState

THREE = [BeforeAfter("八代市", 1_000, 900), BeforeAfter("熊本市", 9_000, 7_300), BeforeAfter("人吉市", 0, 1_800, True)]


@pytest.fixture(autouse=True)
def language() -> Iterator[None]:
    """An application that has its languages and no more."""
    app = Flask("admin")
    init_i18n(app)
    with app.app_context():
        yield


def test_the_title_is_the_answer() -> None:
    assert change_headline(THREE) == "3団体になると、2団体の負担は平均18.0%下がります"
    assert change_headline([BeforeAfter("一", 100, 110)]) == "1団体の負担は平均10.0%上がります"
    assert change_headline([BeforeAfter("一", 100, 100)]) == "1団体の負担は変わりません"
    assert change_headline([BeforeAfter("一", 0, 100, True)]) == "1団体の負担額です"


def test_bars_come_largest_first_and_carry_no_style() -> None:
    drawn = str(paired_bars(THREE, title="答え", name="c"))

    assert drawn.index("熊本市") < drawn.index("人吉市") < drawn.index("八代市")
    assert "変更後 7,300円" in drawn
    assert "新規" in drawn
    assert 'role="img"' in drawn
    assert re.search('<title id="c-title">答え</title><desc id="c-desc">.+</desc>', drawn)
    assert "style" not in drawn


def test_a_name_cannot_become_markup() -> None:
    assert "<script>" not in str(paired_bars([BeforeAfter("<script>", 1, 1)], title="<b>", name="c"))


def test_a_stacked_bar_is_as_wide_as_its_whole() -> None:
    drawn = str(stacked_bar([Part("均等割", Fraction(1, 3)), Part("人口割", Fraction(2, 3))], title="t", name="c"))

    widths = [float(width) for width in re.findall(r'width="([0-9.]+)%" height="36"', drawn)]
    assert sum(widths) == 100
    assert "33.3%" in drawn
    assert "66.7%" in drawn


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
