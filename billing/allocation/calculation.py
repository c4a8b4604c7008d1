"""The decision: a case becomes an allocation. Preview, approval, replay and the command line call this one function."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from billing.allocation.input import AllocationInput
from governance.kernel.digest import digest_of
from governance.kernel.split import Split, split


@dataclass(frozen=True)
class Allocation:
    """What each bears of one case.

    `sum(shares_yen.values()) + operator_yen + operator_residual_yen + deductions_yen == total_yen`, always.
    """

    input: AllocationInput
    operator_yen: int
    """The operator's own part, an odd yen of that split included."""
    split: Split
    """The members' shares in the order of `case.components.members`, as the rounding policy made them."""

    @property
    def total_yen(self) -> int:
        return self.input.total_yen

    @property
    def deductions_yen(self) -> int:
        return self.input.deductions_yen

    @property
    def pool_yen(self) -> int:
        """What the members share, with the residual."""
        return self.input.pool_yen

    @property
    def operator_residual_yen(self) -> int:
        """What rounding leaves to the operator; negative when rounding half up gave out more than the pool."""
        return self.split.residual_yen

    @cached_property
    def shares_yen(self) -> dict[str, int]:
        """Each member's share, lower code first."""
        return dict(zip(self.input.components.members, self.split.shares_yen, strict=True))

    @cached_property
    def digest(self) -> str:
        """Names the inputs and the outcome together. The order of members, components or deductions does not matter,
        nor how a number was written: 0.1 and 6/60 are one ratio."""
        return digest_of(_canonical(self))


def compute(allocation_input: AllocationInput) -> Allocation:
    """Share a case by its rule: deductions first, then the operator's part, then the members' components.

    Pure and exact; cases that hold the same `Components` value share its preparation.
    """
    pool_yen = allocation_input.pool_yen
    operator_yen = allocation_input.total_yen - allocation_input.deductions_yen - pool_yen
    shares = split(
        pool_yen,
        allocation_input.components.proportions,
        unit_yen=allocation_input.unit_yen,
        rounding=allocation_input.rounding,
    )
    if sum(shares.shares_yen) + shares.residual_yen != pool_yen:
        raise ArithmeticError("the shares do not add up to the pool")
    return Allocation(allocation_input, operator_yen, shares)


def _canonical(allocation: Allocation) -> dict[str, Any]:
    allocation_input = allocation.input
    components = sorted(allocation_input.components.parts, key=lambda part: part.name)
    return {
        "form": "moyai.allocation/1",
        "total_yen": allocation_input.total_yen,
        "unit_yen": allocation_input.unit_yen,
        "rounding": allocation_input.rounding.value,
        "operator_ratio": str(allocation_input.operator_ratio),
        "deductions": sorted([deduction.name, deduction.yen] for deduction in allocation_input.deductions),
        "components": [
            {
                "name": part.name,
                "ratio": str(part.ratio),
                "weights": {member: str(part.weights.get(member, 0)) for member in allocation_input.components.members},
            }
            for part in components
        ],
        "operator_yen": allocation.operator_yen,
        "operator_residual_yen": allocation.operator_residual_yen,
        "shares_yen": allocation.shares_yen,
    }
