"""What the audit log says about one object, for its page."""

from __future__ import annotations

from uuid import UUID

from admin.core.guard import may
from admin.interface.pages import session
from governance.audit.queries import AuditEventFacts, events
from governance.events import Event
from governance.permissions import Permission


def history(subject: UUID, tenant_id: UUID, limit: int, *, event: Event | None = None) -> list[AuditEventFacts]:
    """The newest events about the subject in this tenant's stream, of one kind where given.

    Empty for whoever may not read the audit log: an object's page is shown to them without its history.
    """
    if not may(Permission.AUDIT_READ):
        return []
    return events(session(), subject=str(subject), tenant_id=tenant_id, event=event, limit=limit)
