"""監査記録: who did what, when, and what was refused. Filters stand in the address; nothing here changes anything."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from flask import Blueprint, Response, request

from admin.core.guard import requires
from admin.core.language import either, gettext
from admin.core.rate_limits import RateLimit, limited
from admin.interface.downloads import table_response
from admin.interface.forms import Form
from admin.interface.labels import actor_label, event_label, label_of, permission_label
from admin.interface.lists import query_date, query_enum, query_uuid
from admin.interface.pages import render_page, session, settings
from admin.interface.paging import next_cursor, query_part
from governance.audit.queries import AuditEventFacts, EventFilters, events, events_page
from governance.audit.verification import verify
from governance.audit.writer import AuditOutcome
from governance.events import Event
from governance.kernel.clock import JST
from governance.kernel.digest import canonical
from governance.permissions import Permission
from tenancy.people.queries import names_of_people
from tenancy.tenants.queries import names_of_tenants

pages = Blueprint("audit", __name__, template_folder="templates")

MAX_FILE_ROWS = 100_000
"""Lines of one CSV; for more, one narrows the days."""


@pages.get("/audit")
@requires(Permission.AUDIT_READ)
def audit() -> tuple[str, int]:
    """The newest first, 50 at a time; the next page begins below the last event of this one."""
    found = events_page(session(), query_part(), **_filters())
    page = found.items
    names = ("event", "outcome", "since", "until")
    chosen = Form.initial(**{name: request.args.get(name, "").strip() for name in names})
    for name in ("since", "until"):
        chosen.day(name)
    return render_page(
        "audit/audit",
        events=page,
        names=names_of_actors(page),
        tenants=names_of_tenants(session(), [event.tenant_id for event in page]),
        next_cursor=next_cursor(found),
        event_choices=[(event.value, event_label(event)) for event in sorted(Event)],
        outcomes=list(AuditOutcome),
        query=request.args,
        filter=chosen,
    )


@pages.get("/audit/verification")
@limited(RateLimit.CHECK)
@requires(Permission.AUDIT_VERIFY)
def verification() -> tuple[str, int]:
    """Everything recomputed now: what was found, and the head of every stream to note down."""
    report = verify(session(), settings().audit_files)
    streams = [finding.stream for finding in report.findings if finding.stream is not None]
    return render_page(
        "audit/verification",
        report=report,
        tenants=names_of_tenants(session(), [*streams, *(head.stream for head in report.heads)]),
    )


@pages.get("/audit.<any(csv, xlsx):file_kind>")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.AUDIT_READ)
def audit_file(file_kind: str) -> Response:
    """What the filters let through, at most 100,000 lines."""
    found = events(session(), limit=MAX_FILE_ROWS, **_filters())
    names, tenants = names_of_actors(found), names_of_tenants(session(), [event.tenant_id for event in found])
    header = [
        either(ja, en)
        for ja, en in (
            ("番号", "id"),
            ("日時", "recorded at"),
            ("団体", "tenant"),
            ("だれが", "who"),
            ("だれが（番号）", "who (id)"),
            ("何を", "what"),
            ("権限", "permission"),
            ("結果", "outcome"),
            ("対象", "subject"),
            ("内容", "details"),
            ("問い合わせ番号", "request"),
        )
    ]
    rows = (
        (
            str(event.id),
            event.recorded_at,
            tenants.get(event.tenant_id, str(event.tenant_id)),
            names.get(event.actor, actor_label(event.actor_kind, event.actor)),
            event.actor,
            event_label(event.event),
            permission_label(event.permission),
            label_of(event.outcome, "outcome"),
            event.subject,
            canonical(event.facts).decode(),
            event.request_id,
        )
        for event in found
    )
    return table_response(file_kind, gettext("audit"), header, rows)


def names_of_actors(found: Iterable[AuditEventFacts]) -> dict[str, str]:
    """Names of the people who acted, as far as the reader may see them."""
    return names_of_people(session(), {event.actor for event in found})


def _filters() -> EventFilters:
    outcome = query_enum("outcome", AuditOutcome)
    event = query_enum("event", Event)
    until = query_date("until")
    return EventFilters(
        tenant_id=query_uuid("tenant"),
        subject=request.args.get("subject") or None,
        outcome=None if outcome is None else outcome.value,
        event=None if event is None else event.value,
        actor=request.args.get("actor") or None,
        since=_midnight(query_date("since")),
        until=None if until is None else _midnight(until + timedelta(days=1)),
    )


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), JST)
