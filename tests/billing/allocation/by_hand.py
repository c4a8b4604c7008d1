"""The split as a clerk would write it down: fractions, one line per rule. The oracle of the tests and the yardstick of
the bench; it shares no line with the calculator."""

from __future__ import annotations

from fractions import Fraction
from math import floor

from billing.allocation.input import AllocationInput


def shares_by_hand(case: AllocationInput) -> tuple[dict[str, int], int]:
    """Each member's share and what is left to the operator."""
    rest = case.total_yen - sum(deduction.yen for deduction in case.deductions)
    pool = floor(rest * (1 - case.operator_ratio))
    members = sorted({member for part in case.components.parts for member in part.weights})
    exact: dict[str, list[Fraction]] = {}
    totals = [sum(part.weights.values(), Fraction()) for part in case.components.parts]
    for member in members:
        exact[member] = [
            pool * part.ratio * part.weights.get(member, Fraction()) / total
            for part, total in zip(case.components.parts, totals, strict=True)
        ]
    unit = case.unit_yen
    cut = {member: floor(sum(parts) / unit) * unit for member, parts in exact.items()}
    match case.rounding.value:
        case "floor_total__residual_to_operator":
            return cut, pool - sum(cut.values())
        case "floor_total__residual_to_largest_share":
            largest = min(members, key=lambda member: (-sum(exact[member]), member))
            cut[largest] += pool - sum(cut.values())
            return cut, 0
        case "largest_remainder":
            left = pool - sum(cut.values())
            for member in sorted(members, key=lambda member: (cut[member] - sum(exact[member]), member)):
                if left < unit:
                    break
                cut[member] += unit
                left -= unit
            return cut, left
        case "floor_each_component__residual_to_operator":
            shares = {member: sum(floor(part / unit) * unit for part in parts) for member, parts in exact.items()}
            return shares, pool - sum(shares.values())
        case "round_half_up__residual_to_operator":
            shares = {member: floor(sum(parts) / unit + Fraction(1, 2)) * unit for member, parts in exact.items()}
            return shares, pool - sum(shares.values())
    raise AssertionError(case.rounding)
