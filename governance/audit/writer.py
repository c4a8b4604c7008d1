"""INSERT statements of audit events. Called by `governance.commands`, and by the sealer where a chain begins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from governance.actors import Actor
from governance.events import Event
from governance.kernel.correlation import request_id
from governance.kernel.ids import new_id
from governance.kernel.labels import LabelledEnum
from governance.kernel.pipelined import PipelinedStatement
from governance.permissions import Permission


class AuditOutcome(LabelledEnum):
    """How a command ended: done; denied (no permission, own request); refused (a rule); failed (a fault)."""

    DONE = "done", "完了", "done"
    DENIED = "denied", "権限なし", "denied"
    REFUSED = "refused", "受け付けず", "refused"
    FAILED = "failed", "エラー", "failed"


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One thing to record: the event, what it happened to, in whose stream, and its facts (JSON values)."""

    event: Event
    subject: str
    tenant_id: UUID
    facts: dict[str, Any]


def insert_statements(
    records: list[AuditRecord],
    actor: Actor,
    command: str,
    permission: Permission,
    outcome: AuditOutcome,
    now: datetime,
) -> list[PipelinedStatement]:
    """One INSERT for each event, for the command bus to send with its COMMIT.

    The server replaces `recorded_at` and the time in each id by its own. What it keeps of the ids counts up, so that
    the events of one command stay in the order of `records`.
    """
    first_id = new_id().int
    common = {
        "recorded_at": now,
        "actor": actor.id,
        "actor_kind": actor.kind.value,
        "acting_tenant_id": actor.tenant_id,
        "command": command,
        "permission": permission.value,
        "outcome": outcome.value,
        "request_id": request_id.get(),
    }
    sudo = {} if actor.sudo_uid is None else {"sudo_uid": actor.sudo_uid}
    return [
        (
            _INSERT_EVENT,
            common
            | {
                "id": UUID(int=first_id + place),
                "tenant_id": record.tenant_id,
                "event": record.event.value,
                "subject": record.subject,
                "facts": Jsonb(record.facts | sudo),
            },
        )
        for place, record in enumerate(records)
    ]


_INSERT_EVENT: Final = """
    INSERT INTO audit_event (
        id, tenant_id, recorded_at, actor, actor_kind, acting_tenant_id, command, event, permission, outcome, subject,
        facts, request_id
    )
    VALUES (
        %(id)s, %(tenant_id)s, %(recorded_at)s, %(actor)s, %(actor_kind)s, %(acting_tenant_id)s, %(command)s, %(event)s,
        %(permission)s, %(outcome)s, %(subject)s, %(facts)s, %(request_id)s
    )
"""
