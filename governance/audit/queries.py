"""Reads of the audit log. The tenant scope of the session decides: a tenant sees its own events, the operator all."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Annotated, Any, TypedDict, Unpack
from uuid import UUID

from pydantic import AfterValidator
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from governance.audit.tables import AuditEvent
from governance.former_names import (
    current_command,
    current_event,
    current_facts,
    current_permission,
    stored_events,
)
from governance.kernel.keyset import KeysetPage, OrderBy, PageRequest, fetch_page
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


class EventFilters(TypedDict, total=False):
    """Which events; each that is given and not None narrows. `since` is included and `until` is not."""

    tenant_id: UUID | None
    subject: str | None
    outcome: str | None
    event: str | None
    actor: str | None
    since: datetime | None
    until: datetime | None


def events(session: Session, *, limit: int = 50, **filters: Unpack[EventFilters]) -> list[AuditEventFacts]:
    """The newest events that the filters let through, at most `limit`."""
    return events_page(session, PageRequest(limit), **filters).items


def events_page(session: Session, part: PageRequest, **filters: Unpack[EventFilters]) -> KeysetPage[AuditEventFacts]:
    """A part of the events that the filters let through, newest first. Raises Invalid for a key of another list."""
    query = select(AuditEvent)
    for name in ("tenant_id", "subject", "outcome", "actor"):
        if filters.get(name) is not None:
            query = query.where(getattr(AuditEvent, name) == filters.get(name))
    if event := filters.get("event"):
        query = query.where(AuditEvent.event.in_(stored_events(event)))
    if since := filters.get("since"):
        query = query.where(AuditEvent.recorded_at >= since)
    if until := filters.get("until"):
        query = query.where(AuditEvent.recorded_at < until)
    newest_first = [OrderBy(AuditEvent.id, descending=True)]
    return fetch_page(session, query, newest_first, part, AuditEventFacts.model_validate)


def those_who_acted(session: Session, tenant_id: UUID, actors: Collection[str]) -> set[str]:
    """Those of these actors by whom the tenant's stream has an event of something done, a sign-in for instance."""
    found = select(AuditEvent.id).where(
        AuditEvent.tenant_id == tenant_id, AuditEvent.outcome == "done", AuditEvent.actor == bindparam("actor")
    )
    return {actor for actor in actors if session.execute(found.limit(1), {"actor": actor}).first() is not None}


def events_with_fact(session: Session, key: str) -> Iterator[tuple[UUID, UUID, dict[str, Any]]]:
    """Stream, event id and facts of every event of a done command that has this fact, in no order. Reads all events."""
    found = session.execute(
        select(AuditEvent.tenant_id, AuditEvent.id, AuditEvent.facts)
        .where(AuditEvent.facts.has_key(key), AuditEvent.outcome == "done")
        .execution_options(yield_per=2_000)
    )
    return ((tenant_id, event_id, facts) for tenant_id, event_id, facts in found)
