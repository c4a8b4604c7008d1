"""The answer of `moyai allocation compute` on a case of stages."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from billing.allocation.staged_calculation import StagedAllocation
from governance.kernel.models import ReadModel
from governance.rules.stages import FORM


class ComputedStage(ReadModel):
    """What one stage did; a whole number of yen, or the text of a fraction."""

    id: str
    in_yen: int | str
    charged_yen: int | str
    operator_yen: int | str
    rest_yen: int | str


class ComputedInstalment(ReadModel):
    """One payment; `due` is month and day, or null where the rule names no days."""

    due: str | None
    yen: int


class Paradox(ReadModel):
    """A member that bears less although the cost of a class is `more_yen` higher."""

    member: str
    cost_class: str
    more_yen: int
    share_yen: int
    share_with_more_yen: int


class ComputedStages(ReadModel):
    """Shares, operator's part, residual, deductions, stages, workings and digest of one case of stages.

    The sum of the shares, `operator_yen`, `operator_residual_yen`, `deductions_yen` and `carried_over_yen` is
    `total_yen`. Each stage: `in_yen` is `charged_yen` + `operator_yen` + `rest_yen`.
    """

    form: str
    fiscal_year: int
    rule_digest: str
    shares_yen: dict[str, int]
    operator_yen: int
    operator_residual_yen: int
    deductions_yen: int
    carried_over_yen: int
    total_yen: int
    stages: tuple[ComputedStage, ...]
    instalments: dict[str, tuple[ComputedInstalment, ...]]
    paradoxes: tuple[Paradox, ...]
    """Members that a unit more of cost would charge less; a property of the rounding, disclosed."""
    workings: list[dict[str, Any]]
    digest: str


def computed_stages(allocation: StagedAllocation, found_paradoxes: Sequence[Paradox] = ()) -> ComputedStages:
    """The allocation with all workings, in the form that `moyai allocation compute` prints."""
    return ComputedStages(
        form=FORM,
        fiscal_year=allocation.case.fiscal_year.year,
        rule_digest=allocation.case.rule.digest,
        shares_yen=dict(allocation.shares_yen),
        operator_yen=allocation.operator_yen,
        operator_residual_yen=allocation.operator_residual_yen,
        deductions_yen=allocation.deductions_yen,
        carried_over_yen=allocation.carried_over_yen,
        total_yen=allocation.total_yen,
        stages=tuple(
            ComputedStage(
                id=stage.id,
                in_yen=_number(stage.in_yen),
                charged_yen=_number(stage.charged_yen),
                operator_yen=_number(stage.operator_yen),
                rest_yen=_number(stage.rest_yen),
            )
            for stage in allocation.stages
        ),
        instalments={
            code: tuple(ComputedInstalment(due=payment.due, yen=payment.yen) for payment in payments)
            for code, payments in allocation.instalments.items()
        },
        paradoxes=tuple(found_paradoxes),
        workings=list(allocation.workings),
        digest=allocation.digest,
    )


def _number(amount: Fraction) -> int | str:
    return amount.numerator if amount.denominator == 1 else str(amount)
