"""Reads of costs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.costs.states import ItemKind, TaxKind
from billing.costs.tables import CostItem, CostPool
from governance.kernel.errors import require_found
from governance.kernel.fiscal_year import FiscalYear


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """A kind of cost and the rule that shares it."""

    id: UUID
    name: str
    label: str
    rule_id: UUID


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """One cost or deduction. `yen` is positive; the kind says which way it counts."""

    id: UUID
    pool: PoolFacts
    fiscal_year: int
    kind: ItemKind
    name: str
    yen: int
    tax_kind: TaxKind
    tax_reason: str
    source: str
    incurred_on: date | None
    recorded_at: datetime
    withdrawn_at: datetime | None
    withdrawn_reason: str | None


def cost_pools(session: Session) -> list[PoolFacts]:
    """All pools, by name."""
    return [_pool(pool) for pool in session.scalars(select(CostPool).order_by(CostPool.name))]


def cost_items(session: Session, fiscal_year: FiscalYear, *, withdrawn: bool = False) -> list[ItemFacts]:
    """The items of a year that this scope sees, oldest first; with the withdrawn ones only where asked for."""
    found = session.execute(
        select(CostItem, CostPool)
        .join(CostPool, CostPool.id == CostItem.pool_id)
        .where(CostItem.fiscal_year == fiscal_year.year)
        .where(*([] if withdrawn else [CostItem.withdrawn_at.is_(None)]))
        .order_by(CostItem.id)
    )
    return [_item(item, pool) for item, pool in found]


def cost_item(session: Session, item_id: UUID) -> ItemFacts:
    """One item, withdrawn or not. Raises NotFound."""
    found = require_found(
        session.execute(
            select(CostItem, CostPool).join(CostPool, CostPool.id == CostItem.pool_id).where(CostItem.id == item_id)
        ).first(),
        what="経費 / cost item",
        given=item_id,
        field="item_id",
    )
    return _item(*found)


def _item(item: CostItem, pool: CostPool) -> ItemFacts:
    return ItemFacts(
        item.id,
        _pool(pool),
        item.fiscal_year,
        ItemKind(item.kind),
        item.name,
        item.yen,
        TaxKind(item.tax_kind),
        item.tax_reason,
        item.source,
        item.incurred_on,
        item.recorded_at,
        item.withdrawn_at,
        item.withdrawn_reason,
    )


def _pool(pool: CostPool) -> PoolFacts:
    return PoolFacts(pool.id, pool.name, pool.label, pool.rule_id)
