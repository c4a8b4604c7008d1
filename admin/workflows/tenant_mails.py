"""Moyai's own mails to a tenant's people: what was decided over their heads, what they are reminded of.

A job that is done again sends nobody a second mail: `admin.workflows.recorded_mails`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from admin.identity.login_changes import MAIL_LOGIN_CHANGE, LoginChange
from admin.workflows.job_handlers import worker_actor
from admin.workflows.jobs import Handler
from governance.agreements.queries import acceptances, version
from governance.audit.queries import events
from governance.commands import system_transaction
from governance.events import Event
from governance.kernel import clock
from governance.kernel.clock import JST
from governance.kernel.database import OPERATOR
from governance.kernel.era import date_notation
from governance.kernel.errors import Language
from governance.kernel.field_types import JST_DATE, last_day
from governance.kernel.labels import Label
from governance.labels import EVENT_LABELS
from governance.permissions import Permission, Role, permissions_of
from tenancy import directory
from tenancy.acceptances.commands import REMIND_OWNERS
from tenancy.access_reviews.commands import MAIL_ACCESS_REVIEW
from tenancy.access_reviews.queries import access_review
from tenancy.access_reviews.states import ReviewState
from tenancy.announcements.commands import REMIND_OF_ANNOUNCEMENT
from tenancy.announcements.queries import announcement, recipients
from tenancy.announcements.states import ConfirmationState
from tenancy.clients.last_days import ITSELF, OF_SECRET, WARN_OF_LAST_DAY
from tenancy.clients.models import ServiceClientDetails
from tenancy.clients.queries import service_client
from tenancy.clients.states import ClientState
from tenancy.people.break_glass import MAIL_BREAK_GLASS, break_glass_hour
from tenancy.people.consents import MAIL_CONSENT, RecordConsentMail, code_hash, record_consent_mail
from tenancy.people.invitations import invitations
from tenancy.people.leaving import MAIL_LEAVING
from tenancy.people.models import MemberDetails
from tenancy.people.ownership import MAIL_FEWEST_OWNERS
from tenancy.people.queries import PRESENT_STATES, member, members, owners
from tenancy.people.role_changes import MAIL_ROLE_CHANGE
from tenancy.people.second_factor import MAIL_FACTOR_RESET
from tenancy.people.second_person import ANNOUNCE_OWNER
from tenancy.preferences.models import PreferencesFacts
from tenancy.preferences.queries import saved_preferences
from tenancy.preferences.states import ScreenLanguage
from tenancy.tenants.departures import departure_under_way
from tenancy.tenants.state_changes import MAIL_STATE_CHANGE
from tenancy.tenants.states import STATE_EFFECTS, FewestOwners, TenantState


@dataclass(frozen=True, slots=True)
class Mail:
    """The words of a mail: subject and text, with the names of facts in braces."""

    subject: Label
    text: Label

    def written(self, language: Language, facts: Mapping[str, object]) -> tuple[str, str]:
        """Subject and text in one language."""
        return self.subject.text(language).format(**facts), self.text.text(language).format(**facts)


OWNER_ADDED: Final = Mail(
    Label("団体管理者が追加されました", "An owner was added"),
    Label(
        """\
{tenant} の利用者の皆さまへ

運営者が {person} を {tenant} の団体管理者に追加し、運営者の承認者が承認しました。
{tenant} には、この追加を決定できる団体管理者がいませんでした。
心当たりがないときは、運営者に連絡してください。
""",
        """\
To the people of {tenant}

The operator added {person} as an owner of {tenant}, and the operator's approver approved it,
because none of your owners could decide. If you did not expect this, contact the operator.
""",
    ),
)

ACCEPTANCE_REMINDER: Final = Mail(
    Label("「{title}」第{number}版への同意のお願い", "Please accept version {number} of {title}"),
    Label(
        """\
{tenant} の団体管理者の皆さまへ

「{title}」第{number}版への同意が、まだ記録されていません。施行日は {due} です。
次のページで本文を読み、同意を記録してください。

{address}

ご不明の点は、県の担当者に問い合わせてください。
""",
        """\
To the owners of {tenant}

Version {number} of {title} takes effect on {due}, and {tenant} has not accepted it yet.
Please read it and record the acceptance on this page:

{address}

If you have questions, ask the operator.
""",
    ),
)

CONFIRMATION_REMINDER: Final = Mail(
    Label("お知らせ「{title}」の確認のお願い", "Please confirm the announcement {title}"),
    Label(
        """\
{tenant} の団体管理者の皆さまへ

県からのお知らせ「{title}」（掲載は {until} まで）の確認が、まだ記録されていません。
次のページで本文を読み、「確認しました」を押してください。

{address}

ご不明の点は、県の担当者に問い合わせてください。
""",
        """\
To the owners of {tenant}

{tenant} has not confirmed the announcement {title} (shown until {until}) yet.
Please read it and confirm it on this page:

{address}

If you have questions, ask the operator.
""",
    ),
)

REVIEW_REQUEST: Final = Mail(
    Label("権限の棚卸しのお願い（{due} まで）", "Please review who has access, by {due}"),
    Label(
        """\
{tenant} の団体管理者の皆さまへ

{as_of} 現在の権限の棚卸しを、{due} までに終えてください。
次のページで、利用者と連携システムの一人ひとり、一つひとつについて、継続するか終えるかを判断し、署名してください。
未判断: {undecided} 行

{address}

ご不明の点は、県の担当者に問い合わせてください。
""",
        """\
To the owners of {tenant}

Please finish the access review as of {as_of} by {due}.
On this page, decide for each person and each service client whether access goes on, and sign.
Not decided yet: {undecided} lines.

{address}

If you have questions, ask the operator.
""",
    ),
)

TWO_OWNERS: Final = Mail(
    Label("団体管理者を常に2人以上置くことになりました", "Two owners at least from now on"),
    Label(
        """\
{tenant} の団体管理者の皆さまへ

{tenant} は、団体管理者を常に2人以上置くことになりました。
1人になる停止、削除、役割の終了は、後任の団体管理者を追加するまでできません。

{address}
""",
        """\
To the owners of {tenant}

From now on {tenant} always has two owners at least. Nobody is disabled or removed, nor does a role end,
where one owner would be left; add a successor first.

{address}
""",
    ),
)

ONE_OWNER: Final = Mail(
    Label("団体管理者の最少人数が1人になりました", "One owner is enough from now on"),
    Label(
        """\
{tenant} の団体管理者の皆さまへ

{tenant} の団体管理者の最少人数が、2人から1人に変わりました。
心当たりがないときは、ほかの団体管理者または県の担当者に連絡してください。

{address}
""",
        """\
To the owners of {tenant}

{tenant} needs one owner from now on, no longer two.
If you did not expect this, ask another owner or the operator.

{address}
""",
    ),
)

LEAVING: Final = Mail(
    Label("【Moyai】利用の最終日のお知らせ", "[Moyai] Your last day"),
    Label(
        """\
{tenant} {name} 様

あなたの利用は、{last} までです。翌日の 0:00 に、すべての役割が終わり、ログインできなくなります。
心当たりがないときは、団体管理者または県の担当者に連絡してください。

{address}
""",
        """\
{name}, {tenant}

You may use the platform until {last}. At 0:00 of the day after, all your roles end and you cannot sign in.
If you did not expect this, ask an owner of your tenant or the operator.

{address}
""",
    ),
)

LEAVING_UNDONE: Final = Mail(
    Label("【Moyai】利用の終了の取消しのお知らせ", "[Moyai] You may go on"),
    Label(
        """\
{tenant} {name} 様

予定されていたあなたの利用の終了は、取り消されました。これまでどおり利用できます。

{address}
""",
        """\
{name}, {tenant}

The end of your access that was prepared was undone. You may go on as before.

{address}
""",
    ),
)

CONSENT: Final = Mail(
    Label("【Moyai】{tenant} の利用者になることの承諾のお願い", "[Moyai] {tenant} asks you to become its member"),
    Label(
        """\
{name} 様

{inviter} が、あなたを {tenant} の利用者として登録しようとしています。
このメールアドレスは、すでに Moyai で使われています。承諾すると、今のアカウントとパスワードのまま、
{tenant} も利用できるようになります。

次のページを開き、いま利用している団体でログインして、承諾するか辞退してください（{until} {time} まで）。

{address}

承諾するまで、{tenant} には「本人の承諾待ち」とだけ表示され、いま利用している団体は伝わりません。
心当たりがないときは、何もしないでください。このメールのリンクを、ほかの人に渡さないでください。
""",
        """\
{name}

{inviter} wants to register you as a member of {tenant}.
This address is used in Moyai already. If you accept, you use {tenant}, too, with the account and the
password you have.

Open this page, sign in to the organization you use now, and accept or decline (until {until} {time}):

{address}

Until you accept, {tenant} sees that your consent is waited for, and nothing else.
If you did not expect this, do nothing. Do not pass the link of this mail on.
""",
    ),
)

CLIENT_ENDS: Final = Mail(
    Label(
        "【Moyai】連携システム「{client}」の最終日は {last} です", "[Moyai] The service client {client} ends on {last}"
    ),
    Label(
        """\
{tenant} の連携システムを管理している皆さまへ

連携システム「{client}」の最終日は {last} です。翌日から、このシステムの呼出しは拒否されます。
続けて使うときは、次のページで最終日を変えてください。使わないときは、何もする必要はありません。

{address}
""",
        """\
To those who look after the service clients of {tenant}

The last day of the service client {client} is {last}. From the day after, its calls are refused.
To go on using it, change its last day on this page; otherwise there is nothing to do.

{address}
""",
    ),
)

KEY_ENDS: Final = Mail(
    Label(
        "【Moyai】連携システム「{client}」の鍵の最終日は {last} です",
        "[Moyai] A key of the service client {client} ends on {last}",
    ),
    Label(
        """\
{tenant} の連携システムを管理している皆さまへ

連携システム「{client}」の鍵「{key}」の最終日は {last} です。翌日から、この鍵では認証できません。
このシステムが新しい鍵に切り替わっているかを、システムの担当者に確かめてください。

{address}
""",
        """\
To those who look after the service clients of {tenant}

The last day of the key {key} of the service client {client} is {last}. From the day after, it proves nothing.
Ask whoever runs the system whether it uses the new key already.

{address}
""",
    ),
)

SECRET_ENDS: Final = Mail(
    Label(
        "【Moyai】連携システム「{client}」のシークレットの最終日は {last} です",
        "[Moyai] A secret of the service client {client} ends on {last}",
    ),
    Label(
        """\
{tenant} の連携システムを管理している皆さまへ

連携システム「{client}」のシークレット（番号 {key}）の最終日は {last} です。翌日から、使えません。
次のページで新しいシークレットを作り、システムのクライアントIDとシークレットを切り替えてください。

{address}
""",
        """\
To those who look after the service clients of {tenant}

The last day of secret {key} of the service client {client} is {last}. From the day after, it cannot be used.
Make a new one on this page, and change the system to its client ID and secret.

{address}
""",
    ),
)

TENANT_SUSPENDED: Final = Mail(
    Label("{tenant} の利用が停止されました", "{tenant} has been suspended"),
    Label(
        """\
{tenant} の団体管理者の皆さまへ

運営者が {tenant} の利用を停止しました（適用日 {day}）。
理由: {reason}

停止中は、{tenant} の利用者はログインできず、連携システムはアクセストークンを取得できません。
利用者、役割、連携システムの登録はそのまま残り、再開すると停止前の状態に戻ります。
負担額は変わりません。納入通知書はこれまでどおり届きます。

ご不明の点は、県の担当者に問い合わせてください。
""",
        """\
To the owners of {tenant}

The operator has suspended {tenant} as of {day}.
Reason: {reason}

While it is suspended its people cannot sign in and its systems get no access tokens.
People, roles and systems stay registered and come back as they were when it is resumed.
Its share of the costs does not change, and notices go on being sent.

If you have questions, ask the operator.
""",
    ),
)

TENANT_RESUMED: Final = Mail(
    Label("{tenant} の利用が再開されました", "{tenant} can be used again"),
    Label(
        """\
{tenant} の団体管理者の皆さまへ

運営者が {tenant} の利用を再開しました（適用日 {day}）。
理由: {reason}

利用者はこれまでのパスワードでログインできます。連携システムも停止前の鍵で動きます。
個別に停止していた利用者と連携システムは、停止のままです。

{address}
""",
        """\
To the owners of {tenant}

The operator has let {tenant} in again as of {day}.
Reason: {reason}

Its people sign in with the passwords they had, and its systems with the keys they had.
Whoever was suspended individually stays so.

{address}
""",
    ),
)

TENANT_LEAVING: Final = Mail(
    Label("{tenant} の脱退手続が始まりました", "{tenant} is leaving"),
    Label(
        """\
{tenant} の団体管理者の皆さまへ

{tenant} の脱退手続が始まりました（適用日 {day}）。
理由: {reason}

最終日: {last}

連携システムは、アクセストークンを取得できなくなりました。利用者は、最終日までログインできます。
脱退までに、負担額と納入通知書、お渡しするデータを確かめてください。

{address}
""",
        """\
To the owners of {tenant}

{tenant} is leaving; this began on {day}.
Reason: {reason}

Last day: {last}

Its systems get no access tokens any more. Its people can sign in until the last day.
Before then, check the shares, the notices and the data that you are given.

{address}
""",
    ),
)

TENANT_LEFT: Final = Mail(
    Label("{tenant} は脱退しました", "{tenant} has left"),
    Label(
        """\
{tenant} の団体管理者の皆さまへ

{tenant} は脱退しました（適用日 {day}）。
理由: {reason}

利用者はログインできません。記録は、定められた期間、県が保存します。
ご不明の点は、県の担当者に問い合わせてください。
""",
        """\
To the owners of {tenant}

{tenant} has left as of {day}.
Reason: {reason}

Its people can no longer sign in. The records are kept by the operator for as long as the rules say.
If you have questions, ask the operator.
""",
    ),
)

STATE_MAILS: Final = {
    TenantState.SUSPENDED: TENANT_SUSPENDED,
    TenantState.ACTIVE: TENANT_RESUMED,
    TenantState.LEAVING: TENANT_LEAVING,
    TenantState.LEFT: TENANT_LEFT,
}
"""What is mailed of a change to this state."""

FACTOR_RESET: Final = Mail(
    Label("【Moyai】二要素認証が再設定されます", "[Moyai] Your second factor was reset"),
    Label(
        """\
{tenant} {name} 様

県の担当者 2 人の決定により、あなたの二要素認証（認証アプリ、パスキー、回復コード）が削除され、ログアウトしました。
次のログインで、新しい二要素認証を設定してください。パスワードは変わりません。
心当たりがないときは、すぐに県の担当者に連絡してください。

{address}
""",
        """\
{name}, {tenant}

Two people of the operator decided to remove your second factors (app, passkey, recovery codes), and you were logged
out. Set up a new one at your next login. Your password is the same.
If you did not expect this, contact the operator at once.

{address}
""",
    ),
)

LOGIN_CHANGED: Final = Mail(
    Label("【Moyai】ログインの設定が変わりました", "[Moyai] How you log in was changed"),
    Label(
        """\
{tenant} {name} 様

あなたのログインの設定が変わりました: {change}
心当たりがないときは、すぐに次のページでほかのセッションを終わらせてパスワードを変え、
団体管理者または県の担当者に連絡してください。

{address}
""",
        """\
{name}, {tenant}

How you log in was changed: {change}.
If that was not you, end your other sessions on this page at once, change your password, and tell an owner of your
tenant or the operator.

{address}
""",
    ),
)

BREAK_GLASS_STARTED: Final = Mail(
    Label("【Moyai】緊急時の操作が始まりました: {person}", "[Moyai] The emergency role was given to {person}"),
    Label(
        """\
{tenant} のセキュリティ担当、承認者、監査担当の皆さまへ

{person} に、{until} まで緊急時の操作が認められました。
理由: {reason}
この間に {person} が行ったことは、すべて監査記録に残り、終わったあとにお知らせします。
心当たりがないときは、次のページですぐに終わらせてください。

{address}
""",
        """\
To security, approvers and auditors of {tenant}

{person} was given the emergency role until {until}.
Reason: {reason}
All that {person} does until then is in the audit log, and you are told afterwards.
If you did not expect this, end it at once on this page:

{address}
""",
    ),
)

BREAK_GLASS_CLOSED: Final = Mail(
    Label("【Moyai】緊急時の操作が終わりました: {person}", "[Moyai] The emergency role of {person} has ended"),
    Label(
        """\
{tenant} のセキュリティ担当、承認者、監査担当の皆さまへ

{person} の緊急時の操作が終わりました（{since} から {closed} まで）。この間に行ったこと: {count} 件
{actions}

すべては、操作の記録で確かめられます。

{address}
""",
        """\
To security, approvers and auditors of {tenant}

The emergency role of {person} has ended ({since} to {closed}). Done with it: {count}
{actions}

All of it is in the audit log.

{address}
""",
    ),
)

MAILS: Final = (
    BREAK_GLASS_STARTED,
    BREAK_GLASS_CLOSED,
    FACTOR_RESET,
    LOGIN_CHANGED,
    OWNER_ADDED,
    ACCEPTANCE_REMINDER,
    CONFIRMATION_REMINDER,
    REVIEW_REQUEST,
    TWO_OWNERS,
    ONE_OWNER,
    LEAVING,
    LEAVING_UNDONE,
    CONSENT,
    CLIENT_ENDS,
    KEY_ENDS,
    SECRET_ENDS,
    *STATE_MAILS.values(),
)

ROLE_SUBJECT: Final = Label("【Moyai】あなたの役割が変わります", "[Moyai] Your roles change")
ROLE_TEXT: Final = Label(
    """\
{tenant} {name} 様

{change}

役割の変更は、次のログインから画面に現れます。終わった役割は、その時から使えません。
心当たりがないときは、団体管理者または県の担当者に連絡してください。

{address}
""",
    """\
{name}, {tenant}

{change}

A new role shows from your next sign-in on. A role that has ended allows nothing from then on.
If you did not expect this, ask an owner of your tenant or the operator.

{address}
""",
)
ROLE_CHANGES: Final = {
    ("granted", False, False): Label("役割「{role}」が付与されました。", "You were granted the role {role}."),
    ("granted", False, True): Label(
        "役割「{role}」が付与されました（最終日 {last}）。", "You were granted the role {role} until {last}."
    ),
    ("granted", True, False): Label(
        "{first} 0:00 から、役割「{role}」が付与されます。", "You get the role {role} at 0:00 on {first}."
    ),
    ("granted", True, True): Label(
        "{first} 0:00 から、役割「{role}」が付与されます（最終日 {last}）。",
        "You get the role {role} at 0:00 on {first}, until {last}.",
    ),
    ("ended", False, False): Label("役割「{role}」が終わりました。", "Your role {role} has ended."),
    ("ended", False, True): Label(
        "役割「{role}」は、{last} を最終日として終わります。", "Your role {role} ends after {last}."
    ),
    ("undone", False, False): Label(
        "予定されていた役割「{role}」の変更は、取り消されました。",
        "The prepared change of your role {role} was undone.",
    ),
}
"""What is told, by what was done and whether a first and a last day are named."""

SendMail = Callable[[str, str, str], None]
"""Recipient, subject, text. Raises OSError where the mail is not taken."""


def mail_handlers(send_mail: SendMail, public_url: str) -> dict[str, Handler]:
    """Job kind → its handler. `public_url` is where the console is, for the links in mails."""

    def _send(mails: Iterable[tuple[str, str, str]]) -> None:
        for recipient, subject, text in mails:
            send_mail(recipient, subject, text)

    def announce_owner(payload: dict[str, Any]) -> None:
        """Mail everybody of the tenant."""
        tenant_id = UUID(payload["tenant_id"])
        with system_transaction(OPERATOR) as session:
            tenant = directory.tenant_by_id(session, tenant_id).name
            added = member(session, tenant_id, UUID(payload["person_id"]), clock.now())
            people = [one for one in members(session, tenant_id, clock.now()) if one.state in PRESENT_STATES]
            facts = {"tenant": tenant, "person": f"{added.family_name} {added.given_name}"}
            mails = _mails(session, tenant_id, people, OWNER_ADDED, facts)
        _send(mails)

    def remind_owners(payload: dict[str, Any]) -> None:
        """Mail the owners who have not accepted the version meanwhile."""
        tenant_id, version_id = UUID(payload["tenant_id"]), UUID(payload["version_id"])
        with system_transaction(OPERATOR) as session:
            if any(one.version_id == version_id for one in acceptances(session, tenant_id)):
                return
            asked = version(session, version_id)
            tenant = directory.tenant_by_id(session, tenant_id).name
            facts = {
                "tenant": tenant,
                "title": asked.title,
                "number": asked.number,
                "due": asked.effective_from,
                "address": f"{public_url}/tenants/{tenant_id}/agreements/{version_id}",
            }
            mails = _mails(session, tenant_id, owners(session, tenant_id, clock.now()), ACCEPTANCE_REMINDER, facts)
        _send(mails)

    def remind_of_announcement(payload: dict[str, Any]) -> None:
        """Mail the owners who have not confirmed it meanwhile."""
        tenant_id, announcement_id = UUID(payload["tenant_id"]), UUID(payload["announcement_id"])
        with system_transaction(OPERATOR) as session:
            found = announcement(session, announcement_id, clock.today())
            waits = recipients(session, announcement_id, state=ConfirmationState.NOT_CONFIRMED)
            if found.withdrawn_at is not None or tenant_id not in {one.tenant_id for one in waits}:
                return
            tenant = directory.tenant_by_id(session, tenant_id).name
            facts = {
                "tenant": tenant,
                "title": found.title,
                "until": found.shown_until,
                "address": f"{public_url}/announcements/{announcement_id}",
            }
            mails = _mails(session, tenant_id, owners(session, tenant_id, clock.now()), CONFIRMATION_REMINDER, facts)
        _send(mails)

    def mail_access_review(payload: dict[str, Any]) -> None:
        """Ask the owners to review and sign, unless that was done meanwhile. Done again, it may reach them twice."""
        tenant_id, review_id = UUID(payload["tenant_id"]), UUID(payload["review_id"])
        with system_transaction(OPERATOR) as session:
            found = access_review(session, tenant_id, review_id, clock.today())
            if found.state is not ReviewState.OPEN:
                return
            facts = {
                "tenant": found.name,
                "as_of": found.as_of,
                "due": found.due_on,
                "undecided": found.undecided,
                "address": f"{public_url}/tenants/{tenant_id}/access-reviews/{review_id}",
            }
            mails = _mails(session, tenant_id, owners(session, tenant_id, clock.now()), REVIEW_REQUEST, facts)
        _send(mails)

    def warn_of_last_day(payload: dict[str, Any]) -> None:
        """Mail who looks after the client, each once, unless its last day was changed meanwhile or it is stopped."""
        tenant_id, client_id = UUID(payload["tenant_id"]), UUID(payload["client_id"])
        kid, ends_on = payload["kid"], date.fromisoformat(payload["ends_on"])
        with system_transaction(OPERATOR) as session:
            tenant = directory.tenant_by_id(session, tenant_id)
            client = service_client(session, tenant_id, client_id)
            if client.state is ClientState.STOPPED or not STATE_EFFECTS[tenant.state].clients_get_tokens:
                return
            if _ends_of(client).get(kid) != ends_on:
                return
            present = [one for one in members(session, tenant_id, clock.now()) if one.state in PRESENT_STATES]
            people = [one for one in present if one.id == client.owner_member_id or _looks_after_clients(one)]
            facts = {
                "tenant": tenant.name,
                "client": client.name,
                "key": kid.removeprefix(OF_SECRET),
                "last": last_day(ends_on),
                "address": f"{public_url}/tenants/{tenant_id}/clients/{client_id}{'/documents' if kid else ''}",
            }
            mail = CLIENT_ENDS if not kid else SECRET_ENDS if kid.startswith(OF_SECRET) else KEY_ENDS
            mails = _mails(session, tenant_id, people, mail, facts)
        _send(mails)

    def mail_role_change(payload: dict[str, Any]) -> None:
        """Tell a person, in their own language, which role they get or lose. Nothing to who is gone meanwhile."""
        tenant_id, person_id = UUID(payload["tenant_id"]), UUID(payload["person_id"])
        with system_transaction(OPERATOR) as session:
            person = member(session, tenant_id, person_id, clock.now())
            preferences = saved_preferences(session, tenant_id, person_id)
            tenant = directory.tenant_by_id(session, tenant_id).name
        if person.state not in PRESENT_STATES:
            return
        is_english = preferences is not None and preferences.language is ScreenLanguage.ENGLISH
        language: Language = "en" if is_english else "ja"
        first, end = (payload[name] and date.fromisoformat(payload[name]) for name in ("since", "until"))
        change = ROLE_CHANGES[payload["what"], bool(first), bool(end)].text(language)
        facts = {
            "role": Role(payload["role"]).label(language),
            "first": first and JST_DATE.show(first, language),
            "last": end and JST_DATE.show(last_day(end), language),
        }
        text = ROLE_TEXT.text(language).format(
            tenant=tenant,
            name=f"{person.family_name} {person.given_name}",
            change=change.format(**facts),
            address=f"{public_url}/",
        )
        send_mail(person.email, ROLE_SUBJECT.text(language), text)

    def mail_fewest_owners(payload: dict[str, Any]) -> None:
        """Tell the owners how many of them there always are."""
        tenant_id = UUID(payload["tenant_id"])
        mail = TWO_OWNERS if FewestOwners(payload["fewest_owners"]) is FewestOwners.TWO else ONE_OWNER
        with system_transaction(OPERATOR) as session:
            tenant = directory.tenant_by_id(session, tenant_id).name
            facts = {"tenant": tenant, "address": f"{public_url}/tenants/{tenant_id}/people"}
            mails = _mails(session, tenant_id, owners(session, tenant_id, clock.now()), mail, facts)
        _send(mails)

    def mail_leaving(payload: dict[str, Any]) -> None:
        """Tell a person until when they may use the platform. Nothing to who is gone meanwhile."""
        tenant_id, end = UUID(payload["tenant_id"]), payload["until"]
        with system_transaction(OPERATOR) as session:
            person = member(session, tenant_id, UUID(payload["person_id"]), clock.now())
            facts: dict[str, object] = {
                "tenant": directory.tenant_by_id(session, tenant_id).name,
                "name": f"{person.family_name} {person.given_name}",
                "address": f"{public_url}/",
            }
            if end is not None:
                facts["last"] = last_day(date.fromisoformat(end))
            addressees = [person] if person.state in PRESENT_STATES else []
            mails = _mails(session, tenant_id, addressees, LEAVING_UNDONE if end is None else LEAVING, facts)
        _send(mails)

    def ask_for_consent(payload: dict[str, Any]) -> None:
        """Ask a person by a mail with a code of its own. Done again after a failure, the last code counts."""
        tenant_id, person_id = UUID(payload["tenant_id"]), UUID(payload["person_id"])
        code = secrets.token_urlsafe(16)
        recorded = record_consent_mail(
            RecordConsentMail(tenant_id=tenant_id, member_id=person_id, code_hash=code_hash(code)),
            actor=worker_actor(),
        )
        if not recorded.is_asked:
            return
        with system_transaction(OPERATOR) as session:
            person = member(session, tenant_id, person_id, clock.now())
            until = (person.invitation_expires_at or clock.now()).astimezone(JST)
            facts = {
                "tenant": directory.tenant_by_id(session, tenant_id).name,
                "name": f"{person.family_name} {person.given_name}",
                "inviter": invitations(session, tenant_id, [person_id])[person_id].invited_by,
                "until": until.date(),
                "time": f"{until:%H:%M}",
                "address": f"{public_url}/memberships/{person.id}/consent?code={code}",
            }
            mails = _mails(session, tenant_id, [person], CONSENT, facts)
        _send(mails)

    def mail_state_change(payload: dict[str, Any]) -> None:
        """Tell the owners what became of their tenant and why."""
        tenant_id = UUID(payload["tenant_id"])
        with system_transaction(OPERATOR) as session:
            departure = departure_under_way(session, tenant_id)
            facts = {
                "last": "―" if departure is None else departure.last_day,
                "tenant": directory.tenant_by_id(session, tenant_id).name,
                "day": date.fromisoformat(payload["effective_on"]),
                "reason": payload["reason"],
                "address": f"{public_url}/tenants/{tenant_id}",
            }
            asked = owners(session, tenant_id, clock.now())
            mails = _mails(session, tenant_id, asked, STATE_MAILS[TenantState(payload["to"])], facts)
        _send(mails)

    def tell_person(payload: dict[str, Any], mail: Mail, facts: Mapping[str, object]) -> None:
        tenant_id = UUID(payload["tenant_id"])
        with system_transaction(OPERATOR) as session:
            person = member(session, tenant_id, UUID(payload["person_id"]), clock.now())
            about = {
                "tenant": directory.tenant_by_id(session, tenant_id).name,
                "name": f"{person.family_name} {person.given_name}",
                **facts,
            }
            mails = _mails(session, tenant_id, [person], mail, about)
        _send(mails)

    def mail_factor_reset(payload: dict[str, Any]) -> None:
        """Tell a person whose second factors were removed. Done again after a failure, it may reach them twice."""
        tell_person(payload, FACTOR_RESET, {"address": f"{public_url}/"})

    def mail_login_change(payload: dict[str, Any]) -> None:
        """Tell a person what was changed of their own login. Done again after a failure, it may reach them twice."""
        change, address = LoginChange(payload["change"]), f"{public_url}/preferences/sign-in"
        tell_person(payload, LOGIN_CHANGED, {"change": Label(change.ja, change.en), "address": address})

    def mail_break_glass(payload: dict[str, Any]) -> None:
        """Tell security, approvers, auditors and the person of an hour that begins, or of what was done in it.

        Done again after a failure, it may reach somebody twice.
        """
        now = clock.now()
        with system_transaction(OPERATOR) as session:
            hour = break_glass_hour(session, UUID(payload["hour_id"]))
            people = members(session, hour.tenant_id, now)
            person = next(one for one in people if one.person_id == hour.person_id)
            watching = [
                one
                for one in people
                if one.state in PRESENT_STATES and (one is person or not _WATCHING.isdisjoint(one.roles))
            ]
            done = events(
                session,
                actor=str(hour.person_id),
                since=hour.opened_at,
                until=hour.closed_at or now,
                outcome="done",
                limit=_MAX_NAMED,
            )
            labels = [Label(*EVENT_LABELS[Event(one.event)]) for one in reversed(done)]
            facts = {
                "tenant": directory.tenant_by_id(session, hour.tenant_id).name,
                "person": f"{person.family_name} {person.given_name}",
                "reason": hour.reason,
                "since": _clock_text(hour.opened_at),
                "until": _clock_text(hour.ends_at),
                "closed": _clock_text(hour.closed_at or hour.ends_at),
                "count": len(labels),
                "actions": Label(
                    "\n".join(f"- {label.ja}" for label in labels), "\n".join(f"- {label.en}" for label in labels)
                ),
                "address": f"{public_url}/break-glass",
            }
            mail = BREAK_GLASS_STARTED if payload["what"] == "opened" else BREAK_GLASS_CLOSED
            mails = _mails(session, hour.tenant_id, watching, mail, facts)
        _send(mails)

    return {
        MAIL_BREAK_GLASS: mail_break_glass,
        MAIL_FACTOR_RESET: mail_factor_reset,
        MAIL_LOGIN_CHANGE: mail_login_change,
        MAIL_STATE_CHANGE: mail_state_change,
        MAIL_CONSENT: ask_for_consent,
        MAIL_LEAVING: mail_leaving,
        MAIL_FEWEST_OWNERS: mail_fewest_owners,
        MAIL_ROLE_CHANGE: mail_role_change,
        ANNOUNCE_OWNER: announce_owner,
        REMIND_OWNERS: remind_owners,
        REMIND_OF_ANNOUNCEMENT: remind_of_announcement,
        MAIL_ACCESS_REVIEW: mail_access_review,
        WARN_OF_LAST_DAY: warn_of_last_day,
    }


def _looks_after_clients(person: MemberDetails) -> bool:
    return Permission.CLIENT_ADD_KEY in permissions_of(frozenset(person.roles))


def _ends_of(client: ServiceClientDetails) -> dict[str, date | None]:
    """When the client, its keys and its secrets end, called as in the payload of the job."""
    secrets = {f"{OF_SECRET}{one.number}": one.valid_until for one in client.secrets}
    return {ITSELF: client.valid_until, **{key.kid: key.valid_until for key in client.public_keys}, **secrets}


def _mails(
    session: Session, tenant_id: UUID, people: Iterable[MemberDetails], mail: Mail, facts: Mapping[str, object]
) -> list[tuple[str, str, str]]:
    """Recipient, subject and text for each of them, in the language and the notation of days that they chose."""
    found = []
    for one in people:
        chosen = saved_preferences(session, tenant_id, one.person_id) or PreferencesFacts()
        language: Language = "ja" if chosen.language is ScreenLanguage.JAPANESE else "en"
        with date_notation(chosen.date_notation):
            shown = {name: _worded(value, language) for name, value in facts.items()}
        found.append((one.email, *mail.written(language, shown)))
    return found


_MAX_NAMED: Final = 200
"""Of what was done in an hour; the audit log has all of it."""

_WATCHING: Final = frozenset({Role.OPERATOR_SECURITY, Role.OPERATOR_APPROVER, Role.OPERATOR_AUDITOR})
"""Who is told of the emergency role."""


def _clock_text(instant: datetime) -> str:
    return f"{instant.astimezone(clock.JST):%Y-%m-%d %H:%M}"


def _worded(value: object, language: Language) -> object:
    if isinstance(value, date):
        return JST_DATE.show(value, language)
    return value.text(language) if isinstance(value, Label) else value
