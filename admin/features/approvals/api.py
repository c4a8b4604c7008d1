"""Pending approvals over the API."""

from __future__ import annotations

from admin.core.guard import requires
from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.paging import Page, paginate
from governance.approvals import ApprovalRequestFacts, pending_requests
from governance.kernel.database import db
from governance.permissions import Permission

routes = ApiRoutes(Tag.AUDIT)


class ApprovalRequestPage(Page[ApprovalRequestFacts]):
    """Requests that wait, oldest first."""


@routes.query_route("/approvals")
@requires(Permission.OVERVIEW_READ)
def list_approvals(query: PageQuery) -> ApprovalRequestPage:
    """List what waits for a decision."""
    return paginate(ApprovalRequestPage, pending_requests(db.session()), lambda row: str(row.id), query)
