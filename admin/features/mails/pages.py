"""送信控え: mails that Moyai keeps where no mail server is set, by recipient, subject and time.

Their text is in no answer over HTTP: whoever has a password link can set that password.
"""

from __future__ import annotations

from flask import Blueprint

from admin.core.guard import requires
from admin.interface.pages import render_page, settings
from admin.operations.mail.outbox import MailOutbox
from governance.permissions import Permission

pages = Blueprint("mails", __name__, template_folder="templates")


@pages.get("/mails")
@requires(Permission.MAIL_READ)
def mails() -> tuple[str, int]:
    """The newest 200, by recipient and subject."""
    installation = settings()
    return render_page(
        "mails/mails",
        mails=MailOutbox(installation.home).mails(),
        delivers_mail=installation.delivers_mail,
        is_example=installation.example,
    )
