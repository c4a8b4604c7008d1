"""監査記録: who did what, when, and what was refused. Filters stand in the address; nothing here changes anything."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID

from flask import Blueprint, Response, request

from admin.core.guard import requires
from admin.core.language import either, gettext
from admin.core.rate_limits import RateLimit, limited
from admin.interface.audit_rows import AuditRow, audit_lines, audit_rows
from admin.interface.downloads import table_response
from admin.interface.forms import Form
from admin.interface.history import page_of_actions
from admin.interface.labels import event_label, label_of, permission_label
from admin.interface.lists import PAGE_SIZE, query_date, query_enum, query_uuid
from admin.interface.pages import render_page, session, settings
from admin.interface.paging import next_cursor, query_part
from billing.notices.queries import notices_numbered
from governance.audit.queries import (
    AuditEventFacts,
    EventFilters,
    EventSearch,
    events,
    events_of_action,
)
from governance.audit.verification import verify
from governance.audit.writer import AuditOutcome
from governance.events import Event
from governance.kernel.clock import JST
from governance.kernel.database import OPERATOR, current_scope
from governance.kernel.digest import canonical
from governance.kernel.keyset import KeysetPage
from governance.labels import EVENT_LABELS
from governance.permissions import Permission
from tenancy.clients.queries import clients_called
from tenancy.people.queries import people_called
from tenancy.tenants.queries import names_of_tenants, tenants_called

pages = Blueprint("audit", __name__, template_folder="templates")

MAX_FILE_ROWS: Final = 100_000
"""Lines of one CSV; for more, one narrows the days."""


@pages.get("/audit")
@requires(Permission.AUDIT_READ)
def audit() -> tuple[str, int]:
    """One row for each action, the newest first; the next page begins below the last event of this one."""
    action = query_uuid("action")
    found = (
        KeysetPage(events_of_action(session(), action)[::-1], None)
        if action
        else page_of_actions(query_part(), PAGE_SIZE, **_filters())
    )
    names = ("text", "person", "body", "event", "outcome", "since", "until", "automatic")
    chosen = Form.initial(**{name: request.args.get(name, "").strip() for name in names})
    for name in ("since", "until"):
        chosen.day(name)
    return render_page(
        "audit/audit",
        rows=_lines_of(found.items) if action else audit_rows(found.items),
        is_of_operator=current_scope() == OPERATOR,
        narrowed_to=_narrowed_to(action),
        next_cursor=next_cursor(found),
        event_choices=[(event.value, event_label(event)) for event in sorted(Event)],
        outcomes=list(AuditOutcome),
        query=request.args,
        filter=chosen,
    )


def _narrowed_to(action: UUID | None) -> list[str]:
    """What the address narrows the list to, and no field of the form shows."""
    found = []
    if action is not None:
        found.append(gettext("Only what one action recorded."))
    if request.args.get("subject"):
        found.append(gettext("Only records about one object."))
    if (tenant_id := query_uuid("tenant")) is not None:
        name = names_of_tenants(session(), [tenant_id]).get(tenant_id)
        found.append(gettext("Only records of %(tenant)s.", tenant=name or "―"))
    return found


def _lines_of(events: Iterable[AuditEventFacts]) -> list[AuditRow]:
    """A row for each event: what one action recorded."""
    return [row for event in events for row in audit_rows([event])]


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
    tenants = names_of_tenants(session(), [event.tenant_id for event in found])
    header = [
        either(ja, en)
        for ja, en in (
            ("番号", "id"),
            ("日時", "recorded at"),
            ("団体", "tenant"),
            ("だれが", "who"),
            ("だれが（番号）", "who (id)"),
            ("何をした", "what"),
            ("種類", "kind"),
            ("権限", "permission"),
            ("結果", "outcome"),
            ("対象", "subject"),
            ("内容", "details"),
            ("問合せ番号", "request"),
        )
    ]
    rows = (
        (
            str(event.id),
            event.recorded_at,
            tenants.get(event.tenant_id, str(event.tenant_id)),
            who,
            event.actor,
            what,
            event_label(event.event),
            permission_label(event.permission),
            label_of(event.outcome, "outcome"),
            event.subject,
            canonical(event.facts).decode(),
            event.request_id,
        )
        for event, (who, what) in zip(found, audit_lines(found), strict=True)
    )
    return table_response(file_kind, gettext("audit"), header, rows)


def _filters() -> EventFilters:
    outcome = query_enum("outcome", AuditOutcome)
    event = query_enum("event", Event)
    until = query_date("until")
    text, person = request.args.get("text", "").strip()[:100], request.args.get("person", "").strip()[:100]
    return EventFilters(
        tenant_id=_body(request.args.get("body", "").strip()[:100]) or query_uuid("tenant"),
        subject=request.args.get("subject") or None,
        outcome=None if outcome is None else outcome.value,
        event=None if event is None else event.value,
        actor=request.args.get("actor") or None,
        since=_midnight(query_date("since")),
        until=None if until is None else _midnight(until + timedelta(days=1)),
        people=_people(person) if person else None,
        by_hand=request.args.get("automatic") != "yes",
        search=_search(text) if text else None,
    )


def _people(text: str) -> list[str]:
    """The accounts that a name, a part of it or an address stands for; what names nobody finds nothing."""
    return [*people_called(session(), text), *clients_called(session(), text)] or [text]


def _body(text: str) -> UUID | None:
    """The tenant that a code or a name stands for: the one that is called so, else the first that contains it."""
    if not text:
        return None
    found = tenants_called(session(), text)
    return found[0] if found else _NOBODY


_NOBODY: Final = UUID(int=0)
"""Nobody's id: a name that no tenant has finds no event."""


def _search(text: str) -> EventSearch:
    """What the words of a search stand for: kinds of events, people, tenants, notices and reasons."""
    wanted = text.casefold()
    return EventSearch(
        text,
        events=[event for event, pair in EVENT_LABELS.items() if any(wanted in one.casefold() for one in pair)],
        people=[*people_called(session(), text), *clients_called(session(), text)],
        tenants=tenants_called(session(), text),
        subjects=[str(notice_id) for notice_id in notices_numbered(session(), text)],
    )


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), JST)
