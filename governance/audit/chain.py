"""How an event and a link of the chain are hashed, in both forms. Pure: bytes in, hexadecimal text in ASCII out.

Form 1 (version 0.1) is SHA-256 without a key: whoever may write the table can compute it. Form 2 is
HMAC-SHA-256 with a key that is not in the database. Rows are hashed as PostgreSQL's COPY prints them: text format, the
columns in the order of SELECT_SEAL and EVENT_COLUMNS, instants as ISO 8601 in UTC (the session's settings say so).
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from governance.kernel.digest import canonical

UNKEYED_FORM: Final = 1
KEYED_FORM: Final = 2

GENESIS: Final = b"0" * 64
"""What the first link of every chain has in place of its predecessor's hash."""

MAX_TRANSACTION: Final = timedelta(seconds=60)
"""How long after its audit event a transaction may still commit; then a deferred trigger (migration 0009) refuses."""

COMMIT_MARGIN: Final = timedelta(seconds=30)
"""What may pass between that trigger and the moment from which others see the commit: the write to the disk."""

EVENT_COLUMNS: Final = (
    "event.id, event.tenant_id, event.recorded_at, event.actor, event.actor_kind, event.acting_tenant_id,"
    " event.command, event.event, event.permission, event.outcome, event.subject, event.facts, event.request_id"
)
"""The columns of `audit_event AS event` as both forms hash them, for a SELECT inside COPY."""

SELECT_EVENT: Final = f"SELECT {EVENT_COLUMNS}"

SELECT_SEAL: Final = (
    "SELECT link.chain_hash, link.id, link.tenant_id, link.sequence, link.form, link.event_id, link.event_hash,"
    " link.sealed_at"
)
"""The columns of `audit_seal AS link`, inside COPY. What form 2 hashes of a link is its row after the first one."""

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)

_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPES: Final = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_NULL: Final = b"\\N"
_BLOCK_BYTES: Final = 64


def copy_time(instant: datetime) -> bytes:
    """An aware instant as PostgreSQL prints it in UTC: `2026-04-01 09:00:00.12+00`, without zeros at the end."""
    text = instant.astimezone(UTC).replace(tzinfo=None).isoformat(" ", timespec="microseconds")
    return text.rstrip("0").rstrip(".").encode() + b"+00"


def parse_copy_time(text: bytes) -> datetime:
    """The instant of a time printed by COPY. Raises ValueError, also for the infinite ones."""
    return datetime.fromisoformat(text.decode()).astimezone(UTC)


def event_hash(event_row: bytes) -> bytes:
    """Form 2's hash of an event, from its row as COPY prints it."""
    return hashlib.sha256(b"moyai.audit-event/2\n" + event_row).hexdigest().encode()


class ChainKey:
    """Form 2's hash of links with one key: HMAC-SHA-256 (RFC 2104), the key's two blocks hashed once.

    `hmac.digest` gives the same and takes twice as long for a line of this length.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        """Raises ValueError for a key longer than SHA-256's block of 64 bytes."""
        if len(key) > _BLOCK_BYTES:
            raise ValueError(f"a key of {len(key)} bytes")
        block = key.ljust(_BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def chain_hash(self, previous: bytes, row: bytes) -> bytes:
        """The hash of a link: over its predecessor's and every other column of its own, the hash of its event included.

        `row` is the link's as COPY prints it, without its own hash.
        """
        inner = self._inner.copy()
        inner.update(b"moyai.audit-seal/2\n" + previous + b"\n" + row)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest().encode()


def unkeyed_event_hash(event_row: bytes) -> bytes:
    """Form 1's hash of an event: SHA-256 of canonical JSON, from its row as COPY prints it."""
    given = [_text(field) for field in event_row.split(b"\t")]
    names = (
        *("id", "tenant_id", "recorded_at", "actor", "actor_kind", "acting_tenant_id", "command", "event"),
        *("permission", "outcome", "subject", "facts", "request_id"),
    )
    values: dict[str, Any] = dict(zip(names, given, strict=True))
    values["recorded_at"] = parse_copy_time(str(values["recorded_at"]).encode()).isoformat()
    values["facts"] = json.loads(str(values["facts"]))
    return hashlib.sha256(canonical(values)).hexdigest().encode()


def unkeyed_chain_hash(previous: bytes, sequence: bytes, hash_of_event: bytes) -> bytes:
    """Form 1's hash of a link: over its predecessor's, its place and its event's."""
    return hashlib.sha256(b":".join((previous, sequence, hash_of_event))).hexdigest().encode()


def facts_of(event_row: bytes) -> dict[str, Any]:
    """The facts of an event, from its row as COPY prints it."""
    found: dict[str, Any] = json.loads(_text(event_row.split(b"\t")[11]) or "{}")
    return found


def time_in_id(event_id: UUID) -> datetime:
    """The time in a UUIDv7, in milliseconds; of an id that is none, at most the last time of the calendar."""
    return _EPOCH + min(timedelta(milliseconds=event_id.int >> 80), _LAST - _EPOCH)


def _text(field: bytes) -> str | None:
    """A field of COPY's text format, unescaped; None for NULL."""
    if field == _NULL:
        return None
    if b"\\" in field:
        field = _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[1]), field)
    return field.decode()
