"""A split gives back exactly what it was given."""

from __future__ import annotations

from fractions import Fraction

import pytest

from governance.kernel.split import Proportions, Rounding, split


def proportions(*weights: int) -> Proportions:
    return Proportions.of([(Fraction(1), [Fraction(weight) for weight in weights])])


def test_a_thousand_over_three_equals_gives_the_odd_yen_to_the_lowest_code() -> None:
    result = split(1000, proportions(1, 1, 1), unit_yen=1, rounding=Rounding.LARGEST_REMAINDER)

    assert result.shares_yen == (334, 333, 333)
    assert result.residual_yen == 0


@pytest.mark.parametrize(
    ("rounding", "shares", "residual"),
    [
        (Rounding.FLOOR_TOTAL_TO_OPERATOR, (300, 300, 300), 101),
        (Rounding.FLOOR_TOTAL_TO_LARGEST_SHARE, (401, 300, 300), 0),
        (Rounding.LARGEST_REMAINDER, (400, 300, 300), 1),
        (Rounding.FLOOR_EACH_COMPONENT_TO_OPERATOR, (300, 300, 300), 101),
        (Rounding.HALF_UP_TO_OPERATOR, (300, 300, 300), 101),
    ],
)
def test_below_the_unit_each_policy_says_who_bears_what_is_left(
    rounding: Rounding, shares: tuple[int, ...], residual: int
) -> None:
    result = split(1001, proportions(1, 1, 1), unit_yen=100, rounding=rounding)

    assert (result.shares_yen, result.residual_yen) == (shares, residual)


def test_a_half_is_rounded_up_even_when_that_gives_out_more_than_there_is() -> None:
    result = split(1, proportions(1, 1), unit_yen=1, rounding=Rounding.HALF_UP_TO_OPERATOR)

    assert (result.shares_yen, result.residual_yen) == ((1, 1), -1)


def test_components_are_cut_one_by_one_where_the_policy_says_so() -> None:
    halves = Proportions.of([(Fraction(1, 2), [Fraction(1)]), (Fraction(1, 2), [Fraction(1)])])

    each = split(3, halves, unit_yen=1, rounding=Rounding.FLOOR_EACH_COMPONENT_TO_OPERATOR)
    once = split(3, halves, unit_yen=1, rounding=Rounding.FLOOR_TOTAL_TO_OPERATOR)

    assert (each.shares_yen, each.residual_yen) == ((2,), 1)
    assert (once.shares_yen, once.residual_yen) == ((3,), 0)


def test_an_empty_pool_is_split_into_nothings() -> None:
    for rounding in Rounding:
        assert split(0, proportions(1, 2), unit_yen=1, rounding=rounding).shares_yen == (0, 0)


@pytest.mark.parametrize(("pool_yen", "unit_yen"), [(-1, 1), (1, 0)])
def test_a_negative_pool_or_no_unit_is_a_bug_of_the_caller(pool_yen: int, unit_yen: int) -> None:
    with pytest.raises(ValueError, match="pool"):
        split(pool_yen, proportions(1), unit_yen=unit_yen, rounding=Rounding.LARGEST_REMAINDER)


def test_ratios_short_of_one_and_weights_of_nothing_are_a_bug_of_the_caller() -> None:
    with pytest.raises(ValueError, match="ratios"):
        Proportions.of([(Fraction(9, 10), [Fraction(1)])])
    for weights in ([], [Fraction(0)], [Fraction(-1), Fraction(2)]):
        with pytest.raises(ValueError, match="weights"):
            Proportions.of([(Fraction(1), weights)])
