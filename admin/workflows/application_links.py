"""The secret link to an application: whoever holds it may fill the application in and read where it stands.

The secret is made of the installation's session secret, the application and the number of its link, and is stored
nowhere: a copy of the database opens no application. Sending a link again makes another number, and the one before is
void (docs/decisions/0064).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final
from uuid import UUID

_PURPOSE: Final = b"moyai application link"


def link_secret(session_secret: str, application_id: UUID, link_number: int) -> str:
    """The secret of a link: 43 characters of base64 for URLs (RFC 4648, section 5), 256 bits."""
    of_link = b"\0".join((_PURPOSE, application_id.bytes, str(link_number).encode()))
    digest = hmac.new(session_secret.encode(), of_link, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def is_link_secret(given: str, session_secret: str, application_id: UUID, link_number: int) -> bool:
    """Whether this is the secret of the link (compared in constant time)."""
    return hmac.compare_digest(given.encode(), link_secret(session_secret, application_id, link_number).encode())


def link_path(session_secret: str, application_id: UUID, link_number: int) -> str:
    """The address of an application's page below the public address."""
    return f"/apply/{application_id}/{link_secret(session_secret, application_id, link_number)}"
