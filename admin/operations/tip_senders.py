"""Where the tips of the audit log go besides their file: to syslog after each sealing, or by mail once an hour.

Whoever receives them can hold a later record against them: `moyai audit verify --expect`.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from datetime import timedelta
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from admin.operations.keycloak_setup import mail_server, sender_address
from admin.operations.mail.sender import deliver
from admin.operations.settings import Settings
from governance.audit.files import Tip, TipSender

MAIL_INTERVAL: Final = timedelta(hours=1)
_TIMEOUT_SECONDS: Final = 5
_SYSLOG_PORT: Final = 514
_SYSLOG_PATH: Final = "/dev/log"
_AUTHPRIV_NOTICE: Final = 10 * 8 + 5
"""Facility authpriv, severity notice (RFC 5424, 6.2.1)."""


def tip_sender(settings: Settings) -> TipSender | None:
    """What MOYAI_AUDIT_TIPS_TO names; None where it is unset."""
    target = settings.audit_tips_to
    if target is None:
        return None
    if target.startswith("mailto:"):
        server = mail_server(settings.smtp_url, sender_address(settings), None)
        return MailSender(server, target.removeprefix("mailto:"))
    return SyslogSender(target)


class SyslogSender:
    """One message for each tip: to this machine's syslog, or by UDP to `syslog://host[:514]`."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._remote = (parts.hostname, parts.port or _SYSLOG_PORT) if parts.hostname else None

    def __call__(self, tips: Sequence[Tip]) -> None:
        """Raises OSError where the message cannot be handed over. Syslog confirms nothing."""
        family = socket.AF_UNIX if self._remote is None else socket.AF_UNSPEC
        if self._remote is None:
            address: Any = _SYSLOG_PATH
        else:
            family, _, _, _, address = socket.getaddrinfo(*self._remote, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as connection:
            connection.settimeout(_TIMEOUT_SECONDS)
            for tip in tips:
                connection.sendto(f"<{_AUTHPRIV_NOTICE}>moyai: audit tip {tip}".encode(), address)


class MailSender:
    """One mail an hour with the newest tip of each stream that was sealed since the last one."""

    def __init__(self, server: dict[str, str], recipient: str) -> None:
        """`server` is Keycloak's `smtpServer`, as `mail_server` makes it."""
        self._server = server
        self._recipient = recipient
        self._pending: dict[UUID, Tip] = {}
        self._sent_at: float | None = None

    def __call__(self, tips: Sequence[Tip]) -> None:
        """Raises OSError (smtplib's exceptions are) where the mail is not taken; the tips go with the next one."""
        self._pending |= {tip.stream: tip for tip in tips}
        if self._sent_at is not None and time.monotonic() - self._sent_at < MAIL_INTERVAL.total_seconds():
            return
        # Also after a failure: a mail server that is down is not asked again at once.
        self._sent_at = time.monotonic()
        deliver(self._server, self._mail())
        self._pending.clear()

    def _mail(self) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = self._server["from"]
        mail["To"] = self._recipient
        mail["Date"] = formatdate()
        mail["Subject"] = "監査記録の末尾の控え / Tips of the audit log"
        lines = [str(tip) for _, tip in sorted(self._pending.items())]
        mail.set_content("\n".join(["moyai audit verify --expect TIP", "", *lines, ""]))
        return mail
