"""対応待ち: everything that waits, and the page where a stored command is read and decided."""

from __future__ import annotations

import json
from typing import Final
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, may, requires
from admin.core.language import current_language, gettext
from admin.features.approvals.stored import entry_point_of, handler_of, own_tasks
from admin.interface.command_forms import read_form
from admin.interface.command_review import CommandReview, review
from admin.interface.forms import Form
from admin.interface.kept_forms import restored_form
from admin.interface.labels import label_of
from admin.interface.own_tasks import own_waiting
from admin.interface.page_endpoint import form_of
from admin.interface.pages import render_page, session
from admin.workflows.tasks import SHOWN
from admin.workflows.waiting import OWN_SECTIONS, ApprovalKind, TaskKind, TaskSection
from governance.actors import COMMAND_LINE_PREFIX
from governance.approvals import (
    ApprovalDetails,
    ApprovalRequestFacts,
    approval_by_id,
    may_decide,
)
from governance.approvals.commands import DecideApproval, decide_approval
from governance.declaration import declared_field
from governance.kernel import clock
from governance.kernel.errors import NotFound
from governance.labels import label
from governance.permissions import DECIDABLE_BY, Permission
from governance.persons import accounts_of_person
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


@pages.get("/approvals")
@requires(Permission.OVERVIEW_READ)
def approvals() -> tuple[str, int]:
    """対応待ち: what this person has to decide, to correct, what falls due, and what waits for others."""
    rows = own_tasks()
    counts = {section: sum(row.number for row in rows if row.section is section) for section in TaskSection}
    waiting_requests = sum(one.number for one in own_waiting() if one.kind is TaskKind.APPROVAL)
    counts[TaskSection.DECIDE] += max(waiting_requests - SHOWN, 0)
    return render_page(
        "approvals/approvals",
        sections=[
            (section, [row for row in rows if row.section is section], counts[section]) for section in TaskSection
        ],
        first=next((row for row in rows if row.section in OWN_SECTIONS), None),
        more_requests=max(waiting_requests - SHOWN, 0),
        today=clock.today(),
    )


@pages.get("/approvals/<uuid:approval_id>")
@requires(Permission.APPROVAL_READ)
def approval(approval_id: UUID) -> tuple[str, int]:
    """What a request would do, who wants it and why, and how it was decided."""
    return _render_approval(approval_id, restored_form() or Form.initial(**dict.fromkeys(_ASKED, "")))


@pages.post("/approvals/<uuid:approval_id>/decide")
@requires(Permission.APPROVAL_DECIDE)
@form_of("approvals.approval")
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


def title_of(found: ApprovalRequestFacts) -> str:
    """What a request is about, in the words of its command's entry point."""
    known = entry_point_of(found)
    if known is not None:
        return known.label.text(current_language())
    handler = handler_of(found)
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
    handler = handler_of(found)
    if handler is None:
        return None
    command, is_open = handler.read_stored(found), found.decision is None
    return review(entry_point_of(found), command, session(), current_language(), is_open=is_open)


def _subject_address(found: ApprovalDetails) -> str:
    """The page of what the request is about; empty where there is none."""
    if found.kind in _ADDRESSES:
        return _ADDRESSES[found.kind](found)
    handler, known = handler_of(found), entry_point_of(found)
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
    handler, known = handler_of(found), entry_point_of(found)
    if handler is None or known is None or known.page is None or found.result is None:
        return ""
    result = handler.done_type.model_validate_json(json.dumps(found.result))
    return known.page.then(handler.read_stored(found), result)


def _name(account: str, people: dict[str, str]) -> str:
    """Who an account is, for people. A tenant does not see the names of the operator's."""
    if account.startswith("system:"):
        return gettext("automatic")
    if account.startswith(COMMAND_LINE_PREFIX):
        return gettext("the system administrator")
    if not account:
        return account
    return people.get(account) or gettext("a person of the prefecture")
