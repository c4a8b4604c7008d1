"""`moyai mail`: which emails are stored because no mail server is set, and whether the mail server takes one.

The text of stored emails is not printed here.
"""

from __future__ import annotations

import smtplib

import click
from flask import current_app
from sqlalchemy.orm import Session

from admin.bootstrap import settings_of
from admin.interface.cli_context import app_context
from admin.interface.command_line import command_group, spelled
from admin.interface.output import Answer, handle_errors, print_json, rows, tab_separated
from admin.interface.param_types import as_json_option
from admin.interface.permitted import PermittedCommand
from admin.operations.mail.outbox import MailOutbox
from governance.kernel.errors import Conflict, DependencyUnavailable, message
from governance.permissions import Permission

MAIL_REFUSED = message(
    "mail.refused",
    ja="メールサーバーがメールを受け付けませんでした（{answer}）。",
    en="The mail server did not take the mail ({answer}).",
    hint_ja="SMTP_URL の利用者とパスワード、MOYAI_MAIL_FROM、宛先を確かめてください。",
    hint_en="Check user and password of SMTP_URL, MOYAI_MAIL_FROM, and the recipient.",
)
MAIL_UNREACHABLE = message(
    "mail.unreachable",
    ja="SMTP_URL のメールサーバーに接続できません（{answer}）。",
    en="The mail server of SMTP_URL cannot be reached ({answer}).",
    hint_ja="ホスト名、ポート、smtp と smtps の別、MOYAI_CA_FILE を確かめてください。",
    hint_en="Check host, port, whether it is smtp or smtps, and MOYAI_CA_FILE.",
)
_TEST_SUBJECT = "Moyai 催合: メールの確認 / test of the mail"
_TEST_TEXT = "moyai mail test が送ったメールです。 / Sent by `moyai mail test`.\n"

mail = command_group("mail", "送信控え / Stored emails.")


@mail.query("list", Permission.MAIL_READ)
def list_mails(session: Session) -> Answer:
    """保管したメールの一覧 / The newest 200 stored emails: when, to whom, about what."""
    found = MailOutbox(settings_of(current_app).home).mails()
    return rows("mails", found, tab_separated("stored_at", "recipient", "subject"))


@mail.command("test", cls=PermittedCommand, permission=Permission.SERVERS_RUN)
@click.argument("recipient", metavar="ADDRESS")
@as_json_option
@handle_errors
def send_test_mail(recipient: str, as_json: bool) -> None:
    """確認のメールを送る / Send one mail as Moyai and Keycloak send theirs, and say who took it.

    Without SMTP_URL it is stored with the others. Exit code 1 when the mail server refuses it, 3 when none answers.
    """
    # Imported here: what knows Keycloak's mail settings takes long to import, and the list does without.
    from admin.operations.mail.sender import Mailer

    with spelled(), app_context() as context:
        settings = context.settings
        try:
            Mailer(settings)(recipient, _TEST_SUBJECT, _TEST_TEXT)
        except (smtplib.SMTPServerDisconnected, smtplib.SMTPConnectError) as away:
            raise DependencyUnavailable(MAIL_UNREACHABLE, answer=str(away)[:200]) from away
        except smtplib.SMTPException as refused:
            raise Conflict(MAIL_REFUSED, answer=_reply(refused)) from refused
        except OSError as away:
            raise DependencyUnavailable(MAIL_UNREACHABLE, answer=str(away)[:200]) from away
    taken_by = "smtp" if settings.smtp_url else "outbox"
    if as_json:
        print_json({"recipient": recipient, "taken_by": taken_by})
    elif settings.smtp_url:
        click.echo("メールサーバーが受け付けました / taken by the mail server")
    else:
        click.echo("SMTP_URL がないため、送信控えに保管しました / stored, as no SMTP_URL is set")


def _reply(refused: smtplib.SMTPException) -> str:
    """What the server said. Never what was sent to it."""
    code = getattr(refused, "smtp_code", None)
    if code is None and isinstance(refused, smtplib.SMTPRecipientsRefused):
        code = next(iter(refused.recipients.values()))[0]
    return f"{type(refused).__name__} {code or ''}".strip()
