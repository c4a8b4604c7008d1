"""What a cost item is, and how consumption tax treats it."""

from __future__ import annotations

from enum import StrEnum


class ItemKind(StrEnum):
    """A cost, or money deducted before the split. A cost-sharing rule names the deductions by the same values."""

    COST = "cost"
    GRANT = "grant"
    OTHER_REVENUE = "other_revenue"
    CARRY_OVER = "carry_over"


class TaxKind(StrEnum):
    """How consumption tax (消費税) treats what is charged to the members."""

    OUT_OF_SCOPE = "out_of_scope"
    """不課税: a contribution shared between public bodies is not the price of a supply."""
    EXEMPT = "exempt"
    """非課税"""
    ZERO_RATED = "zero_rated"
    """免税"""
    TAXABLE_10 = "taxable_10"
    """課税 10 %: fees for work done and for use (委託料, 利用料)."""
    TAXABLE_8 = "taxable_8"
    """課税 8 % (軽減)"""
