"""Requests for approval over the API and the command line. They are decided by people who are signed in."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from admin.features.approvals.entry_points import ENTRY_POINTS
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from governance.approvals import ApprovalDetails, ApprovalRequestFacts, approval_by_id, pending_requests
from governance.kernel.database import db
from governance.permissions import Permission

routes = ApiRoutes(Tag.AUDIT, ENTRY_POINTS)


@routes.list("/approvals", Permission.OVERVIEW_READ, "ApprovalRequestPage")
@cli_query("approval list", "承認待ちの一覧", "approvals", "requested_at kind subject_id requested_by digest")
def list_approvals() -> Sequence[ApprovalRequestFacts]:
    """List what waits for a decision, oldest first."""
    return pending_requests(db.session())


@routes.query("/approvals/<approval>", Permission.APPROVAL_READ)
@cli_query("approval show", "承認の申請を 1 つ見る")
def get_approval(approval: UUID) -> ApprovalDetails:
    """Show one request, the command it holds, and its decision."""
    return approval_by_id(db.session(), approval)
