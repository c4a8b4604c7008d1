"""メールの送信記録: what became of each mail. 送信控え: mails that Moyai keeps where no mail server is set.

The text of a mail is in no answer over HTTP: whoever has a password link can set that password.
"""

from __future__ import annotations

from flask import Blueprint, request

from admin.core.guard import current_actor, requires
from admin.features.mails.api import tenant_of
from admin.interface.lists import query_enum
from admin.interface.pages import render_page, session, settings
from admin.interface.paging import next_cursor, query_part
from admin.operations.mail.outbox import MailOutbox
from governance.permissions import Permission
from tenancy.mails.queries import sent_mails
from tenancy.mails.states import MailState
from tenancy.people.queries import names_of_people
from tenancy.tenants.queries import names_of_tenants

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


@pages.get("/sent-mails")
@requires(Permission.SENT_MAIL_READ)
def sent() -> tuple[str, int]:
    """Every mail that was sent or tried, newest first, with what became of it; a municipality's its own."""
    code, state = request.args.get("tenant", "").strip(), query_enum("state", MailState)
    found = sent_mails(session(), query_part(), tenant_id=tenant_of(code), state=state)
    return render_page(
        "mails/sent",
        rows=found.items,
        next_cursor=next_cursor(found),
        people=names_of_people(session(), {str(row.person_id) for row in found.items}),
        tenants=names_of_tenants(session(), {row.tenant_id for row in found.items}),
        is_operator=current_actor().is_operator,
        code=code,
        state=state,
        states=list(MailState),
    )
