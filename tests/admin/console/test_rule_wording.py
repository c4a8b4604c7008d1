"""What a person writes in the form of a rule is what its body has, and is shown again as it was written."""

from __future__ import annotations

from fractions import Fraction

import pytest

from admin.features.rules.wording import (
    basis_date_text,
    ratio_text,
    read_basis_date,
    read_ratio,
    read_weight_name,
    weight_name,
)
from governance.kernel.errors import Language
from governance.kernel.split import Rounding
from governance.rules.cost_sharing import read_cost_sharing


@pytest.mark.parametrize(
    ("typed", "ratio"),
    [("40%", "2/5"), ("４０％", "2/5"), ("12.5 %", "1/8"), ("0.4", "0.4"), ("２／５", "2/5"), ("八割", "八割")],
)
def test_percent_is_a_ratio_and_the_rest_stays(typed: str, ratio: str) -> None:
    assert read_ratio(typed) == ratio


@pytest.mark.parametrize(
    ("ratio", "shown"), [("2/5", "40％"), ("1/8", "12.5％"), ("0", "0％"), ("1", "100％"), ("1/3", "1/3")]
)
def test_a_ratio_is_shown_as_percent_where_that_is_exact(ratio: str, shown: str) -> None:
    assert ratio_text(ratio) == shown
    assert Fraction(read_ratio(shown)) == Fraction(ratio)


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("前年の10月1日", "previous-10-01"),
        ("前年１０月１日", "previous-10-01"),
        ("その年度の4月1日", "year-04-01"),
        ("1 October of the year before", "previous-10-01"),
        ("1 April of that year", "year-04-01"),
        ("令和2年10月1日", "2020-10-01"),
        ("R2.10.1", "2020-10-01"),
        ("previous-10-01", "previous-10-01"),
        ("去年", "去年"),
    ],
)
def test_a_basis_date_is_read_in_words(typed: str, day: str) -> None:
    assert read_basis_date(typed) == day


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("day", ["previous-10-01", "year-04-01", "2020-10-01"])
def test_what_is_shown_of_a_basis_date_is_read_again(day: str, language: Language) -> None:
    body = {
        "components": [
            {"name": "人口割", "ratio": "1", "basis": "statistic:population", "basis_date": day, "source": "国勢調査"}
        ],
        "operator_ratio": "0",
        "rounding": Rounding.FLOOR_TOTAL_TO_OPERATOR.value,
        "unit_yen": 1,
        "deductions": [],
    }
    found = read_cost_sharing(body).components[0].basis_date  # type: ignore[union-attr]
    assert read_basis_date(basis_date_text(found, language)) == day


def test_a_kind_of_tenants_is_written_in_words() -> None:
    assert (read_weight_name("市"), read_weight_name("city"), read_weight_name("431001")) == ("city", "city", "431001")
    assert (weight_name("city", "ja"), weight_name("431001", "ja")) == ("市", "431001")
