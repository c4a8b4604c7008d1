"""利用者・API利用者・協定への同意: who may come in, which systems may call, and what a tenant agreed to."""

from __future__ import annotations

from uuid import UUID

from flask import redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.console.forms import Form
from admin.console.pages import console, session, show
from admin.guard import asks, current_actor
from governance.agreements import queries as agreements
from governance.agreements.commands import AcceptAgreement, accept_agreement
from governance.kernel import clock
from governance.permissions import OPERATOR_ROLES, SCOPE_PERMISSIONS, TENANT_ROLES, Permission, Role
from tenancy import directory
from tenancy.clients.commands import RegisterClient, register_client
from tenancy.people import queries
from tenancy.people.commands import AddMember, DisableMember, add_member, disable_member, grantable_by


@console.route("/tenants/<uuid:tenant_id>/people/new", methods=["GET", "POST"])
@asks(Permission.MEMBER_ADD)
def member_adding(tenant_id: UUID) -> AnyResponse | tuple[str, int]:
    """A person with roles. Only roles that one may give are offered."""
    tenant = directory.tenant_by_id(session(), tenant_id)
    kinds = OPERATOR_ROLES if tenant.is_operator else TENANT_ROLES
    offered = sorted(role for role in grantable_by(current_actor()) & kinds if role is not Role.TENANT_MEMBER)
    form = Form.sent() if request.method == "POST" else Form.fresh(family_name="", given_name="", email="")
    chosen = tuple(Role(role) for role in request.form.getlist("roles") if role in offered)
    form.values["roles"] = ",".join(chosen)
    if request.method == "POST" and form.step != "enter":
        names = [form.needed(name) for name in ("family_name", "given_name", "email")]
        if form.is_right and not form.is_final:
            return show("member_adding_confirm", form=form, tenant=tenant, chosen=chosen)
        if form.is_right:
            with form.refusing():
                add_member(
                    AddMember(
                        tenant_id=tenant_id, family_name=names[0], given_name=names[1], email=names[2], roles=chosen
                    ),
                    actor=current_actor(),
                    key=form.key,
                )
                return redirect(url_for("console.tenant_done", tenant_id=tenant_id, deed="member-added"), 303)
    return show("member_adding", form=form, tenant=tenant, offered=offered, chosen=chosen)


@console.route("/tenants/<uuid:tenant_id>/people/<uuid:member_id>/disable", methods=["GET", "POST"])
@asks(Permission.MEMBER_DISABLE)
def member_disabling(tenant_id: UUID, member_id: UUID) -> AnyResponse | tuple[str, int]:
    """Suspend a person: ends their open sessions at the next click."""
    tenant = directory.tenant_by_id(session(), tenant_id)
    member = queries.member(session(), tenant_id, member_id)
    form = Form.sent() if request.method == "POST" else Form.fresh(reason="")
    if request.method == "POST":
        reason = form.needed("reason")
        if form.is_right:
            with form.refusing():
                disable_member(
                    DisableMember(tenant_id=tenant_id, member_id=member_id, reason=reason),
                    actor=current_actor(),
                    key=form.key,
                )
                return redirect(url_for("console.tenant_done", tenant_id=tenant_id, deed="member-disabled"), 303)
    return show("member_disabling", form=form, tenant=tenant, member=member)


@console.route("/tenants/<uuid:tenant_id>/clients/new", methods=["GET", "POST"])
@asks(Permission.CLIENT_REGISTER)
def client_registering(tenant_id: UUID) -> AnyResponse | tuple[str, int]:
    """A system by its public key set; its private key never comes to us."""
    tenant = directory.tenant_by_id(session(), tenant_id)
    form = Form.sent() if request.method == "POST" else Form.fresh(name="", jwks="", valid_until="")
    scopes = tuple(scope for scope in request.form.getlist("scopes") if scope in SCOPE_PERMISSIONS)
    form.values["scopes"] = ",".join(scopes)
    if request.method == "POST":
        name, jwks, valid_until = form.needed("name"), form.needed("jwks"), form.day("valid_until")
        if form.is_right:
            with form.refusing():
                register_client(
                    RegisterClient(tenant_id=tenant_id, name=name, jwks=jwks, scopes=scopes, valid_until=valid_until),
                    actor=current_actor(),
                    key=form.key,
                )
                return redirect(url_for("console.tenant_done", tenant_id=tenant_id, deed="client-registered"), 303)
    return show("client_registering", form=form, tenant=tenant, offered=list(SCOPE_PERMISSIONS), chosen=scopes)


@console.route("/tenants/<uuid:tenant_id>/agreements/<uuid:version_id>", methods=["GET", "POST"])
@asks(Permission.AGREEMENT_ACCEPT)
def accept(tenant_id: UUID, version_id: UUID) -> AnyResponse | tuple[str, int]:
    """The text of a version, and who accepts it on whose behalf, by what right."""
    tenant = directory.tenant_by_id(session(), tenant_id)
    version = agreements.version(session(), version_id)
    fresh = Form.fresh(
        signer_name="", signer_title="", on_behalf_of=tenant.name, authority="", signed_on=clock.today().isoformat()
    )
    form = Form.sent() if request.method == "POST" else fresh
    if request.method == "POST" and form.step != "enter":
        fields = {name: form.needed(name) for name in ("signer_name", "signer_title", "on_behalf_of", "authority")}
        form.needed("signed_on")
        signed_on = form.day("signed_on")
        if form.is_right and signed_on is not None:
            if not form.is_final:
                return show("accept_confirm", form=form, tenant=tenant, version=version, signed_on=signed_on)
            with form.refusing():
                accept_agreement(
                    AcceptAgreement(tenant_id=tenant_id, version_id=version_id, signed_on=signed_on, **fields),
                    actor=current_actor(),
                    key=form.key,
                )
                return redirect(url_for("console.tenant_done", tenant_id=tenant_id, deed="accepted"), 303)
    return show("accept", form=form, tenant=tenant, version=version)
