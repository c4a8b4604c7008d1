"""Defining cohorts: which tenants come in together, and with which fiscal year."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.commands import Order, Outcome, Work, command
from governance.events import Event
from governance.kernel.errors import NOT_FOUND, Conflict, NotFound, reason
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.ids import new_id
from governance.kernel.plain_text import Line, plain_line
from governance.kernel.turns import take_turn
from governance.permissions import Permission
from tenancy.tenants import queries
from tenancy.tenants.tables import Cohort

OTHER_COHORT = reason(
    "cohort.other_cohort",
    ja="{name} はすでに参加年度グループ「{cohort}」に入っています。",
    en="{name} is in the cohort {cohort} already.",
)
COHORT_DIFFERS = reason(
    "cohort.differs",
    ja="参加年度グループ「{given}」は、別の名称または会計年度（{fiscal_year}）ですでにあります。",
    en="The cohort {given} exists with another label or fiscal year ({fiscal_year}).",
)

CohortName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


class DefineCohort(Order):
    """A cohort by name, with tenants that join it; those in it already stay."""

    name: CohortName
    label: Line
    fiscal_year: int
    tenant_ids: tuple[UUID, ...] = ()


class CohortDefined(Outcome):
    cohort_id: UUID
    added: int


@command(Permission.COHORT_DEFINE, Event.COHORT_DEFINED)
def define_cohort(work: Work, order: DefineCohort) -> CohortDefined:
    """Define the cohort, or add tenants to it; a tenant without planned first day gets 1 April of its fiscal year.

    Raises Invalid for the year, Conflict where the cohort exists with other words or a tenant is in another one,
    NotFound for a tenant that is not there.
    """
    year = FiscalYear(order.fiscal_year)
    label = plain_line(order.label, field="label")
    take_turn(work.session, f"cohort.{order.name}")
    cohort = work.session.scalars(select(Cohort).where(Cohort.name == order.name)).first()
    is_new = cohort is None
    if cohort is None:
        cohort = Cohort(id=new_id(), name=order.name, label=label, fiscal_year=year.year, created_at=work.now)
        work.session.add(cohort)
        work.session.flush()
    elif (cohort.label, cohort.fiscal_year) != (label, year.year):
        raise Conflict(COHORT_DIFFERS, field="name", given=order.name, fiscal_year=cohort.fiscal_year)
    added = []
    for tenant_id in sorted(set(order.tenant_ids)):
        tenant = queries.tenant(work.session, tenant_id, lock=True)
        if tenant.cohort_id == cohort.id:
            continue
        if tenant.cohort_id is not None:
            other = work.session.get_one(Cohort, tenant.cohort_id)
            raise Conflict(OTHER_COHORT, field="tenant_ids", name=tenant.name, cohort=other.name)
        tenant.cohort_id = cohort.id
        tenant.valid_from = tenant.valid_from or year.starts_on
        tenant.version += 1
        added.append(tenant)
    if not is_new and not added:
        work.unchanged()
        return CohortDefined(cohort_id=cohort.id, added=0)
    work.record(subject=cohort.id, name=order.name, fiscal_year=year.year, added=len(added))
    for tenant in added:
        work.record(subject=cohort.id, tenant_id=tenant.id, name=order.name, fiscal_year=year.year)
    return CohortDefined(cohort_id=cohort.id, added=len(added))


def cohort_named(session: Session, name: str) -> Cohort:
    """The cohort's row. Raises NotFound."""
    found = session.scalars(select(Cohort).where(Cohort.name == name)).first()
    if found is None:
        raise NotFound(NOT_FOUND, field="cohort", what="cohort", given=name)
    return found
