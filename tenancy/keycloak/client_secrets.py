"""The secrets of service clients: derived, so that Moyai stores none. Keycloak keeps each with a client of its own.

A secret is in Keycloak's hands from when its client is made there; a client that is there keeps the one it has.
"""

from __future__ import annotations

import base64
from typing import Final
from uuid import UUID

from governance.derived_secrets import derive, secrets_key
from governance.kernel.errors import Conflict, message

SECRETS_KEY_MISSING: Final = message(
    "client.secrets_key_missing",
    ja="監査記録の鍵がないため、シークレットを作れません。",
    en="No secret can be made: the key of the audit log is missing.",
    hint_ja="システム管理者に連絡してください。",
    hint_en="Ask the system administrator.",
)

_FORM: Final = "moyai.client-secret/1"


def client_secret(service_client_id: UUID, number: int) -> str:
    """The secret of this number: 256 bits as base64url. Raises Conflict without the installation's key."""
    key = secrets_key()
    if key is None:
        raise Conflict(SECRETS_KEY_MISSING)
    return base64.urlsafe_b64encode(derive(key, _FORM, service_client_id, number)).rstrip(b"=").decode()
