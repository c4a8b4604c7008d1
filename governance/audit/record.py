"""Writing the record. Only the write door calls this."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.orm import Session

from governance.actors import Actor
from governance.audit.tables import AuditEvent
from governance.events import Event
from governance.kernel.correlation import request_id
from governance.kernel.ids import new_id
from governance.permissions import Permission


class AuditOutcome(StrEnum):
    """How a command ended: done; denied (no permission, own request); refused (a rule); failed (a fault)."""

    DONE = "done"
    DENIED = "denied"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to record: the event, what it happened to, in whose stream, and its facts (JSON values)."""

    event: Event
    subject: str
    tenant_id: UUID
    facts: dict[str, Any]


def write(
    session: Session,
    entries: list[Entry],
    actor: Actor,
    command: str,
    permission: Permission,
    outcome: AuditOutcome,
    now: datetime,
) -> None:
    """Add the entries to the record in the session's transaction, in one statement."""
    session.execute(
        insert(AuditEvent),
        [
            {
                "id": new_id(),
                "tenant_id": entry.tenant_id,
                "recorded_at": now,
                "actor": actor.id,
                "actor_kind": actor.kind.value,
                "acting_tenant_id": actor.tenant_id,
                "command": command,
                "event": entry.event.value,
                "permission": permission.value,
                "outcome": outcome.value,
                "subject": entry.subject,
                "facts": entry.facts,
                "request_id": request_id.get(),
            }
            for entry in entries
        ],
    )
