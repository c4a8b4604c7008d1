"""Reading tenants, their figures, moves and contacts. What is seen is what the scope shows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Exists, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from governance.kernel.errors import require_found
from tenancy.tenants.states import StatisticKind, TenantKind, TenantState
from tenancy.tenants.statistic_values import statistic_fraction
from tenancy.tenants.tables import Cohort, Contact, Statistic, Tenant, TenantStateChange


@dataclass(frozen=True, slots=True)
class StatisticValue:
    """A figure as it stands: its exact value, the day it is of, its source, and the row that holds it."""

    value: Fraction
    basis_date: date
    source: str
    statistic_id: UUID


def tenant(session: Session, tenant_id: UUID, *, lock: bool = False) -> Tenant:
    """One tenant; with `lock`, its row is held to the end of the transaction. Raises NotFound."""
    return require_found(
        session.get(Tenant, tenant_id, with_for_update=lock, populate_existing=True),
        what="tenant",
        given=tenant_id,
        field="tenant_id",
    )


def tenants(session: Session, *, state: TenantState | None = None, cohort: str | None = None) -> list[Tenant]:
    """All tenants by code, those without one last; only of one state or cohort where given."""
    query = select(Tenant).order_by(Tenant.code.nulls_last(), Tenant.name)
    if state is not None:
        query = query.where(Tenant.state == state.value)
    if cohort is not None:
        query = query.join(Cohort, Cohort.id == Tenant.cohort_id).where(Cohort.name == cohort)
    return list(session.scalars(query))


@dataclass(frozen=True, slots=True)
class TenantListItem:
    """A line of the list of tenants."""

    id: UUID
    code: str | None
    name: str
    kana: str
    kind: TenantKind
    state: TenantState
    is_operator: bool
    cohort: str | None
    cohort_label: str | None
    valid_from: date | None
    valid_until: date | None


LIST_ORDERS: Final[dict[str, InstrumentedAttribute[Any]]] = {
    "code": Tenant.code,
    "name": Tenant.kana,
    "kind": Tenant.kind,
    "state": Tenant.state,
    "valid_from": Tenant.valid_from,
}
"""What the list can be ordered by; the code decides between equals."""


@dataclass(frozen=True, slots=True)
class TenantFilter:
    """Which tenants a list shows; what is None leaves out nothing. `words` are looked for in code, name and kana."""

    state: TenantState | None = None
    kind: TenantKind | None = None
    cohort: str | None = None
    words: str = ""


def list_tenants(
    session: Session,
    wanted: TenantFilter,
    *,
    order: str = "code",
    descending: bool = False,
    offset: int = 0,
    limit: int | None = None,
) -> list[TenantListItem]:
    """The tenants that the filter lets through, by one of LIST_ORDERS; a part of them where `limit` is given."""
    column = LIST_ORDERS[order]
    query = (
        select(Tenant, Cohort.name, Cohort.label)
        .outerjoin(Cohort, Cohort.id == Tenant.cohort_id)
        .where(*_matches(wanted))
        .order_by((column.desc() if descending else column.asc()).nulls_last(), Tenant.code.nulls_last(), Tenant.id)
    )
    return [
        TenantListItem(
            row.id,
            row.code,
            row.name,
            row.kana,
            TenantKind(row.kind),
            TenantState(row.state),
            row.is_operator,
            cohort,
            label,
            row.valid_from,
            row.valid_until,
        )
        for row, cohort, label in session.execute(query.offset(offset).limit(limit))
    ]


def count_tenants(session: Session, wanted: TenantFilter) -> int:
    """How many tenants the filter lets through."""
    return session.execute(
        select(func.count(Tenant.id)).outerjoin(Cohort, Cohort.id == Tenant.cohort_id).where(*_matches(wanted))
    ).scalar_one()


def names_of_tenants(session: Session, tenant_ids: Collection[UUID]) -> dict[UUID, str]:
    """The names of those of these tenants that the scope shows."""
    found = session.execute(select(Tenant.id, Tenant.name).where(Tenant.id.in_(set(tenant_ids))))
    return {row.id: row.name for row in found}


def count_by_cohort(session: Session) -> dict[UUID, dict[TenantState, int]]:
    """How many tenants of each cohort are in each state."""
    counted: dict[UUID, dict[TenantState, int]] = {}
    for cohort_id, state, number in session.execute(
        select(Tenant.cohort_id, Tenant.state, func.count())
        .where(Tenant.cohort_id.is_not(None))
        .group_by(Tenant.cohort_id, Tenant.state)
    ):
        if cohort_id is not None:
            counted.setdefault(cohort_id, {})[TenantState(state)] = number
    return counted


def count_by_state(session: Session) -> dict[TenantState, int]:
    """How many tenants are in each state, the operator not counted; states without any are left out."""
    counted = session.execute(
        select(Tenant.state, func.count()).where(~Tenant.is_operator).group_by(Tenant.state).order_by(Tenant.state)
    )
    return {TenantState(state): number for state, number in counted}


def cohorts(session: Session) -> list[Cohort]:
    """Every cohort, by fiscal year and name."""
    return list(session.scalars(select(Cohort).order_by(Cohort.fiscal_year, Cohort.name)))


def state_changes(session: Session, tenant_id: UUID) -> list[TenantStateChange]:
    """How the tenant came to its state, newest first."""
    return list(
        session.scalars(
            select(TenantStateChange)
            .where(TenantStateChange.tenant_id == tenant_id)
            .order_by(TenantStateChange.id.desc())
        )
    )


def contacts(session: Session, tenant_id: UUID) -> list[Contact]:
    """Whom to ask at the tenant, by purpose."""
    return list(session.scalars(select(Contact).where(Contact.tenant_id == tenant_id).order_by(Contact.purpose)))


def statistics(session: Session, tenant_id: UUID) -> list[Statistic]:
    """Every figure that stands, the newest basis date of each kind first. What was superseded is left out."""
    return list(
        session.scalars(
            select(Statistic)
            .where(Statistic.tenant_id == tenant_id, ~_superseded())
            .order_by(Statistic.kind, Statistic.basis_date.desc())
        )
    )


def current_statistic(session: Session, tenant_id: UUID, kind: StatisticKind, basis_date: date) -> Statistic | None:
    """The figure of that kind and day that stands, or None."""
    return session.scalars(
        select(Statistic).where(
            Statistic.tenant_id == tenant_id,
            Statistic.kind == kind.value,
            Statistic.basis_date == basis_date,
            ~_superseded(),
        )
    ).first()


def statistic_values(
    session: Session, kind: StatisticKind, tenant_ids: Collection[UUID], on: date
) -> dict[UUID, StatisticValue]:
    """For each tenant the newest figure of that kind whose basis date is not after `on`; tenants without are absent."""
    found = session.scalars(
        select(Statistic)
        .where(
            Statistic.kind == kind.value,
            Statistic.tenant_id.in_(tenant_ids),
            Statistic.basis_date <= on,
            ~_superseded(),
        )
        .ext(distinct_on(Statistic.tenant_id))
        .order_by(Statistic.tenant_id, Statistic.basis_date.desc())
    )
    return {
        row.tenant_id: StatisticValue(
            value=statistic_fraction(row.value), basis_date=row.basis_date, source=row.source, statistic_id=row.id
        )
        for row in found
    }


def _matches(wanted: TenantFilter) -> list[ColumnElement[bool]]:
    conditions = []
    if wanted.state is not None:
        conditions.append(Tenant.state == wanted.state.value)
    if wanted.kind is not None:
        conditions.append(Tenant.kind == wanted.kind.value)
    if wanted.cohort is not None:
        conditions.append(Cohort.name == wanted.cohort)
    if wanted.words:
        looked_for = f"%{wanted.words.translate(_ESCAPE_LIKE)}%"
        columns = (Tenant.code, Tenant.name, Tenant.kana)
        conditions.append(or_(*(column.ilike(looked_for, escape="!") for column in columns)))
    return conditions


_ESCAPE_LIKE = str.maketrans({"%": "!%", "_": "!_", "!": "!!"})


def _superseded() -> Exists:
    successor = aliased(Statistic)
    return (
        select(successor.id)
        .where(successor.tenant_id == Statistic.tenant_id, successor.supersedes_id == Statistic.id)
        .exists()
    )
