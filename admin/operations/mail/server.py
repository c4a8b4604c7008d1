"""A local SMTP server where no mail server is set: stores the mail of our own Keycloak and forwards none."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Final

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from admin.operations import secret_files
from admin.operations.mail.outbox import MAX_BYTES, MailOutbox
from admin.operations.settings import Settings

SENDER: Final = "keycloak"
"""The one user of the local mail server (SMTP AUTH, RFC 4954)."""


@dataclass(frozen=True, slots=True)
class LocalMailBox:
    """Where the worker's own mail server listens on 127.0.0.1, and the password with which Keycloak signs in there."""

    port: int
    password: str = field(repr=False)


def local_mail_box(settings: Settings) -> LocalMailBox | None:
    """The installation's own; None where SMTP_URL names another server. Makes the password (0600) the first time."""
    if settings.delivers_mail:
        return None
    return LocalMailBox(settings.port + 4, secret_files.load_or_create(settings.secrets, "mail", [SENDER])[SENDER])


class SmtpHandler:
    def __init__(self, outbox: MailOutbox) -> None:
        self._outbox = outbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if not session.authenticated:
            return "530 5.7.0 Authentication required"
        content = envelope.original_content or b""
        mail_id = self._outbox.store(content)
        return f"250 kept as {mail_id}"


class LocalMailServer:
    """Listens on 127.0.0.1 only, in a thread of its own, from `start` until `stop`.

    Takes mail from whoever knows the mail box's password: another program of this machine could otherwise plant a mail
    with a link of its own among those of Keycloak.
    """

    def __init__(self, outbox: MailOutbox, box: LocalMailBox) -> None:
        self.port = box.port

        def authenticate(
            server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: object
        ) -> AuthResult:
            is_known = (
                isinstance(given, LoginPassword)
                and given.login == SENDER.encode()
                and hmac.compare_digest(given.password, box.password.encode())
            )
            return AuthResult(success=is_known, handled=False)

        self._controller = Controller(
            SmtpHandler(outbox),
            hostname="127.0.0.1",
            port=box.port,
            data_size_limit=MAX_BYTES,
            authenticator=authenticate,
            # The connection does not leave this machine.
            auth_require_tls=False,
        )

    def start(self) -> None:
        """Raises OSError when the port is taken."""
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()
