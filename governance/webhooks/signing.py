"""How a delivery is signed, and what its secret is made of.

The scheme is that of Standard Webhooks 1.0
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md): HMAC-SHA256 over id,
timestamp and body, as `v1,` and Base64; a secret is `whsec_` and Base64. Secrets are derived, so that no row and no
backup of the database holds one.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from governance.derived_secrets import derive

_PREFIX: Final = "whsec_"
_FORM: Final = "moyai.webhook-secret/1"


def derive_secret(key: bytes, webhook_id: UUID, number: int) -> str:
    """The secret of this number of a webhook: the same for the same key, and of no use to find another."""
    return _PREFIX + base64.b64encode(derive(key, _FORM, webhook_id, number)).decode()


def sign(secrets: Iterable[str], message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: one signature for each secret, between spaces."""
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = (hmac.digest(base64.b64decode(secret.removeprefix(_PREFIX)), content, "sha256") for secret in secrets)
    return " ".join("v1," + base64.b64encode(signature).decode() for signature in signatures)
