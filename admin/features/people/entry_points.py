"""Entry points of the commands about people: API route, command line, form and confirm page of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, Final

from flask import url_for
from sqlalchemy.orm import Session

from admin.core.guard import current_actor
from admin.core.language import gettext
from admin.identity.own_sessions import count_open_sessions
from admin.identity.session_ends import end_member_sessions
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress, api, cli
from admin.interface.pages import settings
from admin.interface.tenant_pages import about_tenant, done, to_people
from governance.kernel import clock
from governance.kernel.errors import Language
from governance.kernel.field_types import JST_DATE, last_day
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
from tenancy.people.editing import edit_member
from tenancy.people.leaving import plan_leaving, undo_leaving
from tenancy.people.models import MemberDetails
from tenancy.people.ownership import HandOverOwner, hand_over_owner, set_fewest_owners
from tenancy.people.rights import grantable_by
from tenancy.people.role_changes import EndRole, GrantRole, end_role, grant_role, undo_role_change
from tenancy.people.second_factor import reset_factor
from tenancy.people.sections import change_section, undo_section_change
from tenancy.people.states import MemberState
from tenancy.people.unaccepted_invitations import cancel_invitation, resend_invitation
from tenancy.tenants.queries import tenant


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
            Fact(gettext("Member"), f"{found.family_name} {found.given_name} {found.email}"),
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


def _person_with_sessions(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """Whom it is about, and in how many browsers the person is signed in. Raises NotFound."""
    context = _person(session, given, language)
    found = queries.member(session, given["tenant_id"], given["member_id"], clock.now())
    count = count_open_sessions(session, given["tenant_id"], found.person_id, clock.now())
    return FormContext([*context.facts, Fact(gettext("Signed in in browsers"), str(count))])


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


def _leaver(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """Whom it is about, what they own, and until when they may use the platform now. Raises NotFound."""
    context = _person_with_systems(session, given, language)
    found = queries.member(session, given["tenant_id"], given["member_id"], clock.now())
    if found.valid_until is None:
        return context
    day = JST_DATE.show(last_day(found.valid_until), language)
    return FormContext([*context.facts, Fact(gettext("Last day as prepared"), day)])


def _planned_section(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """What lies ahead for whom. Raises NotFound."""
    context = _person_with_section(session, given, language)
    planned = queries.planned_section_changes(session, given["tenant_id"], clock.now())
    found = next((one for one in planned if one.id == given["change_id"]), None)
    if found is None:
        return context
    day = JST_DATE.show(clock.jst_date(found.takes_effect_at), language)
    return FormContext([*context.facts, Fact(gettext("Planned change"), f"{day} 0:00  {found.section or '―'}")])


def _person_with_section(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """Whom it is about, and the present section. Raises NotFound."""
    context = _person(session, given, language)
    found = queries.member(session, given["tenant_id"], given["member_id"], clock.now())
    return FormContext([*context.facts, Fact(gettext("Present section"), found.section or "―")])


def _successors(session: Session, given: Mapping[str, Any], language: Language) -> list[tuple[str, str]]:
    """The active people of the tenant who are no owners."""
    people = queries.members(session, given["tenant_id"], clock.now(), state=MemberState.ACTIVE)
    return [
        (str(one.id), f"{one.family_name} {one.given_name} {one.email}")
        for one in people
        if Role.TENANT_OWNER not in one.roles
    ]


def _owners_after(session: Session, command: HandOverOwner, language: Language) -> FormContext:
    """Who the owners are from then on. Raises NotFound."""
    at_once = command.valid_from is None or command.valid_from <= clock.today()
    when = gettext("at once") if at_once else f"{JST_DATE.show(command.valid_from, language)} 0:00"
    successor = queries.member(session, command.tenant_id, command.successor_id, clock.now())
    staying = [
        one
        for one in queries.owners(session, command.tenant_id, clock.now())
        if command.member_id not in (one.id, one.person_id)
    ]
    names = gettext(", ").join(f"{one.family_name} {one.given_name}" for one in (*staying, successor))
    return FormContext([Fact(gettext("Takes effect"), when), Fact(gettext("Owners from then on"), names)])


def _owners_now(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """The tenant, its owners and how many it always has at least. Raises NotFound."""
    found = tenant(session, given["tenant_id"])
    owners = queries.owners(session, found.id, clock.now())
    names = gettext(", ").join(f"{one.family_name} {one.given_name}" for one in owners)
    return FormContext(
        [
            *about_tenant(session, given, language).facts,
            Fact(gettext("Owners"), names or "―"),
            Fact(gettext("Fewest owners"), found.fewest_owners.label(language)),
        ]
    )


def _present_person(session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
    """Name and address as they are now. Raises NotFound."""
    found = queries.member(session, given["tenant_id"], given["member_id"], clock.now())
    return {"family_name": found.family_name, "given_name": found.given_name, "email": found.email}


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
        edit_member,
        Label("氏名・メールアドレスを変更する", "Change name and address"),
        Label("変更する", "Change"),
        api=api("PUT /tenants/<tenant>/members/<member>", tenant="tenant_id", member="member_id"),
        cli=cli("member edit", "tenant_id", "member_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/people/<uuid:member_id>/edit",
            "member_editing",
            then=_to_person,
            back=to_people,
            intro=Label(
                "認証サービスにも反映します。まだパスワードを設定していない人には、新しいアドレスに招待を送り直します。",
                "The identity server follows. Somebody who has set no password yet is invited at the new address.",
            ),
            about=_person,
        ),
        record=_present_person,
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
        change_section,
        Label("所属を変える", "Change the section"),
        Label("所属を変える", "Change the section"),
        api=api("POST /tenants/<tenant>/members/<member>/section-changes", tenant="tenant_id", member="member_id"),
        cli=cli("member change-section", "tenant_id", "member_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/people/<uuid:member_id>/section",
            "section_changing",
            then=_to_person,
            back=to_people,
            intro=Label(
                "適用日の 0:00 から変わります。役割は変わらないので、必要なものを付与し、不要なものを終えてください。",
                "Changes at 0:00 of the first day. Roles stay as they are: grant and end those that go with it.",
            ),
            about=_person_with_section,
            is_reviewed=False,
        ),
    ),
    EntryPoint(
        undo_section_change,
        Label("予定した所属の変更を取り消す", "Undo a prepared change of section"),
        Label("取り消す", "Undo"),
        api=api(
            "POST /tenants/<tenant>/members/<member>/section-changes/<change>/undoing",
            tenant="tenant_id",
            member="member_id",
            change="change_id",
        ),
        cli=cli("member undo-section-change", "tenant_id", "member_id", "change_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/people/<uuid:member_id>/section/<uuid:change_id>/undo",
            "section_change_undoing",
            then=_to_person,
            back=to_people,
            about=_planned_section,
            is_reviewed=False,
        ),
    ),
    EntryPoint(
        plan_leaving,
        Label("利用の終了を予定する", "Prepare that a member leaves"),
        Label("予定する", "Prepare"),
        api=api("PUT /tenants/<tenant>/members/<member>/leaving", tenant="tenant_id", member="member_id"),
        cli=cli("member plan-leaving", "tenant_id", "member_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/people/<uuid:member_id>/leaving",
            "leaving_planning",
            then=_to_person,
            back=to_people,
            intro=Label(
                "最終日の翌日 0:00 に、すべての役割が終わり、ログインできなくなります。それまでは取り消せます。"
                "本人に最終日をメールで知らせます。",
                "At 0:00 of the day after the last one every role ends, and the person is signed in no more. It can be "
                "undone until then. The person is mailed the last day.",
            ),
            about=_leaver,
        ),
    ),
    EntryPoint(
        undo_leaving,
        Label("予定した利用の終了を取り消す", "Undo a prepared leaving"),
        Label("取り消す", "Undo"),
        api=api("POST /tenants/<tenant>/members/<member>/leaving-undoing", tenant="tenant_id", member="member_id"),
        cli=cli("member undo-leaving", "tenant_id", "member_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/people/<uuid:member_id>/leaving/undo",
            "leaving_undoing",
            then=_to_person,
            back=to_people,
            about=_leaver,
            is_reviewed=False,
        ),
    ),
    EntryPoint(
        hand_over_owner,
        Label("団体管理者を引き継ぐ", "Hand over as an owner"),
        Label("引き継ぐ", "Hand over"),
        api=api("POST /tenants/<tenant>/members/<member>/owner-handover", tenant="tenant_id", member="member_id"),
        # The machine's command line is the operator's: from outside an owner is granted and ended, by two people.
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/people/<uuid:member_id>/hand-over",
            "owner_handing_over",
            then=_to_person,
            back=to_people,
            intro=Label(
                "引継日の 0:00 に、この人の団体管理者の役割が終わり、後任が団体管理者になります。"
                "後任は、次のログインで二要素認証を設定します。",
                "At 0:00 of the day this person's role ends and the successor becomes an owner, who sets up a second "
                "factor at the next sign-in.",
            ),
            about=_person,
            choices={"successor_id": _successors},
            consequences=_owners_after,
        ),
    ),
    EntryPoint(
        set_fewest_owners,
        Label("団体管理者の最少人数を変える", "Set the fewest owners"),
        Label("変更する", "Change"),
        api=api("PUT /tenants/<tenant>/fewest-owners", tenant="tenant_id"),
        cli=cli("member set-fewest-owners", "tenant_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/people/fewest-owners",
            "fewest_owners",
            then=done("fewest-owners-set"),
            back=to_people,
            intro=Label(
                "2人とすると、団体管理者が1人になる停止、削除、役割の終了はできません。"
                "1人に戻せるのは、その団体の団体管理者だけです。団体管理者の全員にメールで知らせます。",
                "With two, nothing may leave the tenant with one owner. Only an owner of the tenant goes back to one. "
                "All its owners are mailed.",
            ),
            about=_owners_now,
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
        end_member_sessions,
        Label("開いているセッションをすべて終わらせる", "End all sessions"),
        Label("すべて終わらせる", "End them all"),
        api=api("POST /tenants/<tenant>/members/<member>/session-ends", tenant="tenant_id", member="member_id"),
        cli=cli("member end-sessions", "tenant_id", "member_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/people/<uuid:member_id>/end-sessions",
            "member_sessions_ending",
            then=_to_person,
            back=to_people,
            intro=Label(
                "本人がログインしているブラウザーとコマンドラインは、次の操作からすべて使えなくなります。"
                "役割は変わらず、本人はもう一度ログインできます。ログインもさせないときは、利用者を停止してください。",
                "Every browser and command line in which the person is signed in is refused at the next request. "
                "Roles stay, and the person may sign in again. To keep them out, disable the member.",
            ),
            about=_person_with_sessions,
            is_reviewed=False,
            is_dangerous=True,
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
