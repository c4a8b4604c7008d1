"""承認待ち: the pending requests of all kinds, and the page where a stored command is read and decided."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin import features
from admin.core.guard import current_actor, may, requires
from admin.core.language import current_language, gettext
from admin.interface.command_forms import read_form
from admin.interface.command_review import CommandReview, review
from admin.interface.entry_points import EntryPoint
from admin.interface.forms import Form
from admin.interface.labels import label_of
from admin.interface.navigation import ApprovalKind, decidable_kinds
from admin.interface.pages import render_page, session
from governance.actors import COMMAND_LINE_PREFIX
from governance.approvals import (
    ApprovalDetails,
    ApprovalRequestFacts,
    approval_by_id,
    may_decide,
    pending_requests,
    pending_requests_for,
)
from governance.approvals.commands import DecideApproval, decide_approval
from governance.commands import COMMANDS, ApprovedCommandHandler
from governance.declaration import declared_field
from governance.kernel.errors import NotFound
from governance.labels import label
from governance.permissions import DECIDABLE_BY, Permission
from governance.persons import accounts_of_person
from tenancy.onboarding.queries import count_blocked
from tenancy.people.queries import names_of_people
from tenancy.tenants.queries import names_of_tenants

pages = Blueprint("approvals", __name__, template_folder="templates")

_ASKED: Final = ("reason", "decision_number", "decided_for", "decided_for_reason")
"""The fields of a decision that a person types."""

_ADDRESSES: Final = {
    "allocation": lambda found: url_for("allocation.allocation", run_id=found.subject_id),
    "quota": lambda found: url_for("quotas.quota_request", request_id=found.subject_id),
}
"""Kinds whose subject has a page that shows and decides it."""


@dataclass(frozen=True, slots=True)
class PendingItem:
    """One request on the page: what it is about, where it is decided, and the requester with the comment."""

    label: str
    address: str
    tenant: str
    requested_by: str
    requested_at: datetime
    reason: str


@pages.get("/approvals")
@requires(Permission.OVERVIEW_READ)
def approvals() -> tuple[str, int]:
    """The requests this person may decide, and their own that another person decides."""
    own = accounts_of_person(session(), current_actor().id)
    own_requests = [one for one in pending_requests(session()) if one.requested_by in own]
    return render_page(
        "approvals/approvals",
        pending=pending_items(),
        requested=_to_pending_items(own_requests),
        blocked_count=count_blocked(session()) if may(Permission.ONBOARDING_READ) else 0,
    )


@pages.get("/approvals/<uuid:approval_id>")
@requires(Permission.APPROVAL_READ)
def approval(approval_id: UUID) -> tuple[str, int]:
    """What a request would do, who wants it and why, and how it was decided."""
    return _render_approval(approval_id, Form.initial(**dict.fromkeys(_ASKED, "")))


@pages.post("/approvals/<uuid:approval_id>/decide")
@requires(Permission.APPROVAL_DECIDE)
def approval_deciding(approval_id: UUID) -> AnyResponse | tuple[str, int]:
    """The decision about exactly what was shown; where a figure changed meanwhile, it is shown again."""
    form = Form.from_request()
    shown = form.values.pop("shown_digest", "")
    command = read_form(form, DecideApproval, given={"approval_id": approval_id})
    if command is None:
        return _render_approval(approval_id, form)
    found = approval_by_id(session(), approval_id)
    seen = None if found.decision is not None else _review(found)
    if seen is not None and shown != seen.digest:
        return _render_approval(approval_id, form, has_changed=True)
    with form.collect_errors():
        decide_approval(command, actor=current_actor(), key=form.key)
        return redirect(url_for("approvals.approval", approval_id=approval_id, done=command.decision.value), 303)
    return _render_approval(approval_id, form)


def pending_items(limit: int | None = None) -> list[PendingItem]:
    """The requests that the present actor may decide, oldest first, at most `limit`."""
    return _to_pending_items(pending_requests_for(session(), current_actor(), decidable_kinds(), limit=limit))


def title_of(found: ApprovalRequestFacts) -> str:
    """What a request is about, in the words of its command's entry point."""
    known = _entry_point(found)
    if known is not None:
        return known.label.text(current_language())
    handler = _handler(found)
    if found.kind in set(ApprovalKind) or handler is None:
        return label_of(found.kind, "approval")
    return label(handler.permission, current_language())


def _render_approval(approval_id: UUID, form: Form, *, has_changed: bool = False) -> tuple[str, int]:
    found = approval_by_id(session(), approval_id)
    actor = current_actor()
    people = names_of_people(session(), [found.requested_by, found.decided_by or ""])
    deciders = sorted(role for role, kinds in DECIDABLE_BY.items() if found.second_person in kinds)
    return render_page(
        "approvals/approval",
        form=form,
        found=found,
        title=title_of(found),
        tenant=names_of_tenants(session(), [found.tenant_id]).get(found.tenant_id, ""),
        requested_by=_name(found.requested_by, people),
        decided_by=_name(found.decided_by or "", people),
        review=_review(found),
        inputs=[declared_field(DecideApproval, name) for name in _ASKED],
        subject_address=_subject_address(found),
        result_address=_result_address(found),
        deciders=gettext(", ").join(role.label(current_language()) for role in deciders),
        may_decide=may(Permission.APPROVAL_DECIDE) and may_decide(session(), actor, found),
        is_own=found.requested_by in accounts_of_person(session(), actor.id),
        has_changed=has_changed,
        done=request.args.get("done", ""),
    )


def _review(found: ApprovalDetails) -> CommandReview | None:
    handler = _handler(found)
    if handler is None:
        return None
    return review(_entry_point(found), handler.read_stored(found), session(), current_language())


def _subject_address(found: ApprovalDetails) -> str:
    """The page of what the request is about; empty where there is none."""
    if found.kind in _ADDRESSES:
        return _ADDRESSES[found.kind](found)
    handler, known = _handler(found), _entry_point(found)
    if handler is None or known is None or known.page is None or known.page.back is None:
        return ""
    command = handler.read_stored(found)
    given = {name: getattr(command, name) for name in known.page.path_fields}
    try:
        return known.page.back(given)[1] if given else ""
    except NotFound:
        return ""


def _result_address(found: ApprovalDetails) -> str:
    """The page of what an approval made; empty where there is none."""
    handler, known = _handler(found), _entry_point(found)
    if handler is None or known is None or known.page is None or found.result is None:
        return ""
    result = handler.done_type.model_validate_json(json.dumps(found.result))
    return known.page.then(handler.read_stored(found), result)


def _handler(found: ApprovalRequestFacts) -> ApprovedCommandHandler[Any, Any] | None:
    handler = COMMANDS.get().get(found.command or "")
    return handler if isinstance(handler, ApprovedCommandHandler) else None


def _entry_point(found: ApprovalRequestFacts) -> EntryPoint | None:
    return features.entry_points().get(found.command or "")


def _to_pending_items(found: list[ApprovalRequestFacts]) -> list[PendingItem]:
    people = names_of_people(session(), [one.requested_by for one in found])
    tenants = names_of_tenants(session(), [one.tenant_id for one in found])
    return [
        PendingItem(
            title_of(one),
            _ADDRESSES[one.kind](one) if one.kind in _ADDRESSES else url_for("approvals.approval", approval_id=one.id),
            tenants.get(one.tenant_id, ""),
            _name(one.requested_by, people),
            one.requested_at,
            one.request_reason,
        )
        for one in found
    ]


def _name(account: str, people: dict[str, str]) -> str:
    """Who an account is, for people. A tenant does not see the names of the operator's."""
    if account.startswith("system:"):
        return gettext("automatic")
    if not account or account.startswith(COMMAND_LINE_PREFIX):
        return account
    return people.get(account) or gettext("a person of the operator")
