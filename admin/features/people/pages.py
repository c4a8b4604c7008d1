"""利用者: who may come in, with which roles."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, requires
from admin.interface.forms import Form
from admin.interface.pages import render_page, session
from governance.declaration import build_command
from governance.kernel import clock
from governance.permissions import OPERATOR_ROLES, TENANT_ROLES, Permission, Role
from tenancy import directory
from tenancy.people import queries
from tenancy.people.commands import AddMember, DisableMember, add_member, disable_member, grantable_by

pages = Blueprint("people", __name__, template_folder="templates")


@pages.route("/tenants/<uuid:tenant_id>/people/new", methods=["GET", "POST"])
@requires(Permission.MEMBER_ADD)
def member_adding(tenant_id: UUID) -> AnyResponse | tuple[str, int]:
    """A person with roles. Only roles that one may give are offered."""
    tenant = directory.tenant_by_id(session(), tenant_id)
    kinds = OPERATOR_ROLES if tenant.is_operator else TENANT_ROLES
    offered = sorted(role for role in grantable_by(current_actor()) & kinds if role is not Role.TENANT_MEMBER)
    form = Form.from_request() if request.method == "POST" else Form.initial(family_name="", given_name="", email="")
    chosen = tuple(Role(role) for role in request.form.getlist("roles") if role in offered)
    form.values["roles"] = ",".join(chosen)
    if request.method == "POST" and form.step != "enter":
        names = [form.required(name) for name in ("family_name", "given_name", "email")]
        if form.is_valid and not form.is_final:
            return render_page("people/member_adding_confirm", form=form, tenant=tenant, chosen=chosen)
        if form.is_valid:
            with form.collect_errors():
                add_member(
                    build_command(
                        AddMember,
                        tenant_id=tenant_id,
                        family_name=names[0],
                        given_name=names[1],
                        email=names[2],
                        roles=chosen,
                    ),
                    actor=current_actor(),
                    key=form.key,
                )
                return redirect(url_for("tenant_editing.tenant_done", tenant_id=tenant_id, action="member-added"), 303)
    return render_page("people/member_adding", form=form, tenant=tenant, offered=offered, chosen=chosen)


@pages.route("/tenants/<uuid:tenant_id>/people/<uuid:member_id>/disable", methods=["GET", "POST"])
@requires(Permission.MEMBER_DISABLE)
def member_disabling(tenant_id: UUID, member_id: UUID) -> AnyResponse | tuple[str, int]:
    """Suspend a person: ends their open sessions at the next click."""
    tenant = directory.tenant_by_id(session(), tenant_id)
    member = queries.member(session(), tenant_id, member_id, clock.now())
    form = Form.from_request() if request.method == "POST" else Form.initial(reason="")
    if request.method == "POST":
        reason = form.required("reason")
        if form.is_valid:
            with form.collect_errors():
                disable_member(
                    build_command(DisableMember, tenant_id=tenant_id, member_id=member_id, reason=reason),
                    actor=current_actor(),
                    key=form.key,
                )
                return redirect(
                    url_for("tenant_editing.tenant_done", tenant_id=tenant_id, action="member-disabled"), 303
                )
    return render_page("people/member_disabling", form=form, tenant=tenant, member=member)
