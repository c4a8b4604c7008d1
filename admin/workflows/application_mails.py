"""Mails to an applicant, in the language it chose: its link, what was received, what was decided."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from admin.workflows.application_links import link_path
from admin.workflows.jobs import Handler
from admin.workflows.tenant_mails import SendMail
from governance.commands import system_transaction
from governance.kernel.clock import jst_date
from governance.kernel.database import OPERATOR
from governance.kernel.errors import Language
from governance.kernel.field_types import JST_DATE
from governance.kernel.labels import Label
from tenancy.applications.queries import application
from tenancy.applications.rows import MAIL_APPLICANT
from tenancy.applications.states import MailOccasion

_SUBJECTS: Final = {
    MailOccasion.BEGUN: Label("利用申請のページのご案内", "Your application"),
    MailOccasion.LINK: Label("利用申請のページのご案内（再送）", "Your application: a new link"),
    MailOccasion.SUBMITTED: Label("利用申請を受け付けました", "Your application was received"),
    MailOccasion.APPROVED: Label("利用申請を承認しました", "Your application was approved"),
    MailOccasion.SENT_BACK: Label("利用申請の補正のお願い", "Please correct your application"),
    MailOccasion.REJECTED: Label("利用申請の結果のお知らせ", "The outcome of your application"),
    MailOccasion.WITHDRAWN: Label("利用申請の取下げを受け付けました", "Your application was withdrawn"),
}
_TEXTS: Final = {
    MailOccasion.BEGUN: Label(
        "利用申請の下書きを作りました。次のページで続きを入力し、提出してください。",
        "A draft of your application was made. Fill it in and submit it on this page.",
    ),
    MailOccasion.LINK: Label(
        "利用申請のページの新しいリンクです。これまでのリンクは使えなくなりました。",
        "This is a new link to your application. The one before no longer works.",
    ),
    MailOccasion.SUBMITTED: Label(
        "利用申請を受け付けました。県の担当者が審査します。状況は次のページで確かめられます。",
        "Your application was received and will be screened. This page shows where it stands.",
    ),
    MailOccasion.WITHDRAWN: Label("利用申請の取下げを受け付けました。", "Your application was withdrawn."),
}
_FRAME: Final = Label(
    """\
{name} ご担当者様（受付番号 {number}）

{text}

{address}

このリンクは {until} まで使えます。リンクを知っている人は申請の内容を見て直せるので、転送しないでください。
心当たりがないときは、このメールを破棄してください。
""",
    """\
{name}, application number {number}

{text}

{address}

This link works until {until}. Whoever has it can read and change the application, so do not pass it on.
If you did not expect this, discard this mail.
""",
)


def application_mail_handlers(send_mail: SendMail, public_url: str, session_secret: str) -> dict[str, Handler]:
    """Job kind → its handler. `session_secret` is what links are made of."""

    def mail_applicant(payload: dict[str, Any]) -> None:
        """Mail the address of the application; the letter where one was decided."""
        occasion = MailOccasion(payload["occasion"])
        with system_transaction(OPERATOR) as session:
            one = application(session, UUID(payload["application_id"]))
        language: Language = "ja" if one.language == "ja" else "en"
        letters = {decided.round: decided.letter for decided in one.decisions}
        text = _TEXTS[occasion].text(language) if occasion in _TEXTS else letters[payload["round"]].strip()
        facts = {
            "name": one.name or "",
            "number": one.number,
            "text": text,
            "address": public_url + link_path(session_secret, one.id, one.link_number),
            "until": JST_DATE.show(jst_date(one.link_expires_at), language),
        }
        subject = f"【Moyai】{_SUBJECTS[occasion].ja}" if language == "ja" else f"[Moyai] {_SUBJECTS[occasion].en}"
        send_mail(one.email, subject, _FRAME.text(language).format(**facts))

    return {MAIL_APPLICANT: mail_applicant}
