"""The chart of accounts (勘定科目) as data: what each account is called and which side of the books it is on.

Every book has the same chart; a book's accounts come into being with its first posting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from governance.kernel.labels import LabelledEnum


class AccountKind(LabelledEnum):
    """The five kinds that every double-entry program knows."""

    ASSET = "asset", "資産", "asset"
    LIABILITY = "liability", "負債", "liability"
    EQUITY = "equity", "純資産", "equity"
    INCOME = "income", "収益", "income"
    EXPENSE = "expense", "費用", "expense"


class AccountCode(LabelledEnum):
    """An account of the chart, which every book has."""

    RECEIVABLE = "receivable", "未収負担金", "Receivable"
    BURDEN = "burden", "負担金", "Burden"
    OPERATOR_BURDEN = "operator_burden", "県負担額", "Operator-Burden"
    MUNICIPAL_BURDEN = "municipal_burden", "市町村負担額", "Municipal-Burden"
    DEDUCTION = "deduction", "控除", "Deduction"
    SHARED_COST = "shared_cost", "共同利用経費", "Shared-Cost"


@dataclass(frozen=True, slots=True)
class ChartAccount:
    """What an account is called on screens and documents, and its kind."""

    name: str
    name_en: str
    kind: AccountKind


CHART: Final[dict[AccountCode, ChartAccount]] = {
    code: ChartAccount(code.ja, code.en, kind)
    for code, kind in {
        # In a municipality's book: what it owes for the year, and the assessment (調定) that makes it owe.
        AccountCode.RECEIVABLE: AccountKind.ASSET,
        AccountCode.BURDEN: AccountKind.INCOME,
        # In the operator's book: the year's cost, and who bears it.
        AccountCode.OPERATOR_BURDEN: AccountKind.EXPENSE,
        AccountCode.MUNICIPAL_BURDEN: AccountKind.EXPENSE,
        AccountCode.DEDUCTION: AccountKind.EXPENSE,
        AccountCode.SHARED_COST: AccountKind.EXPENSE,
    }.items()
}
