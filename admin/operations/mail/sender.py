"""Moyai's own mails: handed to the mail server of SMTP_URL, or kept beside Keycloak's where none is set."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import formatdate
from typing import Final

from admin.operations.keycloak_setup import mail_server, sender_address
from admin.operations.mail.outbox import MailOutbox
from admin.operations.settings import Settings

_TIMEOUT_SECONDS: Final = 5


class Mailer:
    """Sends a text to one person, and the same as HTML where there is one."""

    def __init__(self, settings: Settings) -> None:
        self._server = mail_server(settings.smtp_url, sender_address(settings), None)
        self._sender = sender_address(settings)
        self._outbox = MailOutbox(settings.home)

    def __call__(self, recipient: str, subject: str, text: str, html: str | None = None) -> None:
        """Raises OSError (smtplib's exceptions are) where the mail is not taken."""
        mail = EmailMessage()
        mail["From"] = self._sender
        mail["To"] = recipient
        mail["Date"] = formatdate()
        mail["Subject"] = subject
        mail.set_content(text)
        if html is not None:
            mail.add_alternative(html, subtype="html")
        if self._server:
            deliver(self._server, mail)
        else:
            self._outbox.store(mail.as_bytes())


def deliver(server: Mapping[str, str], mail: EmailMessage) -> None:
    """Hand the mail to a server as Keycloak's `smtpServer` names it. Raises OSError where it is not taken."""
    host, port = server["host"], int(server["port"])
    context = ssl.create_default_context()
    with (
        smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT_SECONDS, context=context)
        if server["ssl"] == "true"
        else smtplib.SMTP(host, port, timeout=_TIMEOUT_SECONDS)
    ) as connection:
        connection.ehlo()
        if server["starttls"] == "true" and connection.has_extn("starttls"):
            connection.starttls(context=context)
            connection.ehlo()
        if server["auth"] == "true":
            connection.login(server["user"], server["password"])
        connection.send_message(mail)
