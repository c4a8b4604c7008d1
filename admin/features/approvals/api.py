"""Pending approvals over the API."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from admin.core.guard import asks
from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.paging import Page, page_of
from governance.approvals import open_requests
from governance.kernel.database import db
from governance.permissions import Permission

routes = ApiRoutes(Tag.RECORD)


class ApprovalShown(BaseModel):
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


class ApprovalPage(Page[ApprovalShown]):
    """Requests that wait, oldest first."""


@routes.query_route("/approvals")
@asks(Permission.OVERVIEW_READ)
def list_approvals(query: PageQuery) -> ApprovalPage:
    """List what waits for a decision."""
    return page_of(ApprovalPage, open_requests(db.session()), lambda row: str(row.id), query)
