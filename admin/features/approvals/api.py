"""Pending approvals over the API and the command line. They are decided by people who are signed in."""

from __future__ import annotations

from collections.abc import Sequence

from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from governance.approvals import ApprovalRequestFacts, pending_requests
from governance.kernel.database import db
from governance.permissions import Permission

routes = ApiRoutes(Tag.AUDIT)


@routes.list("/approvals", Permission.OVERVIEW_READ, "ApprovalRequestPage")
@cli_query("approval list", "承認待ちの一覧", "approvals", "requested_at kind subject_id requested_by digest")
def list_approvals() -> Sequence[ApprovalRequestFacts]:
    """List what waits for a decision, oldest first."""
    return pending_requests(db.session())
