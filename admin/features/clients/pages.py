"""連携システム: which systems may call, registered by their public keys."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, requires
from admin.interface.forms import Form
from admin.interface.pages import render_page, session
from governance.declaration import build_command
from governance.permissions import SCOPE_PERMISSIONS, Permission
from tenancy import directory
from tenancy.clients.commands import RegisterClient, register_client

pages = Blueprint("clients", __name__, template_folder="templates")


@pages.route("/tenants/<uuid:tenant_id>/clients/new", methods=["GET", "POST"])
@requires(Permission.CLIENT_REGISTER)
def client_registering(tenant_id: UUID) -> AnyResponse | tuple[str, int]:
    """A system by its public key set; its private key never comes to us."""
    tenant = directory.tenant_by_id(session(), tenant_id)
    form = Form.from_request() if request.method == "POST" else Form.initial(name="", jwks="", valid_until="")
    scopes = tuple(scope for scope in request.form.getlist("scopes") if scope in SCOPE_PERMISSIONS)
    form.values["scopes"] = ",".join(scopes)
    if request.method == "POST":
        name, jwks, valid_until = form.required("name"), form.required("jwks"), form.day("valid_until")
        if form.is_valid:
            with form.collect_errors():
                register_client(
                    build_command(
                        RegisterClient,
                        tenant_id=tenant_id,
                        name=name,
                        jwks=jwks,
                        scopes=scopes,
                        valid_until=valid_until,
                    ),
                    actor=current_actor(),
                    key=form.key,
                )
                return redirect(
                    url_for("tenant_editing.tenant_done", tenant_id=tenant_id, action="client-registered"), 303
                )
    return render_page(
        "clients/client_registering", form=form, tenant=tenant, offered=list(SCOPE_PERMISSIONS), chosen=scopes
    )
