"""`moyai mail`: which emails are stored because no mail server is set. Their text is not printed here."""

from __future__ import annotations

from flask import current_app
from sqlalchemy.orm import Session

from admin.bootstrap import settings_of
from admin.interface.command_line import command_group
from admin.interface.output import Answer, rows, tab_separated
from admin.operations.mail.outbox import MailOutbox
from governance.permissions import Permission

mail = command_group("mail", "送信控え / Stored emails.")


@mail.query("list", Permission.MAIL_READ)
def list_mails(session: Session) -> Answer:
    """保管したメールの一覧 / The newest 200 stored emails: when, to whom, about what."""
    found = MailOutbox(settings_of(current_app).home).mails()
    return rows("mails", found, tab_separated("stored_at", "recipient", "subject"))
