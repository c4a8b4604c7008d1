"""Writing the record. Only the write door calls this."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy.orm import Session

from governance.actors import Actor
from governance.events import Event
from governance.kernel.correlation import request_id
from governance.kernel.database import execute_hot
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
    execute_hot(
        session,
        _ADD,
        {
            "ids": [new_id() for _ in entries],
            "tenant_ids": [entry.tenant_id for entry in entries],
            "events": [entry.event.value for entry in entries],
            "subjects": [entry.subject for entry in entries],
            "facts": [Jsonb(entry.facts) for entry in entries],
            "recorded_at": now,
            "actor": actor.id,
            "actor_kind": actor.kind.value,
            "acting_tenant_id": actor.tenant_id,
            "command": command,
            "permission": permission.value,
            "outcome": outcome.value,
            "request_id": request_id.get(),
        },
    )


_ADD: Final = """
    INSERT INTO audit_event (
        id, tenant_id, event, subject, facts,
        recorded_at, actor, actor_kind, acting_tenant_id, command, permission, outcome, request_id
    )
    SELECT entry.id, entry.tenant_id, entry.event, entry.subject, entry.facts,
        %(recorded_at)s, %(actor)s, %(actor_kind)s, %(acting_tenant_id)s, %(command)s, %(permission)s, %(outcome)s,
        %(request_id)s
    FROM unnest(%(ids)s::uuid[], %(tenant_ids)s::uuid[], %(events)s::text[], %(subjects)s::text[], %(facts)s::jsonb[])
        AS entry (id, tenant_id, event, subject, facts)
"""
