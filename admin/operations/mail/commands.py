"""Reading the text of a stored mail: a command, because whoever reads a password link may set that password."""

from __future__ import annotations

from uuid import UUID

from governance.commands import Command, CommandContext, Result, handles
from governance.events import Event
from governance.permissions import Permission


class ViewMail(Command):
    """A stored mail whose text is about to be shown, and the addresses it is for, joined by a comma."""

    mail_id: UUID
    recipient: str


class MailViewed(Result):
    mail_id: UUID


@handles(Permission.MAIL_OPEN, Event.MAIL_OPENED)
def view_mail(ctx: CommandContext, command: ViewMail) -> MailViewed:
    """Record who opens the mail, before its text is shown. The text itself stays in its file."""
    ctx.audit(subject=command.mail_id, recipient=command.recipient)
    return MailViewed(mail_id=command.mail_id)
