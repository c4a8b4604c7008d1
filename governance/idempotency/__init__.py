"""Idempotency keys: the same key with the same request gives the stored answer, with another request a refusal.

A key is unique per (tenant, actor, command). It is locked for the command's transaction and stored in it, so after a
crash there is neither the change nor the key. Keys of earlier versions are read by `governance.former_names`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from governance.actors import Actor
from governance.former_names import former_request
from governance.kernel.digest import digest_of
from governance.kernel.errors import IdempotencyKeyReused, Invalid, message
from governance.kernel.ids import first_id_at, new_id
from governance.kernel.pipelined import PipelinedStatement, begin_pipelined, execute_raw

KEPT: Final = timedelta(days=428)
"""How long a key is kept after its use: 14 months, however long they are."""

KEY_REUSED = message(
    "idempotency.reused",
    ja="同じ冪等キーが、内容の異なる依頼に使われています。",
    en="This idempotency key was already used with another request.",
    hint_ja="新しいキーで送り直してください。",
    hint_en="Send it again with a new key.",
)
KEY_MALFORMED = message(
    "idempotency.malformed",
    ja="冪等キーは 1〜255 文字の ASCII 文字で指定してください。",
    en="An idempotency key must have 1 to 255 printable ASCII characters.",
)


def begin_with_key(session: Session, actor: Actor, command: str, key: str, request: Mapping[str, Any]) -> str | None:
    """Begin the command's transaction with the key locked. Returns the stored answer (JSON), or None for a new key.

    `request` is the JSON form of the command. A second transaction with the same key waits until the first one has
    ended. A key that version 0.1.0 stored is found under the command's name and field names of then.

    Raises IdempotencyKeyReused when the key was stored with another request, and Invalid unless the key has 1 to 255
    printable ASCII characters.
    """
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise Invalid(KEY_MALFORMED, field="Idempotency-Key")
    stored = begin_pipelined(session, _LOCK_KEY, _key_owner(actor, command, key))
    former = former_request(command, request)
    if not stored and former is not None and former[0] != command:
        stored = execute_raw(session, _LOCK_KEY, _key_owner(actor, former[0], key) | {"scope": str(actor.tenant_scope)})
    if not stored:
        return None
    [(stored_hash, answer)] = stored
    hashes = {digest_of(request), *(map(digest_of, former[1]) if former is not None else ())}
    if stored_hash not in hashes:
        raise IdempotencyKeyReused(KEY_REUSED, field="Idempotency-Key")
    return str(answer)


def answer_statement(
    actor: Actor, command: str, key: str, request: Mapping[str, Any], answer: str, now: datetime
) -> PipelinedStatement:
    """The INSERT that stores the key with its answer, for the transaction that `begin_with_key` began."""
    given = {"id": new_id(), "request_hash": digest_of(request), "answer": answer, "claimed_at": now}
    return _STORE_KEY, _key_owner(actor, command, key) | given


def delete_old(session: Session, claimed_before: datetime, limit: int) -> int:
    """Delete the keys that were used before an instant, the oldest first, at most `limit`; how many.

    The database lets none go that was used within 14 months (migration 0022). Commits nothing.
    """
    deleted = execute_raw(
        session,
        _DELETE_OLD,
        {"before": claimed_before, "first_id": first_id_at(claimed_before), "limit": limit},
    )
    return len(deleted)


def _key_owner(actor: Actor, command: str, key: str) -> dict[str, object]:
    return {"tenant_id": actor.tenant_id, "actor": actor.id, "command": command, "key": key}


_LOCK_KEY: Final = """
    SELECT stored_request_hash, stored_answer
    FROM lock_idempotency_key(%(scope)s, %(tenant_id)s, %(actor)s, %(command)s, %(key)s)
"""
_STORE_KEY: Final = """
    INSERT INTO idempotency_key (id, tenant_id, actor, command, key, request_hash, answer, claimed_at)
    VALUES (
        %(id)s, %(tenant_id)s, %(actor)s, %(command)s, %(key)s, %(request_hash)s, %(answer)s, %(claimed_at)s
    )
"""
# By the primary key, which grows with time: no index of its own for what happens once a day.
_DELETE_OLD: Final = """
    DELETE FROM idempotency_key WHERE id IN (
        SELECT id FROM idempotency_key
        WHERE id < %(first_id)s AND claimed_at < %(before)s ORDER BY id LIMIT %(limit)s
    ) RETURNING id
"""
