"""The audit log over the API: its events and its verification."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from admin.core.guard import requires
from admin.interface.api_requests import IdParam, PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.paging import Page, read_cursor, slice_page
from governance.audit import queries
from governance.audit.queries import AuditEventFacts
from governance.audit.seal import AuditVerificationReport, verify
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


class AuditEventPage(Page[AuditEventFacts]):
    """Events, newest first."""


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
def get_audit_verification() -> AuditVerificationReport:
    """Recompute every chain of the record that this asker may see."""
    return verify(db.session())
