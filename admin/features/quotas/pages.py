"""利用枠: ask for another value, decide about what somebody else asked."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, requires
from admin.interface.forms import Form
from admin.interface.lists import query_choice
from admin.interface.pages import render_page, session
from governance.approvals import Decision, requests_about
from governance.kernel import clock
from governance.permissions import Permission
from tenancy import directory
from tenancy.people.queries import names_of_people
from tenancy.quotas import queries
from tenancy.quotas.commands import (
    KIND,
    DecideQuota,
    RequestQuota,
    decide_quota,
    request_quota,
)

pages = Blueprint("quotas", __name__, template_folder="templates")


@pages.route("/tenants/<uuid:tenant_id>/quotas/request", methods=["GET", "POST"])
@requires(Permission.QUOTA_REQUEST)
def quota_requesting(tenant_id: UUID) -> AnyResponse | tuple[str, int]:
    """Another value of one dimension, with the reason."""
    tenant = directory.tenant_by_id(session(), tenant_id)
    quotas = queries.quotas_in_force(session(), tenant_id, clock.today())
    names = [quota.dimension for quota in quotas]
    initial = Form.initial(dimension=query_choice("dimension", names, names[0] if names else ""), value="", reason="")
    form = Form.from_request() if request.method == "POST" else initial
    now = next((quota for quota in quotas if quota.dimension == form.text("dimension")), None)
    if request.method == "POST" and form.step != "enter":
        is_unlimited = form.text("unlimited") == "yes"
        value = None if is_unlimited else form.integer("value")
        if not is_unlimited:
            form.required("value")
        reason = form.required("reason")
        if form.is_valid and not form.is_final:
            return render_page("quotas/quota_requesting_confirm", form=form, tenant=tenant, now=now, value=value)
        if form.is_valid:
            with form.collect_errors():
                made = request_quota(
                    RequestQuota(tenant_id=tenant_id, dimension=form.text("dimension"), value=value, reason=reason),
                    actor=current_actor(),
                    key=form.key,
                )
                return redirect(url_for("quotas.quota_request", request_id=made.request_id, done="asked"), 303)
    offered = [(quota.dimension, quota.label) for quota in quotas]
    return render_page("quotas/quota_requesting", form=form, tenant=tenant, quotas=quotas, offered=offered, now=now)


@pages.get("/quota-requests/<uuid:request_id>")
@requires(Permission.QUOTA_READ)
def quota_request(request_id: UUID) -> tuple[str, int]:
    """What was asked, by whom and why, and how it was decided."""
    return _render_request(request_id, None)


@pages.post("/quota-requests/<uuid:request_id>/decide")
@requires(Permission.QUOTA_DECIDE)
def quota_deciding(request_id: UUID) -> AnyResponse | tuple[str, int]:
    """The decision about what was shown; the requester cannot make it."""
    form = Form.from_request()
    decision = form.one_of("decision", Decision)
    reason = form.required("reason")
    other = form.integer("value")
    if form.is_valid and decision is not None:
        with form.collect_errors():
            decide_quota(
                DecideQuota(
                    request_id=request_id,
                    digest=form.text("digest"),
                    decision=decision,
                    reason=reason,
                    decides_value=other is not None,
                    value=other,
                ),
                actor=current_actor(),
                key=form.key,
            )
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
