"""Defining cohorts: which tenants join together, and with which fiscal year."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import StringConstraints

from governance.commands import Command, CommandContext, Result, handles
from governance.events import Event
from governance.kernel.errors import Conflict, message
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.ids import new_id
from governance.kernel.locks import advisory_lock
from governance.kernel.plain_text import PlainLine, plain_line
from governance.permissions import Permission
from tenancy.tenants.rows import cohort_row, tenant_row
from tenancy.tenants.tables import Cohort

OTHER_COHORT = message(
    "cohort.other_cohort",
    ja="{name} はすでに参加年度グループ「{cohort}」に入っています。",
    en="{name} is already in the cohort {cohort}.",
)
COHORT_DIFFERS = message(
    "cohort.differs",
    ja="参加年度グループ「{given}」は、別の名称または会計年度（{fiscal_year}）ですでにあります。",
    en="The cohort {given} already exists with another label or fiscal year ({fiscal_year}).",
)

CohortName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


class DefineCohort(Command):
    """A cohort by name, and the tenants that join it; tenants already in it stay."""

    name: CohortName
    label: PlainLine
    fiscal_year: int
    tenant_ids: tuple[UUID, ...] = ()


class CohortDefined(Result):
    cohort_id: UUID
    added: int


@handles(Permission.COHORT_DEFINE, Event.COHORT_DEFINED)
def define_cohort(ctx: CommandContext, command: DefineCohort) -> CohortDefined:
    """Define the cohort, or add tenants to it; a tenant without planned first day gets 1 April of its fiscal year.

    Raises Invalid for the year, Conflict where the cohort exists with another label or year or a tenant is in another
    cohort, NotFound for an unknown tenant.
    """
    year = FiscalYear(command.fiscal_year)
    label = plain_line(command.label, field="label")
    advisory_lock(ctx.session, f"cohort.{command.name}")
    cohort = cohort_row(ctx.session, command.name)
    is_new = cohort is None
    if cohort is None:
        cohort = Cohort(id=new_id(), name=command.name, label=label, fiscal_year=year.year, created_at=ctx.now)
        ctx.session.add(cohort)
        ctx.session.flush()
    elif (cohort.label, cohort.fiscal_year) != (label, year.year):
        raise Conflict(COHORT_DIFFERS, field="name", given=command.name, fiscal_year=cohort.fiscal_year)
    added = []
    for tenant_id in sorted(set(command.tenant_ids)):
        tenant = tenant_row(ctx.session, tenant_id)
        if tenant.cohort_id == cohort.id:
            continue
        if tenant.cohort_id is not None:
            other = ctx.session.get_one(Cohort, tenant.cohort_id)
            raise Conflict(OTHER_COHORT, field="tenant_ids", name=tenant.name, cohort=other.name)
        tenant.cohort_id = cohort.id
        tenant.valid_from = tenant.valid_from or year.starts_on
        tenant.version += 1
        added.append(tenant)
    if not is_new and not added:
        ctx.mark_noop()
        return CohortDefined(cohort_id=cohort.id, added=0)
    ctx.audit(subject=cohort.id, name=command.name, fiscal_year=year.year, added=len(added))
    for tenant in added:
        ctx.audit(subject=cohort.id, tenant_id=tenant.id, name=command.name, fiscal_year=year.year)
    return CohortDefined(cohort_id=cohort.id, added=len(added))
