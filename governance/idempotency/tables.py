"""Idempotency keys that were used."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase


class IdempotencyKey(TableBase):
    """A used key, the hash of the request it came with, and the answer (JSON of the command's result)."""

    __tablename__ = "idempotency_key"
    __table_args__ = (UniqueConstraint("tenant_id", "actor", "command", "key"), UniqueConstraint("tenant_id", "id"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    actor: Mapped[str]
    command: Mapped[str]
    key: Mapped[str]
    request_hash: Mapped[str]
    answer: Mapped[str | None]
    claimed_at: Mapped[datetime]
