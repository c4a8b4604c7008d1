"""利用枠: one request for another value, and the decision about it. The form of a request is derived."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, requires
from admin.features.quotas.entry_points import QUOTA_ENTRY_POINTS
from admin.interface.command_forms import add_forms
from admin.interface.forms import Form
from admin.interface.kept_forms import restored_form
from admin.interface.page_endpoint import form_of
from admin.interface.pages import render_page, session
from governance.approvals import requests_about
from governance.declaration import read_command
from governance.permissions import Permission
from tenancy import directory
from tenancy.people.queries import names_of_people
from tenancy.quotas import queries
from tenancy.quotas.commands import KIND, DecideQuota, decide_quota

pages = add_forms(Blueprint("quotas", __name__, template_folder="templates"), QUOTA_ENTRY_POINTS)


@pages.get("/quota-requests/<uuid:request_id>")
@requires(Permission.QUOTA_READ)
def quota_request(request_id: UUID) -> tuple[str, int]:
    """What was requested, by whom and why, and how it was decided."""
    return _render_request(request_id, restored_form())


@pages.post("/quota-requests/<uuid:request_id>/decide")
@requires(Permission.QUOTA_DECIDE)
@form_of("quotas.quota_request")
def quota_deciding(request_id: UUID) -> AnyResponse | tuple[str, int]:
    """The decision about what was shown; without another value the requested one is decided."""
    form = Form.from_request()
    texts = {name: form.text(name) for name in ("digest", "decision", "reason", "value")}
    other = {"value": texts.pop("value"), "decides_value": "yes"} if texts["value"] else {}
    texts.pop("value", None)
    with form.collect_errors():
        command = read_command(DecideQuota, texts | other, typed=True, given={"request_id": request_id})
        decide_quota(command, actor=current_actor(), key=form.key)
        return redirect(url_for("quotas.quota_request", request_id=request_id, done="decided"), 303)
    return _render_request(request_id, form)


def _render_request(request_id: UUID, form: Form | None) -> tuple[str, int]:
    found = queries.quota_request(session(), request_id)
    about = requests_about(session(), KIND, request_id)
    people = {found.requested_by} | {one.decided_by or "" for one in about}
    return render_page(
        "quotas/quota_request",
        form=form,
        initial=form or Form.initial(reason="", value="", decision=""),
        asked=found,
        about=about,
        tenant=directory.tenant_by_id(session(), found.tenant_id),
        dimension=next(one for one in queries.dimensions(session()) if one.name == found.dimension),
        people=names_of_people(session(), people),
        is_own=found.requested_by == current_actor().id,
        done=request.args.get("done", ""),
    )
