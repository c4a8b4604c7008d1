"""The record, what waits for a decision, and what the house says about itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import current_app
from pydantic import BaseModel, ConfigDict, Field

from admin.api.paging import Page, cut, page_of, position
from admin.api.reading import Id, PageQuery
from admin.api.routes import Tag, read
from admin.app import settings_of
from admin.guard import asks, current_actor
from admin.reference import permissions
from admin.servers.status import status
from governance.approvals import open_requests
from governance.audit import queries
from governance.audit.seal import verify
from governance.events import Event
from governance.kernel.database import db
from governance.permissions import Permission, Role, permissions_of


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


class ApprovalShown(BaseModel):
    """A request that waits for another person's decision."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    tenant_id: UUID
    kind: str
    subject_id: UUID
    digest: str
    requested_by: str
    requested_at: datetime
    request_reason: str


class ApprovalPage(Page[ApprovalShown]):
    """Requests that wait, oldest first."""


class HouseShown(BaseModel):
    """Every permission with its roles, every address and command with the permission it asks."""

    permissions: list[dict[str, Any]]
    routes: list[dict[str, Any]]
    commands: list[dict[str, Any]]


class StatusShown(BaseModel):
    """What runs."""

    web: dict[str, Any]
    postgresql: dict[str, Any]
    keycloak: dict[str, Any]
    worker: dict[str, Any]
    tenants: dict[str, int]


class AskerShown(BaseModel):
    """Who the token stands for, and what counts of it now."""

    id: str
    kind: str
    tenant_id: UUID
    roles: list[Role]
    permissions: list[Permission]


@read("/audit-events", Tag.RECORD)
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


@read("/audit-verification", Tag.RECORD)
@asks(Permission.AUDIT_VERIFY)
def show_record_proof() -> RecordProof:
    """Recompute every chain of the record that this asker may see."""
    verdict = verify(db.session())
    broken = None if verdict.first_break is None else BreakShown.model_validate(verdict.first_break)
    return RecordProof(intact=broken is None, records=verdict.records, unsealed=verdict.unsealed, first_break=broken)


@read("/approvals", Tag.RECORD)
@asks(Permission.OVERVIEW_READ)
def list_approvals(query: PageQuery) -> ApprovalPage:
    """List what waits for a decision."""
    return page_of(ApprovalPage, open_requests(db.session()), lambda row: str(row.id), query)


@read("/me", Tag.HOUSE)
@asks(Permission.SIGNED_IN)
def show_asker() -> AskerShown:
    """Say who the token stands for and what it may do."""
    actor = current_actor()
    return AskerShown(
        id=actor.id,
        kind=actor.kind.value,
        tenant_id=actor.tenant_id,
        roles=sorted(actor.roles),
        permissions=sorted(permissions_of(actor.roles) | actor.by_scope),
    )


@read("/permissions", Tag.HOUSE)
@asks(Permission.PERMISSION_READ)
def show_permissions() -> HouseShown:
    """Show every permission with its roles, every address and command with what it asks."""
    return HouseShown.model_validate(permissions(current_app))


@read("/status", Tag.HOUSE)
@asks(Permission.DRIFT_READ)
def show_status() -> StatusShown:
    """Show what runs."""
    return StatusShown.model_validate(status(settings_of(current_app)))
