"""Reads of the audit log. The tenant scope of the session decides: a tenant sees its own events, the operator all."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator
from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.audit.tables import AuditEvent
from governance.former_names import (
    current_command,
    current_event,
    current_facts,
    current_permission,
    stored_events,
)
from governance.kernel.models import ReadModel


class AuditEventFacts(ReadModel):
    """What one command did, or why it did nothing. People appear as their uuid.

    `tenant_id` is the tenant concerned, `acting_tenant_id` the actor's own. `facts` depend on the command and hold no
    personal data. Names that version 0.1 stored are given as they are now; the row keeps those it was sealed with.
    """

    id: UUID
    tenant_id: UUID
    recorded_at: datetime
    actor: str
    actor_kind: str
    acting_tenant_id: UUID
    command: Annotated[str, AfterValidator(current_command)]
    event: Annotated[str, AfterValidator(current_event)]
    permission: Annotated[str, AfterValidator(current_permission)]
    outcome: str
    subject: str
    facts: Annotated[dict[str, Any], AfterValidator(current_facts)]
    request_id: str | None


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
) -> list[AuditEventFacts]:
    """Events, newest first, at most `limit`. Each argument that is given narrows the list.

    `since` is included and `until` is not; `before` is the id of an event: only older ones are returned.
    """
    query = select(AuditEvent).order_by(AuditEvent.id.desc()).limit(limit)
    if tenant_id is not None:
        query = query.where(AuditEvent.tenant_id == tenant_id)
    if subject is not None:
        query = query.where(AuditEvent.subject == subject)
    if outcome is not None:
        query = query.where(AuditEvent.outcome == outcome)
    if event is not None:
        query = query.where(AuditEvent.event.in_(stored_events(event)))
    if actor is not None:
        query = query.where(AuditEvent.actor == actor)
    if since is not None:
        query = query.where(AuditEvent.recorded_at >= since)
    if until is not None:
        query = query.where(AuditEvent.recorded_at < until)
    if before is not None:
        query = query.where(AuditEvent.id < before)
    return [AuditEventFacts.model_validate(event) for event in session.scalars(query)]
