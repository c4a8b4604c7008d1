"""The audit log over the API: its events and its verification."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from admin.core.guard import asks
from admin.interface.api_requests import Id, PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.paging import Page, cut, position
from governance.audit import queries
from governance.audit.seal import verify
from governance.events import Event
from governance.kernel.database import db
from governance.permissions import Permission

routes = ApiRoutes(Tag.RECORD)


class AuditQuery(PageQuery):
    """Which events; each filter narrows."""

    tenant_id: Id | None = None
    event: Event | None = None
    outcome: str | None = Field(default=None, pattern=r"^(done|denied|refused|failed)$")
    subject: str | None = Field(default=None, max_length=200)
    actor: str | None = Field(default=None, max_length=200)


class AuditEventShown(BaseModel):
    """What one command did, or why it did nothing. People appear as their uuid."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    tenant_id: UUID
    recorded_at: datetime
    actor: str
    actor_kind: str
    acting_tenant_id: UUID
    command: str
    event: str
    permission: str
    outcome: str
    subject: str
    facts: dict[str, Any]
    request_id: str | None


class AuditEventPage(Page[AuditEventShown]):
    """Events, newest first."""


class BreakShown(BaseModel):
    """The first place where a stream is not what was sealed."""

    model_config = ConfigDict(from_attributes=True)

    stream: UUID
    sequence: int
    kind: str


class RecordProof(BaseModel):
    """Whether the record is as it was sealed, and how many events wait for their seal."""

    intact: bool
    records: int
    unsealed: int
    first_break: BreakShown | None


@routes.query_route("/audit-events")
@asks(Permission.AUDIT_READ)
def list_audit_events(query: AuditQuery) -> AuditEventPage:
    """List the record, newest first."""
    after = position(query)
    found = queries.events(
        db.session(),
        tenant_id=query.tenant_id,
        subject=query.subject,
        outcome=query.outcome,
        event=query.event,
        actor=query.actor,
        before=None if after is None else UUID(after),
        limit=query.limit + 1,
    )
    return cut(AuditEventPage, found, lambda row: str(row.id), query)


@routes.query_route("/audit-verification")
@asks(Permission.AUDIT_VERIFY)
def show_record_proof() -> RecordProof:
    """Recompute every chain of the record that this asker may see."""
    verdict = verify(db.session())
    broken = None if verdict.first_break is None else BreakShown.model_validate(verdict.first_break)
    return RecordProof(intact=broken is None, records=verdict.records, unsealed=verdict.unsealed, first_break=broken)
