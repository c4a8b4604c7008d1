"""送信控え: mails that Moyai keeps where no mail server is set. A password mail is a key, so few may open it."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint

from admin.core.guard import requires
from admin.interface.pages import render_page, settings
from admin.operations.mail.outbox import MailOutbox
from governance.kernel.errors import require_found
from governance.kernel.labels import Label
from governance.permissions import Permission

pages = Blueprint("mails", __name__, template_folder="templates")


@pages.get("/mails")
@requires(Permission.MAIL_READ)
def mails() -> tuple[str, int]:
    """The newest 200, by recipient and subject."""
    return render_page("mails/mails", mails=_outbox().mails(), has_server=settings().smtp_url is not None)


@pages.get("/mails/<uuid:mail_id>")
@requires(Permission.MAIL_READ)
def mail(mail_id: UUID) -> tuple[str, int]:
    """One mail with its text, shown as text."""
    found = require_found(
        next((kept for kept in _outbox().mails(limit=10_000) if kept.id == mail_id), None),
        what=Label("メール", "mail"),
        given=mail_id,
    )
    return render_page("mails/mail", mail=found, body=_outbox().body(mail_id))


def _outbox() -> MailOutbox:
    return MailOutbox(settings().home)
