"""The audit log over the API: its events and its verification."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from admin.core.guard import requires
from admin.interface.api_requests import IdParam, PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.paging import Page, read_cursor, slice_page
from governance.audit import queries
from governance.audit.seal import verify
from governance.events import Event
from governance.kernel.database import db
from governance.permissions import Permission

routes = ApiRoutes(Tag.AUDIT)


class AuditQuery(PageQuery):
    """Which events; each filter narrows."""

    tenant_id: IdParam | None = None
    event: Event | None = None
    outcome: str | None = Field(default=None, pattern=r"^(done|denied|refused|failed)$")
    subject: str | None = Field(default=None, max_length=200)
    actor: str | None = Field(default=None, max_length=200)


class AuditEventResponse(BaseModel):
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


class AuditEventPage(Page[AuditEventResponse]):
    """Events, newest first."""


class ChainErrorResponse(BaseModel):
    """The first place where a stream is not what was sealed."""

    model_config = ConfigDict(from_attributes=True)

    stream: UUID
    sequence: int
    kind: str


class AuditVerificationResponse(BaseModel):
    """Whether the record is as it was sealed, and how many events wait for their seal."""

    intact: bool
    records: int
    unsealed: int
    first_break: ChainErrorResponse | None


@routes.query_route("/audit-events")
@requires(Permission.AUDIT_READ)
def list_audit_events(query: AuditQuery) -> AuditEventPage:
    """List the record, newest first."""
    after = read_cursor(query)
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
    return slice_page(AuditEventPage, found, lambda row: str(row.id), query)


@routes.query_route("/audit-verification")
@requires(Permission.AUDIT_VERIFY)
def show_record_proof() -> AuditVerificationResponse:
    """Recompute every chain of the record that this asker may see."""
    report = verify(db.session())
    chain_error = None if report.first_break is None else ChainErrorResponse.model_validate(report.first_break)
    return AuditVerificationResponse(
        intact=chain_error is None, records=report.records, unsealed=report.unsealed, first_break=chain_error
    )
