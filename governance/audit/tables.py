"""Rows of the audit log. The application's database role may INSERT and SELECT; it has no UPDATE and no DELETE."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    UniqueConstraint,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase

BY_HAND: Final[ColumnElement[bool]] = literal_column(
    "(audit_event.actor_kind <> 'system' OR audit_event.actor LIKE 'cli:%')", Boolean
)
"""What a person or a system did, and not Moyai by itself. As text: the indexes below hold for exactly these words."""

_BY_HAND: Final = text("actor_kind <> 'system' OR actor LIKE 'cli:%'")


class AuditEvent(TableBase):
    """What one command did, or why it did nothing. `facts` hold no personal data; people appear as their uuid.

    A trigger sets `recorded_at`, and the time in `id`, to the server's time of the statement.
    """

    __tablename__ = "audit_event"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        Index("ix_audit_event_subject", "subject", "id"),
        Index("ix_audit_event_actor", "actor", "id"),
        Index("ix_audit_event_event", "event", "id"),
        Index("ix_audit_event_by_hand", "id", postgresql_where=_BY_HAND),
        Index("ix_audit_event_reason", "id", postgresql_where=text("facts ? 'reason'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    recorded_at: Mapped[datetime]
    actor: Mapped[str]
    actor_kind: Mapped[str]
    acting_tenant_id: Mapped[UUID]
    command: Mapped[str]
    event: Mapped[str]
    permission: Mapped[str]
    outcome: Mapped[str]
    subject: Mapped[str]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    request_id: Mapped[str | None]


class AuditSeal(TableBase):
    """One link of a tenant's hash chain: the event at this place, its hash, and the hash over everything before.

    `form` says how both hashes were computed: `governance.audit.chain`. `position` is the order of sealing over all
    streams: the database counts it, and one sealer at a time adds links, so that none is added below another.
    """

    __tablename__ = "audit_seal"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "sequence"),
        UniqueConstraint("tenant_id", "event_id"),
        CheckConstraint("form IN (1, 2)", name="form_known"),
        Index("ix_audit_seal_position", "position"),
        # No foreign key to the event: a seal must be able to outlive an event that somebody deleted.
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    sequence: Mapped[int] = mapped_column(BigInteger)
    position: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    event_id: Mapped[UUID]
    event_hash: Mapped[str]
    chain_hash: Mapped[str]
    sealed_at: Mapped[datetime]
    form: Mapped[int] = mapped_column(SmallInteger)
