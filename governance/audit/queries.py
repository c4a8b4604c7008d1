"""Reading the record. What a reader sees is what the scope shows: a tenant its own stream, the operator all."""

from __future__ import annotations

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
    before: UUID | None = None,
    limit: int = 50,
) -> list[AuditEvent]:
    """The newest events first, of one tenant, subject or outcome where given, older than the event `before`."""
    query = select(AuditEvent).order_by(AuditEvent.id.desc()).limit(limit)
    if tenant_id is not None:
        query = query.where(AuditEvent.tenant_id == tenant_id)
    if subject is not None:
        query = query.where(AuditEvent.subject == subject)
    if outcome is not None:
        query = query.where(AuditEvent.outcome == outcome)
    if before is not None:
        query = query.where(AuditEvent.id < before)
    return list(session.scalars(query))
