"""The audit log over the API: its events and its verification."""

from __future__ import annotations

from pydantic import Field

from admin.core.guard import requires
from admin.interface.api_requests import IdParam, PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.paging import Page, page_request, page_response
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
    found = queries.events_page(
        db.session(),
        page_request(query),
        tenant_id=query.tenant_id,
        subject=query.subject,
        outcome=query.outcome,
        event=query.event,
        actor=query.actor,
    )
    return page_response(AuditEventPage, found)


@routes.query_route("/audit-verification")
@requires(Permission.AUDIT_VERIFY)
def get_audit_verification() -> AuditVerificationReport:
    """Recompute every chain of the record that this asker may see."""
    return verify(db.session())
