"""Entry points of the commands about a tenant's own identity provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import current_app, url_for
from sqlalchemy.orm import Session

from admin.bootstrap import settings_of
from admin.core.language import gettext
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress, api, cli
from admin.interface.tenant_pages import about_tenant, to_part
from governance.kernel.errors import Language
from governance.kernel.labels import Label
from tenancy.keycloak.port import redirect_address
from tenancy.people.identity_providers.commands import (
    check_identity_provider,
    disable_identity_provider,
    enable_identity_provider,
    register_identity_provider,
    remove_identity_provider,
    set_identity_provider_secret,
)
from tenancy.people.identity_providers.queries import own_identity_provider

_BACK: Final = to_part("identity_providers.identity_provider", Label("IdP 連携", "identity provider"))


def _before(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """What the tenant tells its identity provider of Moyai."""
    about = about_tenant(session, given, language)
    address = redirect_address(settings_of(current_app).keycloak_url, given["tenant_id"])
    return FormContext([*about.facts, Fact(gettext("Redirect address"), address)], about.warnings)


def _about(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """Which identity provider it is, and how many people it is for. Raises NotFound."""
    about = about_tenant(session, given, language)
    found = own_identity_provider(session, given["tenant_id"])
    return FormContext(
        [
            *about.facts,
            Fact(gettext("Name"), found.name),
            Fact(gettext("State"), found.state.label(language)),
            Fact(gettext("E-mail domains"), ", ".join(found.domains)),
            Fact(gettext("People whose address is in a domain"), f"{found.in_domains:,}"),
            Fact(gettext("People whose address is in no domain"), f"{found.not_in_domains:,}"),
        ],
        about.warnings,
    )


def _done(action: str) -> Any:
    return lambda command, result: url_for(
        "identity_providers.identity_provider", tenant_id=command.tenant_id, done=action
    )


ENTRY_POINTS: Final = (
    EntryPoint(
        register_identity_provider,
        Label("IdP を登録する", "Register an identity provider"),
        Label("登録する", "Register"),
        api=api("POST /tenants/<tenant>/identity-provider", tenant="tenant_id"),
        cli=cli("identity-provider register", "tenant_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/identity-provider/register",
            "identity_provider_registering",
            then=_done("registered"),
            back=_BACK,
            intro=Label(
                "庁内の IdP に Moyai を登録し、その内容を入力してください。"
                "登録しただけでは、だれもログインできません。",
                "Register Moyai at your identity provider first and enter what it says. Nobody can log in with it "
                "before it is enabled.",
            ),
            about=_before,
            is_reviewed=False,
        ),
    ),
    EntryPoint(
        set_identity_provider_secret,
        Label("IdP のシークレットを変更する", "Set the identity provider's secret"),
        Label("変更する", "Set"),
        api=api("PUT /tenants/<tenant>/identity-provider/secret", tenant="tenant_id"),
        cli=cli("identity-provider set-secret", "tenant_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/identity-provider/secret",
            "identity_provider_secret",
            then=_done("secret"),
            back=_BACK,
            intro=Label(
                "新しいシークレットを確かめてから使います。受け付けられないときは、今のシークレットを使い続けます。",
                "The new secret is tried before it is used. If it is refused, the present one goes on.",
            ),
            about=_about,
            is_reviewed=False,
        ),
    ),
    EntryPoint(
        check_identity_provider,
        Label("IdP の接続を確認する", "Test the connection to the identity provider"),
        Label("確認する", "Test"),
        api=api("POST /tenants/<tenant>/identity-provider/check", tenant="tenant_id"),
        cli=cli("identity-provider check", "tenant_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/identity-provider/check",
            "identity_provider_checking",
            then=_done("checked"),
            back=_BACK,
            intro=Label(
                "メタデータと鍵を読み、クライアント ID とシークレットが受け付けられるかを確かめます。"
                "ログインには影響しません。",
                "Its metadata and keys are read, and the client id and the secret are tried. Logins are not affected.",
            ),
            about=_about,
            is_reviewed=False,
        ),
    ),
    EntryPoint(
        enable_identity_provider,
        Label("IdP の利用を始める", "Enable the identity provider"),
        Label("利用を始める", "Enable"),
        api=api("POST /tenants/<tenant>/identity-provider/enabling", tenant="tenant_id"),
        cli=cli("identity-provider enable", "tenant_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/identity-provider/enable",
            "identity_provider_enabling",
            then=_done("enabled"),
            back=_BACK,
            intro=Label(
                "この団体のログインは、庁内の IdP の画面から始まるようになります。"
                "登録済みの利用者のうち、メールアドレスがドメインに合う人だけが入れます。"
                "パスワードでも、引き続きログインできます。",
                "Logins to this tenant begin at its identity provider from now on. It lets in people who are here "
                "already and whose address is in a domain. Passwords go on to work.",
            ),
            about=_about,
        ),
    ),
    EntryPoint(
        disable_identity_provider,
        Label("IdP の利用を停止する", "Disable the identity provider"),
        Label("停止する", "Disable"),
        api=api("POST /tenants/<tenant>/identity-provider/disabling", tenant="tenant_id"),
        cli=cli("identity-provider disable", "tenant_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/identity-provider/disable",
            "identity_provider_disabling",
            then=_done("disabled"),
            back=_BACK,
            intro=Label(
                "IdP ではログインできなくなり、IdP の利用者は全員ログアウトされます。"
                "パスワードを設定した人は、パスワードでログインできます。",
                "Nobody logs in with it, and everybody linked to it is logged out. Who has a password goes on with it.",
            ),
            about=_about,
            is_dangerous=True,
        ),
    ),
    EntryPoint(
        remove_identity_provider,
        Label("IdP の登録を削除する", "Remove the identity provider"),
        Label("削除する", "Remove"),
        api=api("POST /tenants/<tenant>/identity-provider/removal", tenant="tenant_id"),
        cli=cli("identity-provider remove", "tenant_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/identity-provider/remove",
            "identity_provider_removing",
            then=_done("removed"),
            back=_BACK,
            intro=Label(
                "登録とシークレットを削除し、利用者との結び付けを解きます。利用者と役割は、そのまま残ります。",
                "It is removed with its secret, and nobody is linked to it any more. People and roles stay.",
            ),
            about=_about,
            is_dangerous=True,
        ),
    ),
)
