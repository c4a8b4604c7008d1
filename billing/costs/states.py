"""What a cost item is, and how consumption tax treats it."""

from __future__ import annotations

from governance.kernel.labels import LabelledEnum


class ItemKind(LabelledEnum):
    """A cost, or money deducted before the split. A cost-sharing rule names the deductions by the same values."""

    COST = "cost", "経費", "cost"
    GRANT = "grant", "補助金・交付金", "grant"
    OTHER_REVENUE = "other_revenue", "その他の収入", "other revenue"
    CARRY_OVER = "carry_over", "前年度繰越金", "carryover"


class TaxKind(LabelledEnum):
    """How consumption tax (消費税) treats what is charged to the members."""

    OUT_OF_SCOPE = "out_of_scope", "不課税", "out of scope"
    """A contribution shared between public bodies is not the price of a supply."""
    EXEMPT = "exempt", "非課税", "exempt"
    ZERO_RATED = "zero_rated", "免税", "zero-rated"
    TAXABLE_10 = "taxable_10", "課税 10%", "taxable, 10 %"
    """Fees for work done and for use (委託料, 利用料)."""
    TAXABLE_8 = "taxable_8", "課税 8%（軽減）", "taxable, 8 % (reduced)"
