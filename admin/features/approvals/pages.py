"""承認待ち: what waits for a person, gathered from all rooms; each line leads to where it is decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, url_for

from admin.core.guard import asks, current_actor, may
from admin.core.language import either
from admin.interface.navigation import decidable
from admin.interface.pages import session, show
from governance.approvals import ApprovalRequest, open_requests, waiting_requests
from governance.permissions import Permission
from tenancy.onboarding.queries import count_standing_still
from tenancy.people.queries import names_of_people
from tenancy.tenants.queries import names_of_tenants

pages = Blueprint("approvals", __name__, template_folder="templates")


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that waits for a decision. `kind` is the approval's; `why` is as the requester gave it."""

    kind: str
    address: str
    tenant: str
    requested_by: str
    requested_at: datetime
    why: str


@pages.get("/approvals")
@asks(Permission.OVERVIEW_READ)
def waiting() -> tuple[str, int]:
    """What waits for me, and what I asked for that waits for others."""
    actor = current_actor()
    mine = [request for request in open_requests(session()) if request.requested_by == actor.id]
    return show(
        "approvals/approvals",
        waits=what_waits(),
        asked=_described(mine),
        standing_still=count_standing_still(session()) if may(Permission.ONBOARDING_READ) else 0,
    )


def what_waits(limit: int | None = None) -> list[Waiting]:
    """What the one who asks may decide now, oldest first."""
    return _described(waiting_requests(session(), decidable(), not_by=current_actor().id, limit=limit))


def _described(requests: list[ApprovalRequest]) -> list[Waiting]:
    people = names_of_people(session(), [request.requested_by for request in requests])
    tenants = names_of_tenants(session(), [request.tenant_id for request in requests])
    return [
        Waiting(
            request.kind,
            _ADDRESSES[request.kind](request.subject_id) if request.kind in _ADDRESSES else "",
            tenants.get(request.tenant_id, ""),
            people.get(request.requested_by, either("自動処理", "automatic")),
            request.requested_at,
            request.request_reason,
        )
        for request in requests
    ]


_ADDRESSES = {
    "allocation": lambda subject: url_for("allocation.allocation", run_id=subject),
    "quota": lambda subject: url_for("quotas.quota_request", request_id=subject),
}
