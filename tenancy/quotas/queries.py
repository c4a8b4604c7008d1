"""Reading quotas: what is in force for a tenant on a day, the plans there are, and what is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Mapped, Session

from governance.kernel.errors import NOT_FOUND, NotFound
from tenancy.quotas.tables import Plan, PlanQuota, QuotaDimension, QuotaOverride, QuotaRequest, TenantPlan


@dataclass(frozen=True, slots=True)
class QuotaInForce:
    """What a tenant may use of one dimension. `value` None is unlimited, 0 is nothing.

    `source` says where it comes from: a decision of its own, its plan, or nothing at all, which is 0.
    """

    dimension: str
    label: str
    unit: str
    measure: Literal["gauge", "counter"]
    period: str | None
    value: int | None
    source: Literal["override", "plan", "none"]


def dimensions(session: Session) -> list[QuotaDimension]:
    """What can be limited, in the order screens show it."""
    return list(session.scalars(select(QuotaDimension).order_by(QuotaDimension.place)))


def plans(session: Session) -> list[Plan]:
    """Every plan by name."""
    return list(session.scalars(select(Plan).order_by(Plan.name)))


def get_plan(session: Session, name: str) -> Plan:
    """The plan of this name. Raises NotFound."""
    found = session.scalars(select(Plan).where(Plan.name == name)).first()
    if found is None:
        raise NotFound(NOT_FOUND, field="plan", what="plan", given=name)
    return found


def plan_quotas(session: Session, plan_id: UUID, on: date) -> dict[str, int | None]:
    """What the plan allows on that day, by dimension."""
    return {
        row.dimension: row.value
        for row in session.scalars(
            select(PlanQuota).where(
                PlanQuota.plan_id == plan_id, _in_force_on(PlanQuota.valid_from, PlanQuota.valid_until, on)
            )
        )
    }


def plan_in_force(session: Session, tenant_id: UUID, on: date) -> Plan | None:
    """The plan the tenant is on that day."""
    return session.scalars(
        select(Plan)
        .join(TenantPlan, TenantPlan.plan_id == Plan.id)
        .where(TenantPlan.tenant_id == tenant_id, _in_force_on(TenantPlan.valid_from, TenantPlan.valid_until, on))
    ).first()


def quotas_in_force(session: Session, tenant_id: UUID, on: date) -> tuple[QuotaInForce, ...]:
    """What the tenant may use on that day, in the order of the dimensions; empty while it has no plan."""
    plan = plan_in_force(session, tenant_id, on)
    if plan is None:
        return ()
    planned = plan_quotas(session, plan.id, on)
    overridden = {
        row.dimension: row.value
        for row in session.scalars(
            select(QuotaOverride).where(
                QuotaOverride.tenant_id == tenant_id,
                _in_force_on(QuotaOverride.valid_from, QuotaOverride.valid_until, on),
            )
        )
    }
    found = []
    for dimension in dimensions(session):
        source: Literal["override", "plan", "none"]
        if dimension.name in overridden:
            value, source = overridden[dimension.name], "override"
        elif dimension.name in planned:
            value, source = planned[dimension.name], "plan"
        else:
            value, source = 0, "none"
        found.append(
            QuotaInForce(
                dimension=dimension.name,
                label=dimension.label,
                unit=dimension.unit,
                measure="counter" if dimension.measure == "counter" else "gauge",
                period=dimension.period,
                value=value,
                source=source,
            )
        )
    return tuple(found)


def quota_requests(session: Session, tenant_id: UUID | None = None, *, state: str | None = None) -> list[QuotaRequest]:
    """Requests in this scope, newest first; of one tenant or in one state where given."""
    query = select(QuotaRequest).order_by(QuotaRequest.id.desc())
    if tenant_id is not None:
        query = query.where(QuotaRequest.tenant_id == tenant_id)
    if state is not None:
        query = query.where(QuotaRequest.state == state)
    return list(session.scalars(query))


def quota_request(session: Session, request_id: UUID) -> QuotaRequest:
    """One request. Raises NotFound, also for another tenant's."""
    found = session.scalars(select(QuotaRequest).where(QuotaRequest.id == request_id)).first()
    if found is None:
        raise NotFound(NOT_FOUND, field="request_id", what="quota request", given=str(request_id))
    return found


def open_request(session: Session, tenant_id: UUID, dimension: str) -> QuotaRequest | None:
    """The request about this dimension that waits for its decision."""
    return session.scalars(
        select(QuotaRequest).where(
            QuotaRequest.tenant_id == tenant_id, QuotaRequest.dimension == dimension, QuotaRequest.state == "open"
        )
    ).first()


def _in_force_on(valid_from: Mapped[date], valid_until: Mapped[date | None], on: date) -> ColumnElement[bool]:
    return (valid_from <= on) & or_(valid_until.is_(None), valid_until > on)
