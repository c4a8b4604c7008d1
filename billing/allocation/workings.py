"""How each share came about (算定根拠): for the console, the notice and an auditor's own reckoning.

Read off an allocation after it was made; nothing here decides. Each line can be worked out again by hand:
pool × ratio × weight ÷ weight total is the exact yen, reduced.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from billing.allocation.calculation import Allocation
from governance.kernel.models import ReadModel
from governance.kernel.split import Rounding


@dataclass(frozen=True, slots=True)
class Working:
    """One member in one component."""

    member: str
    component: str
    weight: Fraction
    """The member's figure of the basis (基準値)."""
    weight_total: Fraction
    """The same figure of all members."""
    ratio: Fraction
    """The component's part of the pool."""
    exact_yen: Fraction
    """What falls to the member before rounding."""


@dataclass(frozen=True, slots=True)
class ShareWorking:
    """How one member's exact yen became whole yen."""

    member: str
    exact_yen: Fraction
    """All components together, before rounding."""
    cut_yen: int
    """After cutting below the unit, where the policy cuts: each component or their sum."""
    rank: int | None
    """The place, from 1, in the order in which what is left is given out; None where the operator bears it."""
    adjustment_yen: int
    """What rounding added to the cut share."""
    share_yen: int


class ComputedWorking(ReadModel):
    """One member in one component; exact numbers as text, an integer or a reduced fraction."""

    member: str
    component: str
    weight: str
    weight_total: str
    ratio: str
    exact_yen: str


class ComputedAllocation(ReadModel):
    """Shares, operator's part, residual, deductions, workings and digest of one allocation input.

    `shares_yen` maps each member to whole yen, lower code first. The sum of the shares, `operator_yen`,
    `operator_residual_yen` and `deductions_yen` is `total_yen`.
    """

    shares_yen: dict[str, int]
    operator_yen: int
    operator_residual_yen: int
    deductions_yen: int
    total_yen: int
    workings: tuple[ComputedWorking, ...]
    digest: str


def workings(allocation: Allocation) -> Iterator[Working]:
    """Every member in every component, components in the order of the case, lower code first; weight 0 included."""
    allocation_input = allocation.input
    zero = Fraction()
    for part in allocation_input.components.parts:
        weight_total = sum(part.weights.values(), zero)
        per_weight = allocation.pool_yen * part.ratio / weight_total
        for member in allocation_input.components.members:
            weight = part.weights.get(member, zero)
            yield Working(member, part.name, weight, weight_total, part.ratio, per_weight * weight)


def share_workings(allocation: Allocation) -> tuple[ShareWorking, ...]:
    """Each member's step from exact to whole yen, lower code first."""
    allocation_input = allocation.input
    proportions = allocation_input.components.proportions
    divisor = proportions.denominator * allocation_input.unit_yen
    ranks = _ranks(allocation)
    lines = []
    for place, (member, share_yen) in enumerate(allocation.shares_yen.items()):
        parts = [row[place] for row in proportions.components]
        if allocation_input.rounding is not Rounding.FLOOR_EACH_COMPONENT_TO_OPERATOR:
            parts = [sum(parts)]
        cut_yen = sum(allocation.pool_yen * part // divisor for part in parts) * allocation_input.unit_yen
        exact_yen = proportions.exact(allocation.pool_yen, place)
        lines.append(ShareWorking(member, exact_yen, cut_yen, ranks.get(place), share_yen - cut_yen, share_yen))
    return tuple(lines)


def computed(allocation: Allocation) -> ComputedAllocation:
    """The allocation with all workings, as the contract of `moyai allocation compute` has it."""
    return ComputedAllocation(
        shares_yen=allocation.shares_yen,
        operator_yen=allocation.operator_yen,
        operator_residual_yen=allocation.operator_residual_yen,
        deductions_yen=allocation.deductions_yen,
        total_yen=allocation.total_yen,
        workings=tuple(
            ComputedWorking(
                member=line.member,
                component=line.component,
                weight=str(line.weight),
                weight_total=str(line.weight_total),
                ratio=str(line.ratio),
                exact_yen=str(line.exact_yen),
            )
            for line in workings(allocation)
        ),
        digest=allocation.digest,
    )


def _ranks(allocation: Allocation) -> dict[int, int]:
    """Places by position, where a policy gives what is left to members in an order."""
    allocation_input = allocation.input
    parts = allocation_input.components.proportions.totals
    if allocation_input.rounding is Rounding.LARGEST_REMAINDER:
        divisor = allocation_input.components.proportions.denominator * allocation_input.unit_yen
        order = [allocation.pool_yen * part % divisor for part in parts]
    elif allocation_input.rounding is Rounding.FLOOR_TOTAL_TO_LARGEST_SHARE:
        order = list(parts)
    else:
        return {}
    ranked = sorted(range(len(order)), key=order.__getitem__, reverse=True)
    return {position: place for place, position in enumerate(ranked, start=1)}
