"""承認待ち: the pending requests of all kinds; each leads to the page where it is decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, url_for

from admin.core.guard import current_actor, may, requires
from admin.core.language import gettext
from admin.interface.navigation import decidable_kinds
from admin.interface.pages import render_page, session
from governance.approvals import ApprovalRequestFacts, pending_requests, pending_requests_for
from governance.permissions import Permission
from tenancy.onboarding.queries import count_blocked
from tenancy.people.queries import names_of_people
from tenancy.tenants.queries import names_of_tenants

pages = Blueprint("approvals", __name__, template_folder="templates")


@dataclass(frozen=True, slots=True)
class PendingItem:
    """One request on the page: `kind` is the approval's, `address` where it is decided, `reason` the requester's."""

    kind: str
    address: str
    tenant: str
    requested_by: str
    requested_at: datetime
    reason: str


@pages.get("/approvals")
@requires(Permission.OVERVIEW_READ)
def approvals() -> tuple[str, int]:
    """The requests this person may decide, and their own that another person decides."""
    actor = current_actor()
    own_requests = [request for request in pending_requests(session()) if request.requested_by == actor.id]
    return render_page(
        "approvals/approvals",
        pending=pending_items(),
        requested=_to_pending_items(own_requests),
        blocked_count=count_blocked(session()) if may(Permission.ONBOARDING_READ) else 0,
    )


def pending_items(limit: int | None = None) -> list[PendingItem]:
    """The requests that the present actor may decide, oldest first, at most `limit`."""
    return _to_pending_items(
        pending_requests_for(session(), decidable_kinds(), decider_id=current_actor().id, limit=limit)
    )


def _to_pending_items(requests: list[ApprovalRequestFacts]) -> list[PendingItem]:
    people = names_of_people(session(), [request.requested_by for request in requests])
    tenants = names_of_tenants(session(), [request.tenant_id for request in requests])
    return [
        PendingItem(
            request.kind,
            _ADDRESSES[request.kind](request.subject_id) if request.kind in _ADDRESSES else "",
            tenants.get(request.tenant_id, ""),
            people.get(request.requested_by, gettext("automatic")),
            request.requested_at,
            request.request_reason,
        )
        for request in requests
    ]


_ADDRESSES = {
    "allocation": lambda subject: url_for("allocation.allocation", run_id=subject),
    "quota": lambda subject: url_for("quotas.quota_request", request_id=subject),
}
