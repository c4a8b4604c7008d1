"""Entry points of the command about service clients: API route, command line and form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.orm import Session

from admin.core.guard import current_actor
from admin.core.language import gettext
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress, api, cli
from admin.interface.tenant_pages import about_tenant, done, to_systems
from governance.kernel.database import db
from governance.kernel.errors import Language
from governance.kernel.labels import Label
from governance.permissions import TENANT_SCOPES, scope_wording
from tenancy import directory
from tenancy.clients import queries
from tenancy.clients.commands import register_client, stop_operator_client
from tenancy.keycloak.port import OPERATOR_SERVICE_SCOPES


def _scopes(session: Session, given: Mapping[str, Any], language: Language) -> list[tuple[str, str]]:
    """The scopes of the tenant's kind; of a municipality's those that this actor may give."""
    if directory.tenant_by_id(session, given["tenant_id"]).is_operator:
        return [(scope, scope_wording(scope).text(language)) for scope in OPERATOR_SERVICE_SCOPES]
    actor = current_actor()
    return [
        (scope, scope_wording(scope).text(language))
        for scope, allowed in sorted(TENANT_SCOPES.items())
        if all(map(actor.may, allowed))
    ]


def _client(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """Which system it is. Raises NotFound."""
    found = queries.service_client(session, directory.operator(session).id, given["client_id"])
    scopes = gettext(", ").join(scope_wording(scope).text(language) for scope in found.scopes)
    return FormContext([Fact(gettext("Service client"), found.name), Fact(gettext("Scopes"), scopes or "―")])


def _to_operator(given: Mapping[str, Any]) -> tuple[Label, str]:
    operator = directory.operator(db.session())
    return to_systems({"tenant_id": operator.id})


ENTRY_POINTS: Final = (
    EntryPoint(
        register_client,
        Label("連携システムを登録する", "Register a service client"),
        Label("登録する", "Register"),
        api=api("POST /tenants/<tenant>/service-clients", tenant="tenant_id"),
        cli=cli("service-client register", "tenant_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/clients/new",
            "client_registering",
            then=done("client-registered"),
            back=to_systems,
            intro=Label(
                "公開鍵だけを登録します。秘密鍵は、そのシステムの外に出しません。"
                "運営者のシステムは、別の人が承認し、システム管理者が認証サービスに反映すると使えます。",
                "Only the public key is registered; the private one never leaves the system. One of the operator's "
                "waits for another person, and for the system administrator to bring it to the identity server.",
            ),
            about=about_tenant,
            choices={"scopes": _scopes},
            is_reviewed=False,
        ),
    ),
    EntryPoint(
        stop_operator_client,
        Label("運営者の連携システムを停止する", "Stop a service client of the operator's"),
        Label("停止する", "Stop"),
        api=api("POST /operator-service-clients/<client>/stop", client="client_id"),
        cli=cli("service-client stop", "client_id"),
        page=PageAddress(
            "/operator-clients/<uuid:client_id>/stop",
            "client_stopping",
            then=lambda command, result: _to_operator({})[1],
            back=_to_operator,
            intro=Label(
                "このシステムのトークンは、ただちに拒否されます。元に戻せません。",
                "Tokens of this system are refused from now on. This cannot be undone.",
            ),
            about=_client,
            is_reviewed=False,
            is_dangerous=True,
        ),
    ),
)
