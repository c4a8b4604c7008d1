"""Reading quotas: what is in force for a tenant on a day, the plans there are, and the requests for other values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from governance.kernel.errors import not_found, require_found
from governance.kernel.keyset import KeysetPage, OrderBy, PageRequest, fetch_page
from governance.kernel.labels import Label
from tenancy.quotas.models import (
    ComingQuota,
    DimensionFacts,
    PlanFacts,
    QuotaInForce,
    QuotaRequestFacts,
    TenantOnPlan,
)
from tenancy.quotas.states import QuotaRequestState, QuotaSource
from tenancy.quotas.tables import Plan, PlanQuota, QuotaDimension, QuotaOverride, QuotaRequest, TenantPlan


def dimensions(session: Session) -> tuple[DimensionFacts, ...]:
    """What can be limited, in the order screens show it."""
    rows = session.scalars(select(QuotaDimension).order_by(QuotaDimension.place))
    return tuple(DimensionFacts.model_validate(row) for row in rows)


def plans(session: Session, on: date) -> tuple[PlanFacts, ...]:
    """Every plan by name, with what it allows on that day (JST)."""
    rows = session.scalars(select(Plan).order_by(Plan.name)).all()
    return _plan_facts(session, rows, on)


def get_plan(session: Session, name: str, on: date) -> PlanFacts:
    """The plan of this name, with what it allows on that day. Raises NotFound."""
    found = _plan_facts(session, session.scalars(select(Plan).where(Plan.name == name)).all(), on)
    if not found:
        raise not_found(what=Label("利用プラン", "plan"), given=name, field="plan")
    return found[0]


def plan_by_id(session: Session, plan_id: UUID, on: date) -> PlanFacts:
    """One plan, with what it allows on that day. Raises NotFound."""
    found = _plan_facts(session, session.scalars(select(Plan).where(Plan.id == plan_id)).all(), on)
    if not found:
        raise not_found(what=Label("利用プラン", "plan"), given=plan_id, field="plan")
    return found[0]


def coming_quotas(session: Session, plan_id: UUID, on: date) -> list[ComingQuota]:
    """What a plan will allow from a later day on, the earliest first."""
    found = session.scalars(
        select(PlanQuota)
        .where(PlanQuota.plan_id == plan_id, PlanQuota.valid_from > on)
        .order_by(PlanQuota.valid_from, PlanQuota.dimension)
    )
    return [ComingQuota.model_validate(quota) for quota in found]


def tenants_on_plan(session: Session, plan_id: UUID, on: date, part: PageRequest) -> KeysetPage[TenantOnPlan]:
    """A part of the tenants that are on a plan on that day, as the scope shows them, the newest first."""
    query = select(TenantPlan).where(TenantPlan.plan_id == plan_id, TenantPlan.in_force_on(on))
    return fetch_page(session, query, [OrderBy(TenantPlan.id, descending=True)], part, TenantOnPlan.model_validate)


def count_on_plan(session: Session, plan_id: UUID, on: date) -> int:
    """How many tenants are on a plan on that day, as the scope shows them."""
    return session.execute(
        select(func.count()).select_from(TenantPlan).where(TenantPlan.plan_id == plan_id, TenantPlan.in_force_on(on))
    ).scalar_one()


def plan_in_force(session: Session, tenant_id: UUID, on: date) -> PlanFacts | None:
    """The plan the tenant is on that day, with what it allows then; None while none is assigned."""
    rows = session.scalars(
        select(Plan)
        .join(TenantPlan, TenantPlan.plan_id == Plan.id)
        .where(TenantPlan.tenant_id == tenant_id, TenantPlan.in_force_on(on))
    ).all()
    return next(iter(_plan_facts(session, rows, on)), None)


def plans_of_tenants(session: Session, on: date) -> dict[UUID, str]:
    """The label of the plan that each tenant is on that day; tenants without one are absent."""
    query = select(TenantPlan.tenant_id, Plan.label).join(Plan, Plan.id == TenantPlan.plan_id)
    return dict(session.execute(query.where(TenantPlan.in_force_on(on))).all())


def quotas_in_force(session: Session, tenant_id: UUID, on: date) -> tuple[QuotaInForce, ...]:
    """What the tenant may use on that day, in the order of the dimensions; empty while it has no plan."""
    plan = plan_in_force(session, tenant_id, on)
    if plan is None:
        return ()
    overrides = {
        row.dimension: row.value
        for row in session.scalars(
            select(QuotaOverride).where(
                QuotaOverride.tenant_id == tenant_id,
                QuotaOverride.in_force_on(on),
            )
        )
    }
    return tuple(_quota_in_force(dimension, plan.quotas, overrides) for dimension in dimensions(session))


def quota_requests(
    session: Session, tenant_id: UUID | None = None, *, state: QuotaRequestState | None = None
) -> tuple[QuotaRequestFacts, ...]:
    """Requests in this scope, newest first; of one tenant or in one state where given."""
    query = select(QuotaRequest).order_by(QuotaRequest.id.desc())
    if tenant_id is not None:
        query = query.where(QuotaRequest.tenant_id == tenant_id)
    if state is not None:
        query = query.where(QuotaRequest.state == state)
    return tuple(QuotaRequestFacts.model_validate(row) for row in session.scalars(query))


def quota_request(session: Session, request_id: UUID) -> QuotaRequestFacts:
    """One request. Raises NotFound, also for another tenant's."""
    found = require_found(
        session.scalars(select(QuotaRequest).where(QuotaRequest.id == request_id)).first(),
        what=Label("利用枠の変更の申請", "quota request"),
        given=request_id,
        field="request_id",
    )
    return QuotaRequestFacts.model_validate(found)


def has_open_request(session: Session, tenant_id: UUID, dimension: str) -> bool:
    """Whether a request of the tenant about this dimension waits for its decision."""
    query = select(QuotaRequest.id).where(
        QuotaRequest.tenant_id == tenant_id,
        QuotaRequest.dimension == dimension,
        QuotaRequest.state == QuotaRequestState.OPEN,
    )
    return session.scalars(query).first() is not None


def _plan_facts(session: Session, rows: Sequence[Plan], on: date) -> tuple[PlanFacts, ...]:
    """These plans with their quotas of the day, in one query for all of them."""
    quotas: dict[UUID, dict[str, int | None]] = {row.id: {} for row in rows}
    for quota in session.scalars(select(PlanQuota).where(PlanQuota.plan_id.in_(quotas), PlanQuota.in_force_on(on))):
        quotas[quota.plan_id][quota.dimension] = quota.value
    return tuple(PlanFacts(id=row.id, name=row.name, label=row.label, quotas=quotas[row.id]) for row in rows)


def _quota_in_force(
    dimension: DimensionFacts, planned: Mapping[str, int | None], overrides: Mapping[str, int | None]
) -> QuotaInForce:
    """The tenant's own value before its plan's; a dimension newer than the plan's values allows nothing."""
    value: int | None = 0
    source = QuotaSource.NONE
    if dimension.name in overrides:
        value, source = overrides[dimension.name], QuotaSource.OVERRIDE
    elif dimension.name in planned:
        value, source = planned[dimension.name], QuotaSource.PLAN
    return QuotaInForce(
        dimension=dimension.name,
        label=dimension.label,
        unit=dimension.unit,
        measure=dimension.measure,
        period=dimension.period,
        value=value,
        source=source,
    )
