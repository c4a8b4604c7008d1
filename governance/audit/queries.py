"""Reading the record. What a reader sees is what the scope shows: a tenant its own stream, the operator all."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.audit.tables import AuditEvent


def events(
    session: Session,
    *,
    tenant_id: UUID | None = None,
    subject: str | None = None,
    outcome: str | None = None,
    event: str | None = None,
    actor: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[AuditEvent]:
    """The newest events first: of one tenant, subject, outcome, event or actor where given, recorded from `since` to
    before `until`, and older than the event `before`.
    """
    query = select(AuditEvent).order_by(AuditEvent.id.desc()).limit(limit)
    if tenant_id is not None:
        query = query.where(AuditEvent.tenant_id == tenant_id)
    if subject is not None:
        query = query.where(AuditEvent.subject == subject)
    if outcome is not None:
        query = query.where(AuditEvent.outcome == outcome)
    if event is not None:
        query = query.where(AuditEvent.event == event)
    if actor is not None:
        query = query.where(AuditEvent.actor == actor)
    if since is not None:
        query = query.where(AuditEvent.recorded_at >= since)
    if until is not None:
        query = query.where(AuditEvent.recorded_at < until)
    if before is not None:
        query = query.where(AuditEvent.id < before)
    return list(session.scalars(query))
