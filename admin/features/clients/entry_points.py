"""Entry points of the command about service clients: API route, command line and form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from flask import url_for
from sqlalchemy.orm import Session

from admin.core.guard import current_actor
from admin.core.language import gettext
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress, api, cli
from admin.interface.tenant_pages import about_tenant, done, to_systems
from governance.kernel import clock
from governance.kernel.database import db
from governance.kernel.errors import Language
from governance.kernel.labels import Label
from governance.permissions import TENANT_SCOPES, scope_wording
from tenancy import directory
from tenancy.clients import queries
from tenancy.clients.client_secrets import make_client_secret, remove_client_secret
from tenancy.clients.commands import register_client, stop_operator_client
from tenancy.clients.last_days import set_client_last_day
from tenancy.clients.models import ServiceClientDetails
from tenancy.clients.rotation import add_client_key, make_client_key, remove_client_key
from tenancy.clients.sources import limit_client_networks
from tenancy.clients.stopping import StopClient, stop_client
from tenancy.clients.suspension import resume_client, set_client_owner, suspend_client
from tenancy.keycloak.port import OPERATOR_SERVICE_SCOPES
from tenancy.people import queries as people


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


def _system(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """Which system of the tenant's it is, and whose. Raises NotFound."""
    found = queries.service_client(session, given["tenant_id"], given["client_id"])
    return FormContext(
        [
            *about_tenant(session, given, language).facts,
            Fact(gettext("Service client"), found.name),
            Fact(gettext("Owner"), owner_text(session, given["tenant_id"], found)),
            Fact(gettext("State"), found.state.label(language)),
        ]
    )


def owner_text(session: Session, tenant_id: UUID, system: ServiceClientDetails) -> str:
    """Whose the system is, by name."""
    if system.owner_member_id is None:
        return gettext("the tenant's own")
    owner = people.member(session, tenant_id, system.owner_member_id, clock.now())
    return f"{owner.family_name} {owner.given_name}"


def _owners(session: Session, given: Mapping[str, Any], language: Language) -> list[tuple[str, str]]:
    """The people of the tenant who may own a system; an empty choice stands for the tenant."""
    if directory.tenant_by_id(session, given["tenant_id"]).is_operator:
        return []
    present = people.members(session, given["tenant_id"], clock.now())
    return [
        (str(one.id), f"{one.family_name} {one.given_name}") for one in present if one.state in people.PRESENT_STATES
    ]


def _present_owner(session: Session, given: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"owner_member_id": queries.service_client(session, given["tenant_id"], given["client_id"]).owner_member_id}


def _to_system(given: Mapping[str, Any]) -> tuple[Label, str]:
    name = queries.service_client(db.session(), given["tenant_id"], given["client_id"]).name
    return Label(name, name), _system_url(given["tenant_id"], given["client_id"])


def _system_url(tenant_id: object, client_id: object) -> str:
    return url_for("clients.system", tenant_id=tenant_id, client_id=client_id)


def _shown(command: Any, result: Any) -> str:
    return _system_url(command.tenant_id, command.client_id)


def _present_networks(session: Session, given: Mapping[str, Any]) -> Mapping[str, Any]:
    found = queries.service_client(session, given["tenant_id"], given["client_id"])
    return {"networks": "\n".join(found.networks)}


def _present_last_day(session: Session, given: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"valid_until": queries.service_client(session, given["tenant_id"], given["client_id"]).valid_until}


def _code_to_type(session: Session, command: StopClient) -> str:
    tenant = directory.tenant_by_id(session, command.tenant_id)
    return tenant.code or tenant.name


def _keys_shown(command: Any, result: Any) -> str:
    return url_for("clients.system_documents", tenant_id=command.tenant_id, client_id=command.client_id)


def _kids(session: Session, given: Mapping[str, Any], language: Language) -> list[tuple[str, str]]:
    """The keys of the system, by kind, name and last day."""
    found = queries.service_client(session, given["tenant_id"], given["client_id"])
    return [(key.kid, f"{key.kind} {key.kid}") for key in found.public_keys]


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
            choices={"scopes": _scopes, "owner_member_id": _owners},
            is_reviewed=False,
        ),
    ),
    EntryPoint(
        suspend_client,
        Label("連携システムを停止する", "Suspend a service client"),
        Label("停止する", "Suspend"),
        api=api("POST /tenants/<tenant>/service-clients/<client>/suspension", tenant="tenant_id", client="client_id"),
        cli=cli("service-client suspend", "tenant_id", "client_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/clients/<uuid:client_id>/suspend",
            "client_suspending",
            then=_shown,
            back=_to_system,
            intro=Label(
                "このシステムのトークンは、期限の前でも、次の呼出しから拒否されます。続けて、認証サービスでも停止します。"
                "あとで再開できます。",
                "Tokens of this system are refused at the next call, also those that have not run out; the identity "
                "server stops it next. It can be resumed later.",
            ),
            about=_system,
            is_reviewed=False,
            is_dangerous=True,
        ),
    ),
    EntryPoint(
        resume_client,
        Label("停止中の連携システムを再開する", "Resume a suspended service client"),
        Label("再開する", "Resume"),
        api=api("POST /tenants/<tenant>/service-clients/<client>/resumption", tenant="tenant_id", client="client_id"),
        cli=cli("service-client resume", "tenant_id", "client_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/clients/<uuid:client_id>/resume",
            "client_resuming",
            then=_shown,
            back=_to_system,
            intro=Label(
                "停止前と同じ鍵と、許可されていた操作で、再び使えるようになります。",
                "It is let in again with the keys and scopes it had.",
            ),
            about=_system,
            is_reviewed=False,
        ),
    ),
    EntryPoint(
        add_client_key,
        Label("連携システムに公開鍵を追加する", "Add a public key to a service client"),
        Label("鍵を追加する", "Add the key"),
        api=api("POST /tenants/<tenant>/service-clients/<client>/keys", tenant="tenant_id", client="client_id"),
        cli=cli("service-client add-key", "tenant_id", "client_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/clients/<uuid:client_id>/keys/new",
            "client_key_adding",
            then=_keys_shown,
            back=_to_system,
            intro=Label(
                "鍵を取り替えるときは、新しい公開鍵を追加し、今の鍵の最終日を決めます。"
                "その日までは両方の鍵が使えるので、システムを止めずに切り替えられます。",
                "To change keys, add the new public key and say when the present one ends. Until then both count, so "
                "that the system need not stop.",
            ),
            about=_system,
            is_reviewed=False,
        ),
    ),
    EntryPoint(
        make_client_key,
        Label("連携システムの鍵を作る", "Make a key for a service client"),
        Label("鍵を作る", "Make the key"),
        api=api("POST /tenants/<tenant>/service-clients/<client>/made-keys", tenant="tenant_id", client="client_id"),
        cli=cli("service-client make-key", "tenant_id", "client_id"),
    ),
    EntryPoint(
        remove_client_key,
        Label("連携システムの鍵を削除する", "Remove a key of a service client"),
        Label("鍵を削除する", "Remove the key"),
        api=api("POST /tenants/<tenant>/service-clients/<client>/key-removals", tenant="tenant_id", client="client_id"),
        cli=cli("service-client remove-key", "tenant_id", "client_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/clients/<uuid:client_id>/keys/remove",
            "client_key_removing",
            then=_keys_shown,
            back=_to_system,
            intro=Label(
                "この鍵では、新しいトークンを受け取れなくなります。"
                "受取り済みのトークンは、期限（最長 5 分）まで使えます。"
                "すぐに止めたいときは、連携システムを停止してください。",
                "No new token is given for this key. Tokens that were given count until they run out, five minutes at "
                "most; to end them at once, suspend the service client.",
            ),
            about=_system,
            choices={"kid": _kids},
            is_reviewed=False,
            is_dangerous=True,
        ),
    ),
    EntryPoint(
        make_client_secret,
        Label("連携システムのシークレットを作る", "Make a secret for a service client"),
        Label("シークレットを作る", "Make the secret"),
        api=api("POST /tenants/<tenant>/service-clients/<client>/secrets", tenant="tenant_id", client="client_id"),
        cli=cli("service-client make-secret", "tenant_id", "client_id"),
    ),
    EntryPoint(
        remove_client_secret,
        Label("連携システムのシークレットを削除する", "Remove a secret of a service client"),
        Label("シークレットを削除する", "Remove the secret"),
        api=api(
            "POST /tenants/<tenant>/service-clients/<client>/secret-removals", tenant="tenant_id", client="client_id"
        ),
        cli=cli("service-client remove-secret", "tenant_id", "client_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/clients/<uuid:client_id>/secrets/remove",
            "client_secret_removing",
            then=_keys_shown,
            back=_to_system,
            intro=Label(
                "このシークレットで受け取ったトークンは、期限の前でも、次の呼出しから拒否されます。",
                "Tokens that were given for this secret are refused at the next call, also those that have not run "
                "out.",
            ),
            about=_system,
            is_reviewed=False,
            is_dangerous=True,
        ),
    ),
    EntryPoint(
        limit_client_networks,
        Label("連携システムの接続元を限る", "Limit from where a service client calls"),
        Label("接続元を変える", "Change the networks"),
        api=api("PUT /tenants/<tenant>/service-clients/<client>/networks", tenant="tenant_id", client="client_id"),
        cli=cli("service-client limit-networks", "tenant_id", "client_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/clients/<uuid:client_id>/networks",
            "client_networks",
            then=_shown,
            back=_to_system,
            intro=Label(
                "ここに入力したネットワークからの呼出しだけを受け付けます。トークンが正しくても、ほかからの呼出しは拒否します。",
                "Only calls from these networks are taken; others are refused, also with a token that is right.",
            ),
            about=_system,
            start=_present_networks,
        ),
    ),
    EntryPoint(
        set_client_last_day,
        Label("連携システムの最終日を変える", "Change the last day of a service client"),
        Label("最終日を変える", "Change the last day"),
        api=api("PUT /tenants/<tenant>/service-clients/<client>/last-day", tenant="tenant_id", client="client_id"),
        cli=cli("service-client set-last-day", "tenant_id", "client_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/clients/<uuid:client_id>/last-day",
            "client_last_day",
            then=_shown,
            back=_to_system,
            intro=Label(
                "最終日を過ぎると、このシステムのトークンは拒否されます。30 日前と 7 日前に、"
                "団体管理者、連携システム管理担当、所有者にメールで知らせます。",
                "After its last day the tokens of this system are refused. Owners and client administrators of the "
                "tenant, and whose system it is, are mailed 30 and 7 days before.",
            ),
            about=_system,
            start=_present_last_day,
            is_reviewed=False,
        ),
    ),
    EntryPoint(
        set_client_owner,
        Label("連携システムの所有者を変える", "Change who owns a service client"),
        Label("所有者を変える", "Change the owner"),
        api=api("PUT /tenants/<tenant>/service-clients/<client>/owner", tenant="tenant_id", client="client_id"),
        cli=cli("service-client set-owner", "tenant_id", "client_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/clients/<uuid:client_id>/owner",
            "client_owner",
            then=_shown,
            back=_to_system,
            intro=Label(
                "個人の所有にすると、その人の利用の停止や削除とともに、この連携システムも停止します。"
                "その人を再開しても、連携システムは自動では再開しません。",
                "A system that a person owns is suspended when that person is suspended or removed. It is not resumed "
                "together with the person.",
            ),
            about=_system,
            choices={"owner_member_id": _owners},
            start=_present_owner,
            is_reviewed=False,
        ),
    ),
    EntryPoint(
        stop_client,
        Label("連携システムを廃止する", "Stop a service client for good"),
        Label("廃止する", "Stop for good"),
        api=api("POST /tenants/<tenant>/service-clients/<client>/stop", tenant="tenant_id", client="client_id"),
        cli=cli("service-client stop-for-good", "tenant_id", "client_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/clients/<uuid:client_id>/stop",
            "client_stopping_for_good",
            then=_shown,
            back=_to_system,
            intro=Label(
                "このシステムのトークンは、ただちに拒否されます。元に戻せません。"
                "利用枠が 1 つ空き、同じ名称で登録し直せます。"
                "一時的に止めるときは、廃止ではなく停止してください。",
                "Tokens of this system are refused from now on. This cannot be undone. Its place in the quota and its "
                "name are free for another. To stop it for a while, suspend it instead.",
            ),
            about=_system,
            confirm_text=_code_to_type,
            is_dangerous=True,
        ),
    ),
    EntryPoint(
        stop_operator_client,
        Label("運営者の連携システムを廃止する", "Stop a service client of the operator's"),
        Label("廃止する", "Stop"),
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
