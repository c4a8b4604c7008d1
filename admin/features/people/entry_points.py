"""Entry points of the commands about people: API route, command line, form and confirm page of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, Final

from flask import url_for
from sqlalchemy.orm import Session

from admin.core.guard import current_actor
from admin.core.language import gettext
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress, api, cli
from admin.interface.pages import settings
from admin.interface.tenant_pages import about_tenant, done, to_people
from governance.kernel import clock
from governance.kernel.errors import Language
from governance.kernel.field_types import JST_DATE
from governance.kernel.labels import Label
from governance.permissions import OPERATOR_ROLES, TENANT_ROLES, Role
from governance.persons import group_of
from tenancy import directory
from tenancy.clients.queries import ADMITTED_STATES, clients_owned_by
from tenancy.people import queries
from tenancy.people.accounts import JoinAccounts, account_of, join_accounts
from tenancy.people.commands import (
    add_member,
    decide_member_sync,
    disable_member,
    remove_member,
    resume_member,
)
from tenancy.people.models import MemberDetails
from tenancy.people.rights import grantable_by
from tenancy.people.role_changes import EndRole, GrantRole, end_role, grant_role, undo_role_change
from tenancy.people.second_factor import reset_factor
from tenancy.people.unaccepted_invitations import cancel_invitation, resend_invitation


def _grantable_roles(session: Session, given: Mapping[str, Any], language: Language) -> list[tuple[str, str]]:
    """The roles of the tenant's kind that this actor may grant. A plain member everybody becomes."""
    is_operator = directory.tenant_by_id(session, given["tenant_id"]).is_operator
    roles = grantable_by(current_actor()) & (OPERATOR_ROLES if is_operator else TENANT_ROLES) - {Role.TENANT_MEMBER}
    return [(role.value, role.label(language)) for role in sorted(roles)]


def _invited(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """The tenant, and whether an invitation would arrive. Raises NotFound."""
    installation = settings()
    warned = not (installation.delivers_mail or installation.example)
    warnings = [gettext("Invitations do not arrive: no mail server is set.")] if warned else []
    return FormContext(about_tenant(session, given, language).facts, warnings)


def _person(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """Whom it is about. Raises NotFound."""
    found = queries.member(session, given["tenant_id"], given["member_id"], clock.now())
    tenant = about_tenant(session, given, language)
    roles = gettext(", ").join(role.label(language) for role in found.roles)
    return FormContext(
        [
            *tenant.facts,
            Fact(gettext("Person"), f"{found.family_name} {found.given_name} {found.email}"),
            Fact(gettext("Present roles"), roles or "―"),
        ]
    )


def _person_with_systems(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """Whom it is about, and the service clients that are suspended with the person. Raises NotFound."""
    context = _person(session, given, language)
    owned = clients_owned_by(session, given["tenant_id"], given["member_id"])
    names = [one.name for one in owned if one.state in ADMITTED_STATES]
    if not names:
        return context
    return FormContext(
        [*context.facts, Fact(gettext("Service clients that are suspended, too"), gettext(", ").join(names))]
    )


def _invited_person(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """Whom it is about, until when the link is good, and whether a new one would arrive. Raises NotFound."""
    context = _person(session, given, language)
    found = queries.member(session, given["tenant_id"], given["member_id"], clock.now())
    invitation = "―" if found.invitation is None else found.invitation.label(language)
    return FormContext(
        [*context.facts, Fact(gettext("Invitation"), invitation)], _invited(session, given, language).warnings
    )


def _waiting_person(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """Who waits and why. Raises NotFound."""
    context = _person(session, given, language)
    found = queries.member(session, given["tenant_id"], given["member_id"], clock.now())
    why = "―" if found.sync_problem is None else found.sync_problem.label(language)
    return FormContext([*context.facts, Fact(gettext("Why"), why)])


def _roles_held(session: Session, given: Mapping[str, Any], language: Language) -> list[tuple[str, str]]:
    """The roles that may end one by one: what everybody of a tenant is does not."""
    found = queries.member(session, given["tenant_id"], given["member_id"], clock.now())
    single = sorted({*found.roles, *found.excluded_roles} - {Role.TENANT_MEMBER})
    return [(role.value, role.label(language)) for role in single]


def _roles_after_grant(session: Session, command: GrantRole, language: Language) -> FormContext:
    """Since when the person has which roles. Raises NotFound."""
    found = queries.member(session, command.tenant_id, command.member_id, clock.now())
    return _after(found, {*found.roles, command.role}, command.valid_from, language)


def _roles_after_end(session: Session, command: EndRole, language: Language) -> FormContext:
    """From when the person no longer has the role. Raises NotFound."""
    found = queries.member(session, command.tenant_id, command.member_id, clock.now())
    return _after(found, set(found.roles) - {command.role}, command.valid_until, language)


def _after(found: MemberDetails, roles: Collection[Role], day: date | None, language: Language) -> FormContext:
    at_once = day is None or day <= clock.today()
    when = gettext("at once") if at_once else f"{JST_DATE.show(day, language)} 0:00"
    named = gettext(", ").join(role.label(language) for role in sorted(roles))
    return FormContext([Fact(gettext("Takes effect"), when), Fact(gettext("Roles from then on"), named or "―")])


def _planned_change(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """What lies ahead for whom. Raises NotFound."""
    context = _person(session, given, language)
    planned = queries.planned_role_changes(session, given["tenant_id"], clock.now())
    found = next((one for one in planned if one.id == given["grant_id"]), None)
    if found is None:
        return context
    day = JST_DATE.show(clock.jst_date(found.takes_effect_at), language)
    what = f"{day} 0:00  {found.role.label(language)}: {found.kind.label(language)}"
    return FormContext([*context.facts, Fact(gettext("Planned change"), what)])


def _to_person(command: Any, result: Any) -> str:
    return url_for("people.person", tenant_id=command.tenant_id, member_id=command.member_id)


def _accounts(session: Session, command: JoinAccounts, language: Language) -> FormContext:
    """Whose the accounts are, with all that the person has after it. Raises NotFound."""
    given = (("account", command.account), ("other", command.other))
    group = group_of(session, [account_of(session, text, field) for field, text in given])
    names = queries.names_of_people(session, group.accounts)
    shown = [f"{names[account]}（{account}）" if account in names else account for account in sorted(group.accounts)]
    return FormContext(
        [Fact(gettext("Accounts of one person"), gettext(", ").join(shown))],
        [gettext("Nothing takes this back: from here on none of these accounts decides what another one requests.")],
    )


ENTRY_POINTS: Final = (
    EntryPoint(
        join_accounts,
        Label("同じ人のアカウントを結び付ける", "Join the accounts of one person"),
        Label("結び付ける", "Join"),
        api=api("POST /joined-accounts"),
        cli=cli("member join-accounts"),
        page=PageAddress(
            "/people/join-accounts",
            "accounts_joining",
            then=lambda command, result: url_for("approvals.approvals"),
            intro=Label(
                "承認は、申請した人とは別の人が行います。同じ人のアカウントを結び付けておくと、"
                "一方で申請した内容を、もう一方で承認できません。",
                "Another person than the requester approves. Once the accounts of one person are joined, "
                "one of them cannot approve what the other requested.",
            ),
            consequences=_accounts,
        ),
    ),
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
            back=to_people,
            intro=Label(
                "本人に、パスワードを設定するメールを送ります。運営者の役割と、参加中の団体に外部から"
                "追加する団体管理者は、別の人が承認すると追加されます。",
                "The person receives an email to set a password. Roles of the operator, and an owner added from "
                "outside to a tenant that takes part, wait for another person's approval.",
            ),
            about=_invited,
            choices={"roles": _grantable_roles},
        ),
    ),
    EntryPoint(
        grant_role,
        Label("役割を付与する", "Grant a role"),
        Label("付与する", "Grant"),
        api=api("POST /tenants/<tenant>/members/<member>/role-grants", tenant="tenant_id", member="member_id"),
        cli=cli("member grant-role", "tenant_id", "member_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/people/<uuid:member_id>/grant-role",
            "role_granting",
            then=_to_person,
            back=to_people,
            intro=Label(
                "開始日の 0:00 から付与します。本人は、その後のログインから使えます。",
                "Granted from 0:00 of the first day; the person may use it from the next sign-in on.",
            ),
            about=_person,
            choices={"role": _grantable_roles},
            consequences=_roles_after_grant,
        ),
    ),
    EntryPoint(
        end_role,
        Label("役割を終える", "End a role"),
        Label("役割を終える", "End the role"),
        api=api("POST /tenants/<tenant>/members/<member>/role-ends", tenant="tenant_id", member="member_id"),
        cli=cli("member end-role", "tenant_id", "member_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/people/<uuid:member_id>/end-role",
            "role_ending",
            then=_to_person,
            back=to_people,
            intro=Label(
                "終わった役割は、次の操作から使えません。最終日を指定すると、その翌日の 0:00 に終わります。",
                "An ended role allows nothing at the next click. With a last day, it ends at 0:00 of the day after.",
            ),
            about=_person,
            choices={"role": _roles_held},
            consequences=_roles_after_end,
        ),
    ),
    EntryPoint(
        undo_role_change,
        Label("予定されている変更を取り消す", "Undo a planned change"),
        Label("取り消す", "Undo"),
        api=api(
            "POST /tenants/<tenant>/members/<member>/planned-role-changes/<change>/undoing",
            tenant="tenant_id",
            member="member_id",
            change="grant_id",
        ),
        cli=cli("member undo-role-change", "tenant_id", "member_id", "grant_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/people/<uuid:member_id>/planned-changes/<uuid:grant_id>/undo",
            "role_change_undoing",
            then=_to_person,
            back=to_people,
            intro=Label(
                "予定の日より前であれば取り消せます。役割は今のまま変わりません。",
                "A change can be undone before its day; the roles stay as they are now.",
            ),
            about=_planned_change,
            is_reviewed=False,
        ),
    ),
    EntryPoint(
        resend_invitation,
        Label("招待を送り直す", "Send the invitation again"),
        Label("送り直す", "Send again"),
        api=api("POST /tenants/<tenant>/members/<member>/invitation", tenant="tenant_id", member="member_id"),
        cli=cli("member resend-invitation", "tenant_id", "member_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/people/<uuid:member_id>/resend-invitation",
            "invitation_resending",
            then=done("invitation-resent"),
            back=to_people,
            intro=Label(
                "パスワードを設定するメールを、もう一度送ります。前に送ったメールのリンクは、期限の前でも使えなくなります。",
                "Sends the email to set a password once more. The link of the mail before is void at once.",
            ),
            about=_invited_person,
            is_reviewed=False,
        ),
    ),
    EntryPoint(
        cancel_invitation,
        Label("招待を取り消す", "Cancel the invitation"),
        Label("取り消す", "Cancel the invitation"),
        api=api(
            "POST /tenants/<tenant>/members/<member>/invitation-cancellation", tenant="tenant_id", member="member_id"
        ),
        cli=cli("member cancel-invitation", "tenant_id", "member_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/people/<uuid:member_id>/cancel-invitation",
            "invitation_cancelling",
            then=done("invitation-cancelled"),
            back=to_people,
            intro=Label(
                "まだパスワードを設定していない人の招待を終わらせます。メールのリンクは使えなくなります。",
                "Ends the invitation of somebody who has set no password yet. The link in the mail becomes void.",
            ),
            about=_invited_person,
            is_reviewed=False,
            is_dangerous=True,
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
            back=to_people,
            intro=Label(
                "すべての役割がただちに終わり、開いているセッションは次の操作で終わります。",
                "All roles are revoked now, and open sessions end at the next request.",
            ),
            about=_person_with_systems,
            is_reviewed=False,
            is_dangerous=True,
        ),
    ),
    EntryPoint(
        resume_member,
        Label("停止中の利用者を再開する", "Resume a suspended member"),
        Label("再開する", "Resume"),
        api=api("POST /tenants/<tenant>/members/<member>/resumption", tenant="tenant_id", member="member_id"),
        cli=cli("member resume", "tenant_id", "member_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/people/<uuid:member_id>/resume",
            "member_resuming",
            then=done("member-resumed"),
            back=to_people,
            intro=Label(
                "役割は停止したときに終わっているので、あらためて選びます。"
                "所有する連携システムは停止したままです。必要なものを、連携システムのページで再開してください。",
                "The former roles have ended; choose them anew. Service clients the person owns stay suspended: resume "
                "those that are needed on their own pages.",
            ),
            about=_person,
            choices={"roles": _grantable_roles},
        ),
    ),
    EntryPoint(
        remove_member,
        Label("利用者を削除する", "Remove a member"),
        Label("削除する", "Remove"),
        api=api("POST /tenants/<tenant>/members/<member>/removal", tenant="tenant_id", member="member_id"),
        cli=cli("member remove", "tenant_id", "member_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/people/<uuid:member_id>/remove",
            "member_removing",
            then=done("member-removed"),
            back=to_people,
            intro=Label(
                "元に戻せません。すべての役割がただちに終わり、メールアドレスはほかの利用者が使えるようになります。",
                "This cannot be undone. All roles are revoked now, and the address becomes free for others.",
            ),
            about=_person_with_systems,
            is_dangerous=True,
        ),
    ),
    EntryPoint(
        decide_member_sync,
        Label("登録待ちの利用者への対応を決める", "Decide about a member who waits"),
        Label("決定する", "Decide"),
        api=api("POST /tenants/<tenant>/members/<member>/sync-decision", tenant="tenant_id", member="member_id"),
        cli=cli("member decide-sync", "tenant_id", "member_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/people/<uuid:member_id>/sync-decision",
            "member_sync_deciding",
            then=done("member-sync-decided"),
            back=to_people,
            intro=Label(
                "この利用者だけの判断です。団体の参加手続は止まりません。",
                "This is about the one person; the tenant's onboarding goes on.",
            ),
            about=_waiting_person,
        ),
    ),
    EntryPoint(
        reset_factor,
        Label("二要素認証を再設定させる", "Reset the second factor"),
        Label("再設定させる", "Reset"),
        api=api("POST /tenants/<tenant>/members/<member>/factor-reset", tenant="tenant_id", member="member_id"),
        cli=cli("member reset-factor", "tenant_id", "member_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/people/<uuid:member_id>/reset-factor",
            "factor_reset",
            then=done("factor-reset"),
            back=to_people,
            intro=Label(
                "登録されている認証アプリとパスキーをすべて消し、セッションを終わらせます。"
                "本人は、次のログインで新しく設定します。",
                "Removes every authenticator app and passkey and ends the sessions. "
                "The person sets up a new one at the next sign-in.",
            ),
            about=_person,
            is_dangerous=True,
        ),
    ),
)
