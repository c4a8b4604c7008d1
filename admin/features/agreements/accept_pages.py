"""協定への同意: what a tenant agreed to, entered for its signer."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, requires
from admin.interface.forms import Form
from admin.interface.pages import render_page, session
from governance.agreements import queries as agreements
from governance.agreements.commands import AcceptAgreement, accept_agreement
from governance.kernel import clock
from governance.permissions import Permission
from tenancy import directory

pages = Blueprint("agreement_acceptance", __name__, template_folder="templates")


@pages.route("/tenants/<uuid:tenant_id>/agreements/<uuid:version_id>", methods=["GET", "POST"])
@requires(Permission.AGREEMENT_ACCEPT)
def accept(tenant_id: UUID, version_id: UUID) -> AnyResponse | tuple[str, int]:
    """The text of a version, and who accepts it on whose behalf, by what right."""
    tenant = directory.tenant_by_id(session(), tenant_id)
    version = agreements.version(session(), version_id)
    initial = Form.initial(
        signer_name="", signer_title="", on_behalf_of=tenant.name, authority="", signed_on=clock.today().isoformat()
    )
    form = Form.from_request() if request.method == "POST" else initial
    if request.method == "POST" and form.step != "enter":
        fields = {name: form.required(name) for name in ("signer_name", "signer_title", "on_behalf_of", "authority")}
        form.required("signed_on")
        signed_on = form.day("signed_on")
        if form.is_valid and signed_on is not None:
            if not form.is_final:
                return render_page(
                    "agreements/accept_confirm", form=form, tenant=tenant, version=version, signed_on=signed_on
                )
            with form.collect_errors():
                accept_agreement(
                    AcceptAgreement(tenant_id=tenant_id, version_id=version_id, signed_on=signed_on, **fields),
                    actor=current_actor(),
                    key=form.key,
                )
                return redirect(url_for("tenant_editing.tenant_done", tenant_id=tenant_id, action="accepted"), 303)
    return render_page("agreements/accept", form=form, tenant=tenant, version=version)
