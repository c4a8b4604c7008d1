"""`moyai mail`: which emails are stored because no mail server is set. Their text is not printed here."""

from __future__ import annotations

from admin.interface.cli_context import app_context
from admin.interface.command_line import command_group
from admin.interface.output import handle_errors, print_models, tab_separated
from admin.interface.param_types import as_json_option
from admin.interface.permitted import PermittedCommand
from admin.operations.mail.outbox import MailOutbox
from governance.permissions import Permission

mail = command_group("mail", "送信控え / Stored emails.")


@mail.command("list", cls=PermittedCommand, permission=Permission.MAIL_READ)
@as_json_option
@handle_errors
def list_mails(as_json: bool) -> None:
    """保管したメールの一覧 / The newest 200 stored emails: when, to whom, about what."""
    with app_context() as context:
        found = MailOutbox(context.settings.home).mails()
    print_models("mails", found, as_json, tab_separated("stored_at", "recipient", "subject"))
