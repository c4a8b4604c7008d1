"""Moyai's own mails to a tenant's people: what was decided over their heads, what they are reminded of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from admin.workflows.jobs import Handler
from governance.agreements.queries import acceptances, version
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.era import date_notation
from governance.kernel.errors import Language
from governance.kernel.field_types import JST_DATE, last_day
from governance.kernel.labels import Label
from governance.permissions import Role
from tenancy import directory
from tenancy.acceptances.commands import REMIND_OWNERS
from tenancy.announcements.commands import REMIND_OF_ANNOUNCEMENT
from tenancy.announcements.queries import announcement, recipients
from tenancy.announcements.states import ConfirmationState
from tenancy.people.models import MemberDetails
from tenancy.people.queries import PRESENT_STATES, member, members, owners
from tenancy.people.role_changes import MAIL_ROLE_CHANGE
from tenancy.people.second_person import ANNOUNCE_OWNER
from tenancy.preferences.models import PreferencesFacts
from tenancy.preferences.queries import saved_preferences
from tenancy.preferences.states import ScreenLanguage


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

MAILS: Final = (OWNER_ADDED, ACCEPTANCE_REMINDER, CONFIRMATION_REMINDER)

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
        """Mail everybody of the tenant. Done again after a failure, it may reach somebody twice."""
        tenant_id = UUID(payload["tenant_id"])
        with system_transaction(OPERATOR) as session:
            tenant = directory.tenant_by_id(session, tenant_id).name
            added = member(session, tenant_id, UUID(payload["person_id"]), clock.now())
            people = [one for one in members(session, tenant_id, clock.now()) if one.state in PRESENT_STATES]
            facts = {"tenant": tenant, "person": f"{added.family_name} {added.given_name}"}
            mails = _mails(session, tenant_id, people, OWNER_ADDED, facts)
        _send(mails)

    def remind_owners(payload: dict[str, Any]) -> None:
        """Mail the owners who have not accepted the version meanwhile. Done again, it may reach somebody twice."""
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
        """Mail the owners who have not confirmed it meanwhile. Done again, it may reach somebody twice."""
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

    def mail_role_change(payload: dict[str, Any]) -> None:
        """Tell a person, in their own language, which role they get or lose. Nothing to who is gone meanwhile.

        Done again after a failure, it may reach them twice.
        """
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

    return {
        MAIL_ROLE_CHANGE: mail_role_change,
        ANNOUNCE_OWNER: announce_owner,
        REMIND_OWNERS: remind_owners,
        REMIND_OF_ANNOUNCEMENT: remind_of_announcement,
    }


def _mails(
    session: Session, tenant_id: UUID, people: Iterable[MemberDetails], mail: Mail, facts: Mapping[str, object]
) -> list[tuple[str, str, str]]:
    """Recipient, subject and text for each of them, in the language and the notation of days that they chose."""
    found = []
    for one in people:
        chosen = saved_preferences(session, tenant_id, one.person_id) or PreferencesFacts()
        language: Language = "ja" if chosen.language is ScreenLanguage.JAPANESE else "en"
        with date_notation(chosen.date_notation):
            shown = {
                name: JST_DATE.show(value, language) if isinstance(value, date) else value
                for name, value in facts.items()
            }
        found.append((one.email, *mail.written(language, shown)))
    return found
