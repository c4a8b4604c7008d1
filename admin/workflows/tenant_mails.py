"""Moyai's own mails to a tenant's people: what was decided over their heads, what they are reminded of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from admin.workflows.jobs import Handler
from governance.agreements.queries import acceptances, version
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.era import format_day
from tenancy import directory
from tenancy.acceptances.commands import REMIND_OWNERS
from tenancy.announcements.commands import REMIND_OF_ANNOUNCEMENT
from tenancy.announcements.queries import announcement, recipients
from tenancy.announcements.states import ConfirmationState
from tenancy.people.commands import ANNOUNCE_OWNER
from tenancy.people.queries import PRESENT_STATES, member, members, owners

SUBJECT: Final = "団体管理者が追加されました / An owner was added"
TEXT: Final = """\
{tenant} の利用者の皆さまへ

運営者が {person} を {tenant} の団体管理者に追加し、運営者の承認者が承認しました。
{tenant} には、この追加を決定できる団体管理者がいませんでした。
心当たりがないときは、運営者に連絡してください。

The operator added {person} as an owner of {tenant}, and the operator's approver approved it,
because none of your owners could decide. If you did not expect this, contact the operator.
"""

REMINDER_SUBJECT: Final = "「{title}」第{number}版への同意のお願い / Please accept version {number} of {title}"
REMINDER_TEXT: Final = """\
{tenant} の団体管理者の皆さまへ

「{title}」第{number}版への同意が、まだ記録されていません。施行日は {due_ja} です。
次のページで本文を読み、同意を記録してください。

{address}

ご不明の点は、県の担当者に問い合わせてください。

Version {number} of {title} takes effect on {due_en}, and {tenant} has not accepted it yet.
Please read it and record the acceptance on the page above. If you have questions, ask the operator.
"""

CONFIRMATION_SUBJECT: Final = "お知らせ「{title}」の確認のお願い / Please confirm the announcement {title}"
CONFIRMATION_TEXT: Final = """\
{tenant} の団体管理者の皆さまへ

県からのお知らせ「{title}」（掲載は {until_ja} まで）の確認が、まだ記録されていません。
次のページで本文を読み、「確認しました」を押してください。

{address}

ご不明の点は、県の担当者に問い合わせてください。

{tenant} has not confirmed the announcement {title} (shown until {until_en}) yet.
Please read it and confirm it on the page above. If you have questions, ask the operator.
"""

SendMail = Callable[[str, str, str], None]
"""Recipient, subject, text. Raises OSError where the mail is not taken."""


def mail_handlers(send_mail: SendMail, public_url: str) -> dict[str, Handler]:
    """Job kind → its handler. `public_url` is where the console is, for the links in mails."""

    def announce_owner(payload: dict[str, Any]) -> None:
        """Mail everybody of the tenant. Done again after a failure, it may reach somebody twice."""
        tenant_id = UUID(payload["tenant_id"])
        with system_transaction(OPERATOR) as session:
            tenant = directory.tenant_by_id(session, tenant_id).name
            added = member(session, tenant_id, UUID(payload["person_id"]), clock.now())
            people = [one for one in members(session, tenant_id, clock.now()) if one.state in PRESENT_STATES]
        text = TEXT.format(tenant=tenant, person=f"{added.family_name} {added.given_name}")
        for one in people:
            send_mail(one.email, SUBJECT, text)

    def remind_owners(payload: dict[str, Any]) -> None:
        """Mail the owners who have not accepted the version meanwhile. Done again, it may reach somebody twice."""
        tenant_id, version_id = UUID(payload["tenant_id"]), UUID(payload["version_id"])
        with system_transaction(OPERATOR) as session:
            if any(one.version_id == version_id for one in acceptances(session, tenant_id)):
                return
            asked = version(session, version_id)
            tenant = directory.tenant_by_id(session, tenant_id).name
            people = owners(session, tenant_id, clock.now())
        facts = {
            "tenant": tenant,
            "title": asked.title,
            "number": asked.number,
            "due_ja": format_day(asked.effective_from),
            "due_en": asked.effective_from.isoformat(),
            "address": f"{public_url}/tenants/{tenant_id}/agreements/{version_id}",
        }
        for one in people:
            send_mail(one.email, REMINDER_SUBJECT.format(**facts), REMINDER_TEXT.format(**facts))

    def remind_of_announcement(payload: dict[str, Any]) -> None:
        """Mail the owners who have not confirmed it meanwhile. Done again, it may reach somebody twice."""
        tenant_id, announcement_id = UUID(payload["tenant_id"]), UUID(payload["announcement_id"])
        with system_transaction(OPERATOR) as session:
            found = announcement(session, announcement_id, clock.today())
            waits = recipients(session, announcement_id, state=ConfirmationState.NOT_CONFIRMED)
            if found.withdrawn_at is not None or tenant_id not in {one.tenant_id for one in waits}:
                return
            tenant = directory.tenant_by_id(session, tenant_id).name
            people = owners(session, tenant_id, clock.now())
        facts = {
            "tenant": tenant,
            "title": found.title,
            "until_ja": format_day(found.shown_until),
            "until_en": found.shown_until.isoformat(),
            "address": f"{public_url}/announcements/{announcement_id}",
        }
        for one in people:
            send_mail(one.email, CONFIRMATION_SUBJECT.format(**facts), CONFIRMATION_TEXT.format(**facts))

    return {
        ANNOUNCE_OWNER: announce_owner,
        REMIND_OWNERS: remind_owners,
        REMIND_OF_ANNOUNCEMENT: remind_of_announcement,
    }
