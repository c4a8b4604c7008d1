"""Reads of costs."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.costs.states import ItemKind, TaxKind
from billing.costs.tables import CostItem, CostPool
from governance.kernel.errors import require_found
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.labels import Label
from governance.kernel.models import ReadModel


class CostPoolFacts(ReadModel):
    """A kind of cost (経費区分) and the rule that shares it."""

    id: UUID
    name: str
    label: str
    rule_id: UUID


class CostItemFacts(ReadModel):
    """One cost or deduction of a fiscal year. `yen` is positive; `kind` says which way it counts."""

    id: UUID
    pool: CostPoolFacts
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


def cost_pools(session: Session) -> list[CostPoolFacts]:
    """Every cost pool, by name."""
    return [CostPoolFacts.model_validate(pool) for pool in session.scalars(select(CostPool).order_by(CostPool.name))]


def cost_items(session: Session, fiscal_year: FiscalYear, *, withdrawn: bool = False) -> list[CostItemFacts]:
    """The items of a year that the tenant scope may read, oldest first; `withdrawn` includes the withdrawn ones."""
    found = session.execute(
        select(CostItem, CostPool)
        .join(CostPool, CostPool.id == CostItem.pool_id)
        .where(CostItem.fiscal_year == fiscal_year.year)
        .where(*([] if withdrawn else [CostItem.withdrawn_at.is_(None)]))
        .order_by(CostItem.id)
    )
    return [_item(item, pool) for item, pool in found]


def years_of_costs(session: Session) -> list[int]:
    """The fiscal years that any item of the scope is of, withdrawn ones too."""
    return list(session.scalars(select(CostItem.fiscal_year).distinct()))


def cost_item(session: Session, item_id: UUID) -> CostItemFacts:
    """One item, withdrawn or not. Raises NotFound."""
    found = require_found(
        session.execute(
            select(CostItem, CostPool).join(CostPool, CostPool.id == CostItem.pool_id).where(CostItem.id == item_id)
        ).first(),
        what=Label("経費", "cost item"),
        given=item_id,
        field="item_id",
    )
    return _item(*found)


def names_of_items(session: Session, item_ids: Collection[str]) -> dict[str, str]:
    """The names of those of these items that the scope shows, withdrawn or not, by id as text."""
    found = session.execute(select(CostItem.id, CostItem.name).where(CostItem.id.in_(map(UUID, item_ids))))
    return {str(item_id): name for item_id, name in found}


def _item(item: CostItem, pool: CostPool) -> CostItemFacts:
    return CostItemFacts(
        id=item.id,
        pool=CostPoolFacts.model_validate(pool),
        fiscal_year=item.fiscal_year,
        kind=ItemKind(item.kind),
        name=item.name,
        yen=item.yen,
        tax_kind=TaxKind(item.tax_kind),
        tax_reason=item.tax_reason,
        source=item.source,
        incurred_on=item.incurred_on,
        recorded_at=item.recorded_at,
        withdrawn_at=item.withdrawn_at,
        withdrawn_reason=item.withdrawn_reason,
    )
