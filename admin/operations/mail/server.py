"""A local SMTP server where no mail server is set: stores mail from this machine and forwards none."""

from __future__ import annotations

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from admin.operations.mail.outbox import MAX_BYTES, MailOutbox
from admin.operations.settings import Settings


def local_mail_port(settings: Settings) -> int | None:
    """Where the worker's own mail server listens on 127.0.0.1; None where SMTP_URL names another server."""
    return None if settings.smtp_url is not None else settings.port + 4


class SmtpHandler:
    def __init__(self, outbox: MailOutbox) -> None:
        self._outbox = outbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        mail_id = self._outbox.store(content)
        return f"250 kept as {mail_id}"


class LocalMailServer:
    """Listens on 127.0.0.1 only, in a thread of its own, from `start` until `stop`."""

    def __init__(self, outbox: MailOutbox, port: int) -> None:
        self.port = port
        self._controller = Controller(SmtpHandler(outbox), hostname="127.0.0.1", port=port, data_size_limit=MAX_BYTES)

    def start(self) -> None:
        """Raises OSError when the port is taken."""
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()
