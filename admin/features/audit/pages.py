"""監査記録: who did what, when, and what was refused. Filters stand in the address; nothing here changes anything."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from uuid import UUID

from flask import Blueprint, Response, request

from admin.core.guard import asks
from admin.core.language import either
from admin.interface.downloads import table_answer
from admin.interface.labels import actor_word, event_word, permission_word
from admin.interface.labels import word as word_of
from admin.interface.lists import PAGE_SIZE, chosen, chosen_day, chosen_id
from admin.interface.pages import session, show
from governance.audit.queries import events
from governance.audit.record import AuditOutcome
from governance.audit.tables import AuditEvent
from governance.events import Event
from governance.kernel.clock import JST
from governance.kernel.digest import canonical
from governance.permissions import Permission
from tenancy.people.queries import names_of_people
from tenancy.tenants.queries import names_of_tenants

pages = Blueprint("audit", __name__, template_folder="templates")

MOST_IN_A_FILE = 100_000
"""Lines of one CSV; for more, one narrows the days."""


@pages.get("/audit")
@asks(Permission.AUDIT_READ)
def audit() -> tuple[str, int]:
    """The newest first, 50 at a time; the next page begins below the last event of this one."""
    found = _found(limit=PAGE_SIZE + 1, before=chosen_id("before"))
    shown = found[:PAGE_SIZE]
    return show(
        "audit/audit",
        events=shown,
        names=names_of_actors(shown),
        tenants=names_of_tenants(session(), [event.tenant_id for event in shown]),
        has_more=len(found) > PAGE_SIZE,
        known_events=sorted(Event),
        outcomes=list(AuditOutcome),
        asked=request.args,
        odd_days=[name for name in ("since", "until") if request.args.get(name) and chosen_day(name) is None],
    )


@pages.get("/audit.<any(csv, xlsx):file_kind>")
@asks(Permission.AUDIT_READ)
def audit_file(file_kind: str) -> Response:
    """What the filters let through, at most 100,000 lines."""
    found = _found(limit=MOST_IN_A_FILE, before=None)
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
            ("内容", "facts"),
            ("問い合わせ番号", "request"),
        )
    ]
    rows = (
        (
            str(event.id),
            event.recorded_at,
            tenants.get(event.tenant_id, str(event.tenant_id)),
            names.get(event.actor, actor_word(event.actor_kind, event.actor)),
            event.actor,
            event_word(event.event),
            permission_word(event.permission),
            word_of(event.outcome, "outcome"),
            event.subject,
            canonical(event.facts).decode(),
            event.request_id,
        )
        for event in found
    )
    return table_answer(file_kind, either("監査記録", "audit"), header, rows)


def names_of_actors(found: Iterable[AuditEvent]) -> dict[str, str]:
    """Names of the people who acted, as far as the reader may see them."""
    return names_of_people(session(), {event.actor for event in found})


def _found(*, limit: int, before: UUID | None) -> list[AuditEvent]:
    outcome = chosen("outcome", AuditOutcome)
    event = chosen("event", Event)
    until = chosen_day("until")
    return events(
        session(),
        tenant_id=chosen_id("tenant"),
        subject=request.args.get("subject") or None,
        outcome=None if outcome is None else outcome.value,
        event=None if event is None else event.value,
        actor=request.args.get("actor") or None,
        since=_midnight(chosen_day("since")),
        until=None if until is None else _midnight(until + timedelta(days=1)),
        before=before,
        limit=limit,
    )


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), JST)
