"""`moyai quota`: plans, what a tenant may use, and requests for another value."""

from __future__ import annotations

from uuid import UUID

import click
from sqlalchemy.orm import Session

from admin.features.quotas.entry_points import ENTRY_POINTS
from admin.interface.command_line import command_group
from admin.interface.output import Answer, rows
from admin.interface.param_types import find_tenant
from governance.kernel import clock
from governance.permissions import Permission
from tenancy.quotas import queries
from tenancy.quotas.models import PlanFacts, QuotaInForce, QuotaRequestFacts
from tenancy.quotas.quota_value import quota_text
from tenancy.quotas.states import QuotaRequestState

quota = command_group("quota", "利用プランと利用枠 / Plans and quotas.", ENTRY_POINTS)


@quota.query("plans", Permission.PLAN_READ)
def list_plans(session: Session) -> Answer:
    """利用プランの一覧 / Every plan with what it allows today."""
    return rows("plans", queries.plans(session, clock.today()), _plan_line)


@quota.query("list", Permission.QUOTA_READ)
@click.argument("code")
def list_quotas(session: Session, code: str) -> Answer:
    """団体の利用枠 / What the tenant CODE may use today, and whether by its plan or by a decision."""
    found = queries.quotas_in_force(session, find_tenant(session, code).id, clock.today())
    return rows("quotas", found, _quota_line)


@quota.query("requests", Permission.QUOTA_READ)
@click.argument("code", required=False)
@click.option("--state", type=click.Choice([state.value for state in QuotaRequestState]), help="Only in this state.")
def list_requests(session: Session, code: str | None, state: str | None) -> Answer:
    """利用枠の変更申請の一覧 / Requests for another quota, newest first; with CODE those of that tenant."""
    tenant_id = None if code is None else find_tenant(session, code).id
    chosen = None if state is None else QuotaRequestState(state)
    return rows("requests", queries.quota_requests(session, tenant_id, state=chosen), _request_line)


@quota.query("request-show", Permission.QUOTA_READ)
@click.argument("request_id", type=click.UUID)
def show_request(session: Session, request_id: UUID) -> QuotaRequestFacts:
    """利用枠の変更申請を 1 つ見る / One request, with the digest that its decision names."""
    return queries.quota_request(session, request_id)


def _plan_line(plan: PlanFacts) -> str:
    quotas = ", ".join(f"{dimension} {quota_text(value, 'en')}" for dimension, value in plan.quotas.items())
    return f"{plan.name}\t{plan.label}\t{quotas}"


def _quota_line(quota: QuotaInForce) -> str:
    return f"{quota.dimension}\t{quota_text(quota.value, 'en')}\t{quota.unit}\t{quota.source}"


def _request_line(request: QuotaRequestFacts) -> str:
    change = f"{quota_text(request.original_value, 'en')} → {quota_text(request.requested_value, 'en')}"
    return f"{request.id}\t{request.state}\t{request.dimension}\t{change}\t{request.reason}"
