"""Entry points of the commands about people: API route, command line, form and confirm page of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.orm import Session

from admin.core.guard import current_actor
from admin.core.language import gettext
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress, api, cli
from admin.interface.tenant_pages import about_tenant, done, to_tenant
from governance.kernel import clock
from governance.kernel.errors import Language
from governance.kernel.labels import Label
from governance.permissions import OPERATOR_ROLES, TENANT_ROLES, Role
from tenancy import directory
from tenancy.people import queries
from tenancy.people.commands import add_member, disable_member, grantable_by


def _grantable_roles(session: Session, given: Mapping[str, Any], language: Language) -> list[tuple[str, str]]:
    """The roles of the tenant's kind that this actor may grant. A plain member everybody becomes."""
    is_operator = directory.tenant_by_id(session, given["tenant_id"]).is_operator
    roles = grantable_by(current_actor()) & (OPERATOR_ROLES if is_operator else TENANT_ROLES) - {Role.TENANT_MEMBER}
    return [(role.value, role.label(language)) for role in sorted(roles)]


def _person(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """Who is disabled. Raises NotFound."""
    found = queries.member(session, given["tenant_id"], given["member_id"], clock.now())
    tenant = about_tenant(session, given, language)
    roles = gettext(", ").join(role.label(language) for role in found.roles)
    return FormContext(
        [
            *tenant.facts,
            Fact(gettext("Person"), f"{found.family_name} {found.given_name} {found.email}"),
            Fact(gettext("Roles"), roles or "―"),
        ]
    )


ENTRY_POINTS: Final = (
    EntryPoint(
        add_member,
        Label("利用者を追加する", "Add a member"),
        Label("追加する", "Add"),
        api=api("POST /tenants/<tenant>/members", tenant="tenant_id"),
        cli=cli("member add", "tenant_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/people/new",
            "member_adding",
            then=done("member-added"),
            back=to_tenant,
            intro=Label(
                "本人に、パスワードを設定するメールを送ります。", "The person receives an email to set a password."
            ),
            about=about_tenant,
            choices={"roles": _grantable_roles},
        ),
    ),
    EntryPoint(
        disable_member,
        Label("利用者を停止する", "Disable a member"),
        Label("停止する", "Disable"),
        api=api("POST /tenants/<tenant>/members/<member>/suspension", tenant="tenant_id", member="member_id"),
        cli=cli("member disable", "tenant_id", "member_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/people/<uuid:member_id>/disable",
            "member_disabling",
            then=done("member-disabled"),
            back=to_tenant,
            intro=Label(
                "すべての役割がただちに終わり、開いているセッションは次の操作で終わります。",
                "All roles are revoked now, and open sessions end at the next request.",
            ),
            about=_person,
            is_reviewed=False,
            is_dangerous=True,
        ),
    ),
)
