"""Idempotency keys: the same key with the same command gives the same answer, with another command a refusal.

The key is locked for the command's transaction and written beside its changes, so a crash leaves neither. Keys are
the tenant's, the actor's and the command's own: nobody meets anybody else's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, Session, mapped_column

from governance.actors import Actor
from governance.kernel.database import TableBase
from governance.kernel.errors import IdempotencyKeyReused, Invalid, message
from governance.kernel.ids import new_id
from governance.kernel.pipelined import PipelinedStatement, begin_pipelined

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


class IdempotencyKey(TableBase):
    """A key that was used, the hash of the command it came with, and the answer given."""

    __tablename__ = "idempotency_key"
    __table_args__ = (UniqueConstraint("tenant_id", "actor", "command", "key"), UniqueConstraint("tenant_id", "id"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    actor: Mapped[str]
    command: Mapped[str]
    key: Mapped[str]
    order_hash: Mapped[str]
    answer: Mapped[str | None]
    claimed_at: Mapped[datetime]


def begin_with_key(session: Session, actor: Actor, command: str, key: str, order_hash: str) -> str | None:
    """Begin the command's transaction holding the key; the answer (JSON) that it already has for this command, or None.

    A second command with the key waits until the first one's transaction has ended. Raises IdempotencyKeyReused for
    another command's key and Invalid for a key that is none.
    """
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise Invalid(KEY_MALFORMED, field="Idempotency-Key")
    kept = begin_pipelined(session, _LOCK_KEY, _key_owner(actor, command, key))
    if not kept:
        return None
    [(kept_hash, answer)] = kept
    if kept_hash != order_hash:
        raise IdempotencyKeyReused(KEY_REUSED, field="Idempotency-Key")
    return str(answer)


def answer_statement(
    actor: Actor, command: str, key: str, order_hash: str, answer: str, now: datetime
) -> PipelinedStatement:
    """What keeps the key with its answer, to be sent in the transaction that `begin_with_key` began."""
    given = {"id": new_id(), "order_hash": order_hash, "answer": answer, "claimed_at": now}
    return _STORE_KEY, _key_owner(actor, command, key) | given


def _key_owner(actor: Actor, command: str, key: str) -> dict[str, object]:
    return {"tenant_id": actor.tenant_id, "actor": actor.id, "command": command, "key": key}


_LOCK_KEY: Final = """
    SELECT kept_order_hash, kept_answer
    FROM hold_idempotency_key(%(scope)s, %(tenant_id)s, %(actor)s, %(command)s, %(key)s)
"""
_STORE_KEY: Final = """
    INSERT INTO idempotency_key (id, tenant_id, actor, command, key, order_hash, answer, claimed_at)
    VALUES (
        %(id)s, %(tenant_id)s, %(actor)s, %(command)s, %(key)s, %(order_hash)s, %(answer)s, %(claimed_at)s
    )
"""
