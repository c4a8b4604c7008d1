"""The folder of stored mails: one file a mail, readable by the installation's operating-system user only.

Whoever has a password mail can set the password, so files are 0600, the folder 0700, and only `body` reads the text,
for the command line of this machine.
"""

from __future__ import annotations

import email
import email.policy
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import getaddresses
from pathlib import Path
from typing import Final
from uuid import UUID

from governance.kernel.errors import not_found
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.models import ReadModel
from governance.kernel.private_files import write_private

FOLDER: Final = "outbox"
MAX_BYTES: Final = 2**20
"""Bytes of one mail. Keycloak's are a few thousand."""


class StoredMail(ReadModel):
    """A stored mail's headers. `stored_at` is UTC; several recipients are joined by a comma. The body is not here."""

    id: UUID
    recipient: str
    subject: str
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class MailOutbox:
    """The mails of one installation, below its `MOYAI_HOME`."""

    home: Path

    @property
    def folder(self) -> Path:
        return self.home / FOLDER

    def store(self, content: bytes) -> UUID:
        """Write the mail to its file, atomically. Returns its id."""
        mail_id = new_id()
        write_private(self._path(mail_id), content)
        return mail_id

    def mails(self, limit: int = 200) -> list[StoredMail]:
        """The stored mails, newest first, at most `limit`."""
        ids = sorted((path.stem for path in self.folder.glob("*.eml")), reverse=True)[:limit]
        return [_described(UUID(name), self._read(UUID(name))) for name in ids]

    def body(self, mail_id: UUID) -> str:
        """The text of a mail, with its link. Raises NotFound."""
        message = self._read(mail_id)
        part = message.get_body(("plain", "html"))
        return "" if part is None else str(part.get_content())

    def _read(self, mail_id: UUID) -> EmailMessage:
        try:
            content = self._path(mail_id).read_bytes()
        except FileNotFoundError:
            raise not_found(what=Label("メール", "mail"), given=mail_id) from None
        return email.message_from_bytes(content, policy=email.policy.default)

    def _path(self, mail_id: UUID) -> Path:
        return self.folder / f"{mail_id}.eml"


def _described(mail_id: UUID, message: EmailMessage) -> StoredMail:
    recipients = [address for _, address in getaddresses(message.get_all("to", []))]
    # The id is a UUIDv7: its first 48 bits are the milliseconds at which it was kept.
    stored_at = datetime.fromtimestamp((mail_id.int >> 80) / 1000, UTC)
    return StoredMail(
        id=mail_id,
        recipient=", ".join(recipients),
        subject=str(message.get("subject", "")),
        stored_at=stored_at,
    )
