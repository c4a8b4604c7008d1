"""The audit log over the API: its events and its verification."""

from __future__ import annotations

from typing import Annotated

from flask import current_app
from pydantic import Field

from admin.bootstrap import settings_of
from admin.core.rate_limits import RateLimit
from admin.interface.api_requests import IdParam, PageQuery, Query
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from governance.audit import queries
from governance.audit.findings import AuditVerificationReport
from governance.audit.queries import AuditEventFacts
from governance.audit.verification import verify
from governance.declaration import Input
from governance.events import Event
from governance.kernel.database import db
from governance.kernel.keyset import KeysetPage, PageRequest
from governance.permissions import Permission

routes = ApiRoutes(Tag.AUDIT)


class AuditQuery(PageQuery):
    """Which events; each filter narrows."""

    tenant_id: Annotated[IdParam, Input("団体", "Tenant", option="tenant-id")] | None = None
    event: Annotated[Event, Input("操作", "Action")] | None = None
    outcome: Annotated[str, Field(pattern=r"^(done|denied|refused|failed)$"), Input("結果", "Outcome")] | None = None
    subject: Annotated[str, Field(max_length=200), Input("対象", "Subject")] | None = None
    actor: Annotated[str, Field(max_length=200), Input("行った人", "Actor")] | None = None


@routes.list("/audit-events", Permission.AUDIT_READ, "AuditEventPage")
@cli_query("audit list", "監査記録を新しい順に見る", "events", "recorded_at outcome event subject actor", limit=50)
def list_audit_events(query: AuditQuery, part: PageRequest) -> KeysetPage[AuditEventFacts]:
    """List the record, newest first."""
    return queries.events_page(
        db.session(),
        part,
        tenant_id=query.tenant_id,
        subject=query.subject,
        outcome=query.outcome,
        event=query.event,
        actor=query.actor,
    )


class VerificationQuery(Query):
    """A head that was kept elsewhere (`stream:number:hash`), which must still be a link of its chain."""

    expect: Annotated[str, Field(max_length=200), Input("控えた末尾", "Head kept elsewhere")] | None = None


@routes.query("/audit-verification", Permission.AUDIT_VERIFY, limit=RateLimit.CHECK)
def get_audit_verification(query: VerificationQuery) -> AuditVerificationReport:
    """Recompute every chain of the record that this asker may see, and compare it with its tips."""
    expected = [] if query.expect is None else [query.expect]
    return verify(db.session(), settings_of(current_app).audit_files, expected)
