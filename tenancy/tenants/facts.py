"""Tenants and cohorts as facts: one by code or id, those who share the cost of a year, those of a cohort."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session

from governance.kernel.errors import not_found, require_found
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.labels import Label
from tenancy.tenants.models import CohortFacts, TenantFacts
from tenancy.tenants.states import STATE_EFFECTS, TenantState
from tenancy.tenants.tables import Cohort, Tenant

_COST_BEARING = [state.value for state in TenantState if STATE_EFFECTS[state].bears_cost]


def operator(session: Session) -> TenantFacts:
    """The prefecture that runs the platform. Raises NotFound before it is registered."""
    return _one(session, Tenant.is_operator.is_(True), Label("運営者", "operator"), "-")


def tenant_by_code(session: Session, code: str) -> TenantFacts:
    """The tenant with this municipality code. Raises NotFound."""
    return _one(session, Tenant.code == code, Label("団体", "tenant"), code)


def tenant_by_id(session: Session, tenant_id: UUID) -> TenantFacts:
    """The tenant of this id. Raises NotFound, also for one that row-level security hides."""
    return _one(session, Tenant.id == tenant_id, Label("団体", "tenant"), str(tenant_id))


def tenants_by_id(session: Session, tenant_ids: Collection[UUID]) -> dict[UUID, TenantFacts]:
    """Those of these tenants that are found, by id; one statement."""
    return {facts.id: facts for facts in _all(session, Tenant.id.in_(tenant_ids))}


def members_of_year(session: Session, fiscal_year: int) -> tuple[TenantFacts, ...]:
    """The tenants that share the cost of a fiscal year, by code: whose membership overlaps it, without the operator.

    A tenant that left during or after the year is among them; one that is being onboarded or on trial is not.
    """
    year = FiscalYear(fiscal_year)
    overlaps = and_(
        Tenant.valid_from < year.ends_before,
        or_(
            and_(Tenant.valid_until.is_(None), Tenant.state.in_(_COST_BEARING)),
            and_(Tenant.valid_until > year.starts_on, Tenant.valid_until > Tenant.valid_from),
        ),
    )
    return _all(session, ~Tenant.is_operator, overlaps)


def cohort(session: Session, name: str) -> CohortFacts:
    """The cohort of this name. Raises NotFound."""
    return one_cohort(session, select(Cohort).where(Cohort.name == name), name)


def cohort_members(session: Session, cohort_name: str) -> tuple[TenantFacts, ...]:
    """The tenants of the cohort, in whatever state, by code. Raises NotFound for an unknown cohort."""
    return _all(session, Tenant.cohort_id == cohort(session, cohort_name).id)


def operator_id(session: Session) -> UUID | None:
    """The id of the prefecture's own tenant, None before it is registered. Needs the operator's scope."""
    return session.scalar(select(Tenant.id).where(Tenant.is_operator))


def find_by_code(session: Session, code: str) -> TenantFacts | None:
    """The tenant with this municipality code, whatever text it is, or None."""
    return next(iter(_all(session, Tenant.code == code)), None)


def find_by_id(session: Session, tenant_id: UUID) -> TenantFacts | None:
    """The tenant of this id, or None."""
    return next(iter(_all(session, Tenant.id == tenant_id)), None)


def find_by_name(session: Session, name: str) -> TenantFacts | None:
    """The tenant of exactly this name where there is one only, or None."""
    found = _all(session, Tenant.name == name)
    return found[0] if len(found) == 1 else None


def id_of_alias(session: Session, alias: str) -> UUID | None:
    """The id of the tenant whose organization in Keycloak is named so; None where there is none in this scope."""
    return session.scalars(select(Tenant.id).where(Tenant.alias == alias)).first()


def select_tenant_states() -> Select[UUID, str, str, str, bool]:
    """A SELECT of id, code, name, state and is_operator of every tenant, for a join in another package's statement."""
    return select(Tenant.id, Tenant.code, Tenant.name, Tenant.state, Tenant.is_operator)


def select_tenants() -> Select[Tenant, str, str]:
    """Tenants' rows, each with name and label of its cohort (None without one). For this package's queries."""
    return (
        select(Tenant, Cohort.name, Cohort.label)
        .outerjoin(Cohort, Cohort.id == Tenant.cohort_id)
        .execution_options(populate_existing=True)
    )


def fact_values(row: Tenant, cohort: str | None) -> dict[str, Any]:
    """The values of TenantFacts' fields. For this package's queries."""
    return {name: getattr(row, name) for name in _COLUMNS} | {"cohort": cohort}


_COLUMNS: Final = tuple(name for name in TenantFacts.model_fields if name != "cohort")


def one_cohort(session: Session, query: Select[Cohort], given: str | UUID) -> CohortFacts:
    """The cohort that the query finds. Raises NotFound, naming what was given. For this package's queries."""
    found = require_found(session.scalars(query).first(), what=Label("参加期", "cohort"), given=given, field="cohort")
    return CohortFacts.model_validate(found)


def _one(session: Session, condition: ColumnElement[bool], what: Label, given: str) -> TenantFacts:
    found = _all(session, condition)
    if not found:
        raise not_found(what=what, given=given)
    return found[0]


def _all(session: Session, *conditions: ColumnElement[bool]) -> tuple[TenantFacts, ...]:
    query = select_tenants().where(*conditions).order_by(Tenant.code.nulls_last(), Tenant.name)
    return tuple(TenantFacts(**fact_values(row, cohort)) for row, cohort, _ in session.execute(query))
