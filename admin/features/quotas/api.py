"""Plans, what a tenant may use, and requests for other values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from admin.features.quotas.entry_points import ENTRY_POINTS
from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.param_types import TenantParam, find_tenant
from admin.interface.queries import cli_query
from governance.declaration import Input
from governance.kernel import clock
from governance.kernel.database import db
from governance.permissions import Permission
from tenancy.quotas import queries
from tenancy.quotas.models import PlanFacts, QuotaInForce, QuotaRequestFacts
from tenancy.quotas.quota_value import quota_text
from tenancy.quotas.states import QuotaRequestState

routes = ApiRoutes(Tag.QUOTAS, ENTRY_POINTS)


class QuotaRequestsQuery(PageQuery):
    """Requests of one tenant and in one state, or all of them."""

    tenant: TenantParam | None = None
    state: Annotated[QuotaRequestState, Input("状態", "State")] | None = None


def _plan_line(plan: PlanFacts) -> str:
    quotas = ", ".join(f"{dimension} {quota_text(value, 'en')}" for dimension, value in plan.quotas.items())
    return f"{plan.name}\t{plan.label}\t{quotas}"


def _quota_line(quota: QuotaInForce) -> str:
    return f"{quota.dimension}\t{quota_text(quota.value, 'en')}\t{quota.unit}\t{quota.source}"


def _request_line(request: QuotaRequestFacts) -> str:
    change = f"{quota_text(request.original_value, 'en')} → {quota_text(request.requested_value, 'en')}"
    return f"{request.id}\t{request.state}\t{request.dimension}\t{change}\t{request.reason}"


@routes.list("/plans", Permission.PLAN_READ, "PlanPage", "name")
@cli_query("quota plans", "利用プランの一覧", "plans", _plan_line)
def list_plans() -> Sequence[PlanFacts]:
    """List plans by name with what they allow today."""
    return queries.plans(db.session(), clock.today())


@routes.query("/plans/<plan>", Permission.PLAN_READ, ja="利用プランを 1 つ見る")
def get_plan(plan: str) -> PlanFacts:
    """Show one plan with what it allows today."""
    return queries.get_plan(db.session(), plan, clock.today())


@routes.list("/tenants/<tenant>/quotas", Permission.QUOTA_READ, "QuotaPage", "dimension")
@cli_query("quota list", "団体の利用枠", "quotas", _quota_line)
def list_quotas(tenant: UUID) -> Sequence[QuotaInForce]:
    """List what a tenant may use today by dimension, and whether by its plan or by a decision."""
    return queries.quotas_in_force(db.session(), tenant, clock.today())


@routes.list("/quota-requests", Permission.QUOTA_READ, "QuotaRequestPage")
@cli_query("quota requests", "利用枠の変更申請の一覧", "requests", _request_line, arguments=["tenant"])
def list_quota_requests(query: QuotaRequestsQuery) -> Sequence[QuotaRequestFacts]:
    """List requests for other quotas, newest first."""
    tenant_id = None if query.tenant is None else find_tenant(db.session(), query.tenant, field="tenant").id
    return queries.quota_requests(db.session(), tenant_id, state=query.state)


@routes.query("/quota-requests/<request>", Permission.QUOTA_READ)
@cli_query("quota request-show", "利用枠の変更申請を 1 つ見る")
def get_quota_request(request: UUID) -> QuotaRequestFacts:
    """Show one request, with the digest that its decision names."""
    return queries.quota_request(db.session(), request)
