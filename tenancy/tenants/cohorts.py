"""Defining cohorts: which tenants join together, and with which fiscal year."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from pydantic import StringConstraints
from sqlalchemy.orm import Session

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel import clock
from governance.kernel.errors import Conflict, Language, message
from governance.kernel.field_type import FieldType
from governance.kernel.field_types import FiscalYear, Id, PlainLine
from governance.kernel.fiscal_year import FiscalYear as Year
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.locks import advisory_lock
from governance.permissions import Permission
from tenancy.tenants.queries import list_tenants
from tenancy.tenants.rows import cohort_row, tenant_row
from tenancy.tenants.states import TenantState
from tenancy.tenants.tables import Cohort

OTHER_COHORT = message(
    "cohort.other_cohort",
    ja="{name} はすでに参加期「{cohort}」に入っています。",
    en="{name} is already in the cohort {cohort}.",
)
COHORT_DIFFERS = message(
    "cohort.differs",
    ja="参加期「{given}」は、別の名称または会計年度（{fiscal_year}）ですでにあります。",
    en="The cohort {given} already exists with another label or fiscal year ({fiscal_year}).",
)

COHORT_NAME: Final = FieldType(
    name="cohort_name",
    read=lambda text: text,
    hint=Label("英小文字・数字・ハイフン", "lowercase letters, digits and hyphens"),
    is_short=True,
    right=("r7", "fy2026-a"),
    wrong=(("R7", "input.wrong"), ("-a", "input.wrong")),
)
CohortName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$"), COHORT_NAME]

_CANDIDATE_STATES: Final = (TenantState.APPLIED, TenantState.SCREENING, TenantState.AGREED)


def candidates(session: Session, language: Language) -> list[tuple[str, str]]:
    """The tenants that may join a cohort: those that are to be onboarded and are in none yet, by id."""
    return [
        (str(tenant.id), f"{tenant.name} {tenant.code or ''} ({tenant.state.label(language)})")
        for tenant in list_tenants(session)
        if tenant.cohort is None and tenant.state in _CANDIDATE_STATES
    ]


class DefineCohort(Command):
    """A cohort by name, and the tenants that join it; tenants already in it stay."""

    name: Annotated[CohortName, Input("名前（半角）", "Name")]
    label: Annotated[PlainLine, Input("表示名", "Label", Label("例: 令和8年度参加", "e.g. FY2026"))]
    fiscal_year: Annotated[
        FiscalYear,
        Input(
            "会計年度",
            "Fiscal year",
            Label("経費を分担し始める年度", "The first year whose costs they share."),
            start=lambda: Year.of(clock.today()).year + 1,
        ),
    ]
    tenant_ids: Annotated[
        tuple[Id, ...],
        Input(
            "参加する団体",
            "Tenants that join",
            option="tenant",
            choices=candidates,
            none=Label("参加期に入っていない申請団体はありません。", "Every applicant is already in a cohort."),
        ),
    ] = ()


class CohortDefined(Result):
    cohort_id: UUID
    added: int


@handles(Permission.COHORT_DEFINE, Event.COHORT_DEFINED)
def define_cohort(ctx: CommandContext, command: DefineCohort) -> CohortDefined:
    """Define the cohort, or add tenants to it; a tenant without planned first day gets 1 April of its fiscal year.

    Raises Conflict where the cohort exists with another label or year or a tenant is in another
    cohort, NotFound for an unknown tenant.
    """
    year = Year(command.fiscal_year)
    advisory_lock(ctx.session, f"cohort.{command.name}")
    cohort = cohort_row(ctx.session, command.name)
    is_new = cohort is None
    if cohort is None:
        cohort = Cohort(id=new_id(), name=command.name, label=command.label, fiscal_year=year.year, created_at=ctx.now)
        ctx.session.add(cohort)
        ctx.session.flush()
    elif (cohort.label, cohort.fiscal_year) != (command.label, year.year):
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
