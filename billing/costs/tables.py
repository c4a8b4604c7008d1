"""Rows of cost pools and cost items. Items are the operator's; what a member needs of them stands in its share."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from billing.costs.states import ItemKind, TaxKind
from governance.kernel.database import TableBase, enum_check
from governance.kernel.yen import MAX_YEN


class CostPool(TableBase):
    """A kind of cost (経費区分) and the rule that shares it. Everybody may read it."""

    __tablename__ = "cost_pool"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    label: Mapped[str]
    rule_id: Mapped[UUID] = mapped_column(ForeignKey("rule.id"))
    defined_at: Mapped[datetime]


class CostItem(TableBase):
    """One cost, or one deduction, of a fiscal year. `yen` is positive; the kind says which way it counts."""

    __tablename__ = "cost_item"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        CheckConstraint(f"yen BETWEEN 1 AND {MAX_YEN}", name="yen_range"),
        enum_check("kind", ItemKind, name="kind_known"),
        enum_check("tax_kind", TaxKind, name="tax_kind_known"),
        CheckConstraint("tax_reason <> '' AND source <> '' AND name <> ''", name="words_given"),
        CheckConstraint(
            "(withdrawn_at IS NULL) = (withdrawn_by IS NULL) AND (withdrawn_at IS NULL) = (withdrawn_reason IS NULL)",
            name="withdrawn_whole",
        ),
        Index("ix_cost_item_fiscal_year", "tenant_id", "fiscal_year"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    pool_id: Mapped[UUID] = mapped_column(ForeignKey("cost_pool.id"))
    fiscal_year: Mapped[int]
    kind: Mapped[str]
    name: Mapped[str]
    yen: Mapped[int] = mapped_column(BigInteger)
    tax_kind: Mapped[str]
    tax_reason: Mapped[str]
    source: Mapped[str]
    incurred_on: Mapped[date | None]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None]
    withdrawn_reason: Mapped[str | None]
