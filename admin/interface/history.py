"""What the audit log says about one object, for its page: actions, each with all of its events."""

from __future__ import annotations

from typing import Final, Unpack
from uuid import UUID

from admin.core.guard import may
from admin.interface.audit_rows import group_by_action
from admin.interface.pages import session
from governance.audit.queries import AuditEventFacts, EventFilters, events_page
from governance.events import Event
from governance.kernel.keyset import KeysetPage, PageRequest
from governance.permissions import Permission

MAX_EVENTS: Final = 3_000
"""Events that one page reads at most: more than an action has in a prefecture of every municipality of Japan."""

EVENTS_AT_ONCE: Final = 100
"""Events read at once where an action has more than a page: a page is so many rows longer than others at most."""


def history(subject: UUID, tenant_id: UUID, limit: int, *, event: Event | None = None) -> list[AuditEventFacts]:
    """As `newest_actions`, about the subject and in this tenant's stream, of one kind of event where given."""
    return newest_actions(limit, subject=str(subject), tenant_id=tenant_id, event=event)


def newest_actions(limit: int, **filters: Unpack[EventFilters]) -> list[AuditEventFacts]:
    """The events of the newest actions that the filters let through, newest first, at most `limit` actions.

    An action is there with all of its events, since its row says of how many tenants it was. Empty for whoever may not
    read the audit log: an object's page is shown to them without its history.
    """
    if not may(Permission.AUDIT_READ):
        return []
    # One action more is begun, so that the last of those shown is whole.
    found = page_of_actions(PageRequest(min(4 * limit, EVENTS_AT_ONCE)), limit + 1, **filters).items
    shown = {event.id for group in group_by_action(found)[:limit] for event in group}
    return [event for event in found if event.id in shown]


def page_of_actions(part: PageRequest, actions: int, **filters: Unpack[EventFilters]) -> KeysetPage[AuditEventFacts]:
    """The events of about so many actions: one of many events is read whole, as far as one page may read."""
    found: list[AuditEventFacts] = []
    while True:
        read = events_page(session(), part, **filters)
        found += read.items
        if read.next_key is None or len(found) >= MAX_EVENTS or len(group_by_action(found)) >= actions:
            return KeysetPage(found, read.next_key)
        part = PageRequest(EVENTS_AT_ONCE, read.next_key)
