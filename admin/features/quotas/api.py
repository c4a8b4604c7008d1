"""Plans, what a tenant may use, and requests for other values."""

from __future__ import annotations

from uuid import UUID

from admin.core.guard import requires
from admin.features.quotas.entry_points import ENTRY_POINTS
from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.paging import Page, paginate
from governance.kernel import clock
from governance.kernel.database import db
from governance.permissions import Permission
from tenancy.quotas import queries
from tenancy.quotas.models import PlanFacts, QuotaInForce, QuotaRequestFacts
from tenancy.quotas.states import QuotaRequestState

routes = ApiRoutes(Tag.QUOTAS, ENTRY_POINTS)


class PlanPage(Page[PlanFacts]):
    """Plans by name."""


class QuotaPage(Page[QuotaInForce]):
    """What a tenant may use today, by dimension."""


class QuotaRequestsQuery(PageQuery):
    """Requests in one state, or all of them."""

    state: QuotaRequestState | None = None


class QuotaRequestPage(Page[QuotaRequestFacts]):
    """Requests, newest first."""


@routes.query_route("/plans")
@requires(Permission.PLAN_READ)
def list_plans(query: PageQuery) -> PlanPage:
    """List plans with what they allow today."""
    found = queries.plans(db.session(), clock.today())
    return paginate(PlanPage, found, lambda row: row.name, query)


@routes.query_route("/tenants/<tenant>/quotas")
@requires(Permission.QUOTA_READ)
def list_quotas(tenant: UUID, query: PageQuery) -> QuotaPage:
    """List what a tenant may use today, and whether by its plan or by a decision."""
    found = queries.quotas_in_force(db.session(), tenant, clock.today())
    return paginate(QuotaPage, found, lambda row: row.dimension, query)


@routes.query_route("/quota-requests")
@requires(Permission.QUOTA_READ)
def list_quota_requests(query: QuotaRequestsQuery) -> QuotaRequestPage:
    """List requests for other values."""
    found = queries.quota_requests(db.session(), state=query.state)
    return paginate(QuotaRequestPage, found, lambda row: str(row.id), query)
