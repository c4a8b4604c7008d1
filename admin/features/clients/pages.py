"""連携システム: the page of one system with its keys and what it did. The forms are derived."""

from __future__ import annotations

from typing import Any, Final, NamedTuple
from uuid import UUID

from flask import Blueprint, request

from admin.core.guard import current_actor, may, requires
from admin.core.language import current_language, gettext
from admin.features.clients.entry_points import ENTRY_POINTS, owner_text
from admin.interface.command_forms import add_forms, read_form
from admin.interface.forms import Form
from admin.interface.history import history, newest_actions
from admin.interface.kept_forms import restored_form, shown_once
from admin.interface.pages import render_page, session
from governance.commands import CommandHandler
from governance.events import Event
from governance.labels import permission_wording
from governance.permissions import OPERATOR_SCOPES, TENANT_SCOPES, Permission, scope_wording
from tenancy import directory
from tenancy.clients.client_secrets import make_client_secret
from tenancy.clients.queries import service_client
from tenancy.clients.rotation import make_client_key
from tenancy.clients.sources import check_network

pages = add_forms(Blueprint("clients", __name__, template_folder="templates"), ENTRY_POINTS)

_EVERYBODYS: Final = frozenset({Permission.PUBLIC, Permission.SIGNED_IN})
"""What whoever is known may do, and no scope has to say."""


@pages.get("/tenants/<uuid:tenant_id>/clients/<uuid:client_id>")
@requires(Permission.CLIENT_READ)
def system(tenant_id: UUID, client_id: UUID) -> tuple[str, int]:
    """One system that calls the API: what it may do, from where, and until when."""
    form = Form.initial(address=request.args.get("address", "")[:64])
    check = None
    with form.collect_errors():
        check = check_network(session(), tenant_id, client_id, form.values["address"])
    allowed = _allowed(tenant_id, client_id)
    return _render_part("clients/system", tenant_id, client_id, allowed=allowed, form=form, check=check)


@pages.get("/tenants/<uuid:tenant_id>/clients/<uuid:client_id>/related")
@requires(Permission.CLIENT_READ)
def system_related(tenant_id: UUID, client_id: UUID) -> tuple[str, int]:
    """What a system did, and where it belongs."""
    return _render_part(
        "clients/system_related",
        tenant_id,
        client_id,
        part_title=gettext("Related"),
        used=newest_actions(20, actor=str(client_id)) if may(Permission.AUDIT_READ) else None,
    )


@pages.get("/tenants/<uuid:tenant_id>/clients/<uuid:client_id>/documents")
@requires(Permission.CLIENT_READ)
def system_documents(tenant_id: UUID, client_id: UUID) -> tuple[str, int]:
    """The public keys of a system, as they were registered."""
    return _render_part("clients/system_documents", tenant_id, client_id, part_title=gettext("Documents"))


@pages.get("/tenants/<uuid:tenant_id>/clients/<uuid:client_id>/history")
@requires(Permission.AUDIT_READ)
def system_history(tenant_id: UUID, client_id: UUID) -> tuple[str, int]:
    """What was done about a system."""
    return _render_part(
        "clients/system_history",
        tenant_id,
        client_id,
        actions_shown=50,
        part_title=gettext("History"),
        is_wide=True,
    )


@pages.route("/tenants/<uuid:tenant_id>/clients/<uuid:client_id>/keys/make", methods=["GET", "POST"])
@requires(Permission.CLIENT_MAKE_KEY)
@shown_once("a private key is shown and kept nowhere")
def client_key_making(tenant_id: UUID, client_id: UUID) -> tuple[str, int]:
    """Make a key and show its private half: in the answer to the form, and nowhere after."""
    return _make_and_show("clients/client_key_made", make_client_key, "former_until", tenant_id, client_id)


@pages.route("/tenants/<uuid:tenant_id>/clients/<uuid:client_id>/secrets/make", methods=["GET", "POST"])
@requires(Permission.CLIENT_MAKE_SECRET)
@shown_once("a secret is shown and kept nowhere")
def client_secret_making(tenant_id: UUID, client_id: UUID) -> tuple[str, int]:
    """Make a secret and show it: in the answer to the form, and nowhere after."""
    return _make_and_show("clients/client_secret_made", make_client_secret, "valid_until", tenant_id, client_id)


def _make_and_show(
    template: str, make: CommandHandler[Any, Any], asked: str, tenant_id: UUID, client_id: UUID
) -> tuple[str, int]:
    """Ask for the field `asked`; once it is sent, what was made stands in the answer."""
    form = Form.from_request() if request.method == "POST" else restored_form() or Form.initial(**{asked: ""})
    made = None
    if request.method == "POST":
        command = read_form(form, make.command_type, given={"tenant_id": tenant_id, "client_id": client_id})
        if command is not None:
            with form.collect_errors():
                made = make(command, actor=current_actor(), key=form.key)
    found = service_client(session(), tenant_id, client_id)
    tenant = directory.tenant_by_id(session(), tenant_id)
    return render_page(template, form=form, tenant=tenant, system=found, made=made)


class _AllowedScope(NamedTuple):
    """A scope in words, the permissions in it, and its name for programs."""

    label: str
    permissions: list[str]
    scope: str


def _allowed(tenant_id: UUID, client_id: UUID) -> list[_AllowedScope]:
    """What each scope of a system allows; a scope that means nothing any more has no permissions in it."""
    is_operators = directory.tenant_by_id(session(), tenant_id).is_operator
    meanings = OPERATOR_SCOPES if is_operators else TENANT_SCOPES
    language = current_language()
    found = []
    for scope in service_client(session(), tenant_id, client_id).scopes:
        allowed = sorted(meanings.get(scope, frozenset()) - _EVERYBODYS)
        words = [permission_wording(one).text(language) for one in allowed]
        found.append(_AllowedScope(scope_wording(scope).text(language), words, scope))
    return found


def _render_part(
    template: str, tenant_id: UUID, client_id: UUID, *, actions_shown: int = 5, **values: Any
) -> tuple[str, int]:
    """A part of a system's page, with what every part has: whose it is, who registered it, and its last events."""
    found = service_client(session(), tenant_id, client_id)
    return render_page(
        template,
        tenant=directory.tenant_by_id(session(), tenant_id),
        system=found,
        owner=owner_text(session(), tenant_id, found),
        registered=history(found.id, tenant_id, 1, event=Event.CLIENT_REGISTERED),
        record=history(found.id, tenant_id, actions_shown),
        **values,
    )
