"""The working of each share (算定根拠), as the console, the notice and `moyai allocation compute` show it.

Derived from a finished allocation. Each line can be recomputed by hand: pool × ratio × weight ÷ total weight is the
exact amount in yen, as a reduced fraction.
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
    """The exact amount of one member in one component."""

    member: str
    component: str
    weight: Fraction
    """The member's weight in the component (基準値)."""
    weight_total: Fraction
    """The sum of the weights of all members in the component."""
    ratio: Fraction
    """The component's ratio of the pool, 0 to 1."""
    exact_yen: Fraction
    """pool_yen × ratio × weight ÷ weight_total, before rounding."""


@dataclass(frozen=True, slots=True)
class ShareWorking:
    """One member's rounding from the exact amount to whole yen."""

    member: str
    exact_yen: Fraction
    """The sum over all components, before rounding."""
    cut_yen: int
    """Rounded down to the unit: each component, or their sum, as the rounding policy says."""
    rank: int | None
    """The place, from 1, in the order in which the residual is distributed; None where the operator pays it."""
    adjustment_yen: int
    """`share_yen` less `cut_yen`: what the member got of the residual."""
    share_yen: int


class ComputedWorking(ReadModel):
    """A `Working` as JSON: exact numbers as text, an integer or a reduced fraction such as "2/3"."""

    member: str
    component: str
    weight: str
    weight_total: str
    ratio: str
    exact_yen: str


class ComputedAllocation(ReadModel):
    """Shares, operator's part, residual, deductions, workings and digest of one allocation input.

    `shares_yen` maps each member to whole yen, in the order of their labels. The sum of the shares, `operator_yen`,
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
    """One line per component and member: components as in the input, members by label; weight 0 included."""
    allocation_input = allocation.input
    zero = Fraction()
    for part in allocation_input.components.parts:
        weight_total = sum(part.weights.values(), zero)
        per_weight = allocation.pool_yen * part.ratio / weight_total
        for member in allocation_input.components.members:
            weight = part.weights.get(member, zero)
            yield Working(member, part.name, weight, weight_total, part.ratio, per_weight * weight)


def share_workings(allocation: Allocation) -> tuple[ShareWorking, ...]:
    """One line per member, by label: the exact amount, the rounded one and the difference."""
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
    """The allocation with all workings, in the form that `moyai allocation compute` prints."""
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
    """Position of a member → its place from 1 in the distribution of the residual; empty where the operator pays it."""
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
