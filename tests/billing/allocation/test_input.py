"""A case that exists can be computed: the value itself refuses, whoever made it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from billing.allocation import calculation
from billing.allocation.calculation import compute
from billing.allocation.input import MAX_TOTAL_YEN, NO_COMPONENT, AllocationInput, Component, Components, Deduction
from governance.kernel.errors import Invalid
from governance.kernel.split import Rounding, Split

EQUAL = Components((Component("均等割", Fraction(1), {"431001": Fraction(1), "432024": Fraction(1)}),))
CASE = AllocationInput(total_yen=24_000_001, unit_yen=1, rounding=Rounding.LARGEST_REMAINDER, components=EQUAL)


@pytest.mark.parametrize("total_yen", [0, -1, MAX_TOTAL_YEN + 1, True, 1.0, "5"])
def test_no_case_has_a_total_that_is_no_amount(total_yen: int) -> None:
    with pytest.raises(Invalid) as refusal:
        replace(CASE, total_yen=total_yen)

    assert refusal.value.field == "total_yen"


def test_no_case_has_a_deduction_below_zero_or_beyond_its_total() -> None:
    for yen, field in ((-1, "deductions_yen[0].yen"), (24_000_002, "deductions_yen")):
        with pytest.raises(Invalid) as refusal:
            replace(CASE, deductions=(Deduction("交付金", yen),))

        assert refusal.value.field == field


def test_a_rule_without_components_says_so() -> None:
    with pytest.raises(Invalid) as refusal:
        Components(())

    assert refusal.value.message is NO_COMPONENT


def test_a_float_is_a_bug_of_the_caller_and_not_a_refusal() -> None:
    with pytest.raises(TypeError, match="float"):
        Components((Component("均等割", 1.0, {"431001": Fraction(1)}),))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="float"):
        Components((Component("均等割", Fraction(1), {"431001": 0.5}),))  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="bool"):
        replace(CASE, operator_ratio=True)  # type: ignore[arg-type]


def test_weights_do_not_change_after_a_case_was_made() -> None:
    weights = {"431001": Fraction(1)}
    components = Components((Component("均等割", Fraction(1), weights),))

    weights["432024"] = Fraction(1)

    assert components.members == ("431001",)


def test_shares_that_do_not_add_up_never_leave_the_calculator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calculation, "split", lambda *_, **__: Split((1, 1), 0))

    with pytest.raises(ArithmeticError, match="add up"):
        compute(CASE)
