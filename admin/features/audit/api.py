"""The audit log over the API: its events and its verification."""

from __future__ import annotations

from typing import Annotated

from flask import current_app
from pydantic import Field

from admin.bootstrap import settings_of
from admin.core.rate_limits import RateLimit
from admin.interface.api_requests import IdParam, LimitParam, PageQuery, Query
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.output import tab_separated
from admin.interface.queries import cli_query
from governance.audit import queries
from governance.audit.findings import AuditVerificationReport
from governance.audit.queries import AuditEventFacts, AuditFeed
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


class FeedQuery(Query):
    """Which events of the feed: those after the `after` of the answer before."""

    after: Annotated[str, Field(max_length=19), Input("前回の続きの位置", "The former answer's after")] | None = None
    limit: Annotated[LimitParam, Input("件数の上限", "At most so many")] = 50
    tenant_id: Annotated[IdParam, Input("団体", "Tenant", option="tenant-id")] | None = None


_event_line = tab_separated("recorded_at", "tenant_id", "sequence", "outcome", "event", "subject", "actor")


def _feed_lines(feed: AuditFeed) -> str:
    return "\n".join(map(_event_line, feed.events))


def _feed_note(feed: AuditFeed) -> str:
    return f"続きは / continue with: --after {feed.after}"


@routes.query("/audit-feed", Permission.AUDIT_READ)
@cli_query("audit feed", "監査記録を封印の順に、もれなく読む", line=_feed_lines, note=_feed_note)
def read_audit_feed(query: FeedQuery) -> AuditFeed:
    """Read the record in the order of its sealing, oldest first: each event once, however many write meanwhile."""
    return queries.feed(db.session(), after=query.after, limit=query.limit, tenant_id=query.tenant_id)


class VerificationQuery(Query):
    """A head that was kept elsewhere (`stream:number:hash`), which must still be a link of its chain."""

    expect: Annotated[str, Field(max_length=200), Input("控えた末尾", "Head kept elsewhere")] | None = None


@routes.query("/audit-verification", Permission.AUDIT_VERIFY, limit=RateLimit.CHECK, ja="監査記録を検証する")
def get_audit_verification(query: VerificationQuery) -> AuditVerificationReport:
    """Recompute every chain of the record that this asker may see, and compare it with its tips."""
    expected = [] if query.expect is None else [query.expect]
    return verify(db.session(), settings_of(current_app).audit_files, expected)
