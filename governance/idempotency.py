"""Idempotency keys: the same key with the same order gives the same answer, with another order a refusal.

The key is claimed inside the command's transaction, so a crash leaves neither claim nor change. Keys are the
tenant's, the actor's and the command's own: nobody meets anybody else's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from governance.actors import Actor
from governance.kernel.database import Row, execute_hot
from governance.kernel.errors import Invalid, KeyReused, reason
from governance.kernel.ids import new_id

KEY_REUSED = reason(
    "idempotency.reused",
    ja="同じ冪等キーが、内容の異なる依頼に使われています。",
    en="This idempotency key was already used with another order.",
    hint_ja="新しいキーで送り直してください。",
    hint_en="Send it again with a new key.",
)
KEY_MALFORMED = reason(
    "idempotency.malformed",
    ja="冪等キーは 1〜255 文字の ASCII 文字で指定してください。",
    en="An idempotency key has 1 to 255 printable ASCII characters.",
)


class IdempotencyKey(Row):
    """A key that was used, the hash of the order it came with, and the answer given."""

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


def claim_key(session: Session, actor: Actor, command: str, key: str, order_hash: str, now: datetime) -> str | None:
    """Claim the key for this order, or return the answer it already has (JSON).

    A second claim waits for the first one's transaction to end. Raises KeyReused for another order's key and
    Invalid for a key that is none.
    """
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise Invalid(KEY_MALFORMED, field="Idempotency-Key")
    owner = {"tenant_id": actor.tenant_id, "actor": actor.id, "command": command, "key": key}
    claim = owner | {"id": new_id(), "order_hash": order_hash, "claimed_at": now}
    if execute_hot(session, _CLAIM, claim):
        return None
    stored = session.execute(
        select(IdempotencyKey.order_hash, IdempotencyKey.answer).where(
            IdempotencyKey.tenant_id == actor.tenant_id,
            IdempotencyKey.actor == actor.id,
            IdempotencyKey.command == command,
            IdempotencyKey.key == key,
        )
    ).one()
    if stored.order_hash != order_hash:
        raise KeyReused(KEY_REUSED, field="Idempotency-Key")
    answer: str = stored.answer
    return answer


def answer_statement(actor: Actor, command: str, key: str, answer: str) -> tuple[LiteralString, dict[str, Any]]:
    """What keeps the answer beside the claimed key; for `send_hot` in the same transaction."""
    return _KEEP_ANSWER, {
        "tenant_id": actor.tenant_id,
        "actor": actor.id,
        "command": command,
        "key": key,
        "answer": answer,
    }


_CLAIM: Final = """
    INSERT INTO idempotency_key (id, tenant_id, actor, command, key, order_hash, claimed_at)
    VALUES (%(id)s, %(tenant_id)s, %(actor)s, %(command)s, %(key)s, %(order_hash)s, %(claimed_at)s)
    ON CONFLICT (tenant_id, actor, command, key) DO NOTHING
    RETURNING id
"""
_KEEP_ANSWER: Final = """
    UPDATE idempotency_key SET answer = %(answer)s
    WHERE tenant_id = %(tenant_id)s AND actor = %(actor)s AND command = %(command)s AND key = %(key)s
"""
