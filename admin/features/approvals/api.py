"""Pending approvals over the API."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from admin.core.guard import requires
from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.paging import Page, paginate
from governance.approvals import pending_requests
from governance.kernel.database import db
from governance.permissions import Permission

routes = ApiRoutes(Tag.AUDIT)


class ApprovalRequestResponse(BaseModel):
    """A request that waits for another person's decision."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    tenant_id: UUID
    kind: str
    subject_id: UUID
    digest: str
    requested_by: str
    requested_at: datetime
    request_reason: str


class ApprovalRequestPage(Page[ApprovalRequestResponse]):
    """Requests that wait, oldest first."""


@routes.query_route("/approvals")
@requires(Permission.OVERVIEW_READ)
def list_approvals(query: PageQuery) -> ApprovalRequestPage:
    """List what waits for a decision."""
    return paginate(ApprovalRequestPage, pending_requests(db.session()), lambda row: str(row.id), query)
