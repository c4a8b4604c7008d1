"""協定への同意: what a tenant agreed to, entered for its signer."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, requires
from admin.interface.command_forms import day_as_typed, read_form
from admin.interface.forms import Form
from admin.interface.kept_forms import restored_form
from admin.interface.pages import render_page, session
from admin.interface.tenant_pages import done_url
from governance.agreements import queries as agreements
from governance.agreements.commands import AcceptAgreement, accept_agreement
from governance.declaration import declared_fields
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
        signer_name="", signer_title="", on_behalf_of=tenant.name, authority="", signed_on=day_as_typed(clock.today())
    )
    form = Form.from_request() if request.method == "POST" else restored_form() or initial
    if request.method == "POST" and form.step != "enter":
        command = read_form(form, AcceptAgreement, given={"tenant_id": tenant_id, "version_id": version_id})
        if command is not None and not form.is_final:
            return render_page(
                "agreements/accept_confirm", form=form, tenant=tenant, version=version, signed_on=command.signed_on
            )
        if command is not None:
            with form.collect_errors():
                accept_agreement(command, actor=current_actor(), key=form.key)
                return redirect(done_url(tenant_id, "accepted"), 303)
    inputs = [one for one in declared_fields(AcceptAgreement) if one.name not in ("tenant_id", "version_id")]
    return render_page("agreements/accept", form=form, tenant=tenant, version=version, inputs=inputs)
