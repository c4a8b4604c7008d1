"""Who takes part, as other layers may read it: frozen facts about tenants, cohorts and figures.

This is all that billing knows of tenancy. Reading only; what is seen is what the scope shows.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from governance.kernel.errors import not_found, require_found
from governance.kernel.fiscal_year import FiscalYear
from tenancy.tenants import queries
from tenancy.tenants.queries import StatisticValue
from tenancy.tenants.states import STATE_EFFECTS, StatisticKind, TenantKind, TenantState
from tenancy.tenants.tables import Cohort, Tenant

__all__ = [
    "CohortFacts",
    "StatisticKind",
    "StatisticValue",
    "TenantFacts",
    "TenantKind",
    "TenantState",
    "cohort",
    "cohort_members",
    "members_of_year",
    "operator",
    "statistic_values",
    "tenant_by_code",
    "tenant_by_id",
    "tenants_by_id",
]

_COST_BEARING = [state.value for state in TenantState if STATE_EFFECTS[state].bears_cost]


@dataclass(frozen=True, slots=True)
class TenantFacts:
    """A tenant as it stands. Membership is the half-open interval from `valid_from` to `valid_until` (JST dates)."""

    id: UUID
    code: str | None
    name: str
    kana: str
    name_en: str | None
    kind: TenantKind
    state: TenantState
    is_operator: bool
    cohort: str | None
    valid_from: date | None
    valid_until: date | None


@dataclass(frozen=True, slots=True)
class CohortFacts:
    """A named group of tenants that come in together with a fiscal year."""

    id: UUID
    name: str
    label: str
    fiscal_year: int


def operator(session: Session) -> TenantFacts:
    """The prefecture that runs the platform. Raises NotFound before it is registered."""
    return _one(session, _tenants().where(Tenant.is_operator), "operator", "-")


def tenant_by_code(session: Session, code: str) -> TenantFacts:
    """The tenant with this municipality code. Raises NotFound."""
    return _one(session, _tenants().where(Tenant.code == code), "tenant", code)


def tenant_by_id(session: Session, tenant_id: UUID) -> TenantFacts:
    """The tenant of this id. Raises NotFound, also for one that the scope does not show."""
    return _one(session, _tenants().where(Tenant.id == tenant_id), "tenant", str(tenant_id))


def tenants_by_id(session: Session, tenant_ids: Collection[UUID]) -> dict[UUID, TenantFacts]:
    """Those of these tenants that are there, in one look."""
    return {facts.id: facts for facts in _all(session, _tenants().where(Tenant.id.in_(tenant_ids)))}


def members_of_year(session: Session, fiscal_year: int) -> tuple[TenantFacts, ...]:
    """Who bears the cost of a fiscal year: membership overlaps it, by code; the operator is not among them.

    A tenant that left during or after the year is, one that is still coming in or on trial is not.
    """
    year = FiscalYear(fiscal_year)
    overlaps = and_(
        Tenant.valid_from < year.ends_before,
        or_(
            and_(Tenant.valid_until.is_(None), Tenant.state.in_(_COST_BEARING)),
            and_(Tenant.valid_until > year.starts_on, Tenant.valid_until > Tenant.valid_from),
        ),
    )
    return _all(session, _tenants().where(~Tenant.is_operator, overlaps))


def cohort(session: Session, name: str) -> CohortFacts:
    """The cohort of this name. Raises NotFound."""
    found = require_found(
        session.scalars(select(Cohort).where(Cohort.name == name)).first(), what="cohort", given=name, field="cohort"
    )
    return CohortFacts(found.id, found.name, found.label, found.fiscal_year)


def cohort_members(session: Session, cohort_name: str) -> tuple[TenantFacts, ...]:
    """The tenants of the cohort, in whatever state, by code. Raises NotFound for a cohort that is not there."""
    return _all(session, _tenants().where(Tenant.cohort_id == cohort(session, cohort_name).id))


def statistic_values(
    session: Session, kind: StatisticKind, tenant_ids: Collection[UUID], on: date
) -> dict[UUID, StatisticValue]:
    """For each tenant the newest figure of that kind whose basis date is not after `on`; tenants without are absent."""
    return queries.statistic_values(session, kind, tenant_ids, on)


def _tenants() -> Select[Tenant, str]:
    return (
        select(Tenant, Cohort.name)
        .outerjoin(Cohort, Cohort.id == Tenant.cohort_id)
        .order_by(Tenant.code.nulls_last(), Tenant.name)
        .execution_options(populate_existing=True)
    )


def _one(session: Session, query: Select[Tenant, str], what: str, given: str) -> TenantFacts:
    found = _all(session, query)
    if not found:
        raise not_found(what=what, given=given)
    return found[0]


def _all(session: Session, query: Select[Tenant, str]) -> tuple[TenantFacts, ...]:
    return tuple(
        TenantFacts(
            id=row.id,
            code=row.code,
            name=row.name,
            kana=row.kana,
            name_en=row.name_en,
            kind=TenantKind(row.kind),
            state=TenantState(row.state),
            is_operator=row.is_operator,
            cohort=cohort_name,
            valid_from=row.valid_from,
            valid_until=row.valid_until,
        )
        for row, cohort_name in session.execute(query)
    )
