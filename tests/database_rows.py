"""What the database holds, as the tests compare it: rows of a table, events of the audit record."""

from __future__ import annotations

from sqlalchemy import text

from governance.audit.tables import AuditEvent
from governance.kernel.database import OPERATOR, db, tenant_scope


def rows(table: str) -> list[tuple[object, ...]]:
    """Every row of the table in the operator's eyes, to compare before and after."""
    with tenant_scope(OPERATOR):
        return sorted((tuple(row) for row in db.session.execute(text(f"SELECT * FROM {table}"))), key=repr)


def recorded(event: str, outcome: str = "done") -> list[AuditEvent]:
    """What the record says of this event, oldest first."""
    with tenant_scope(OPERATOR):
        return [
            row
            for row in db.session.query(AuditEvent).order_by(AuditEvent.id)
            if (row.event, row.outcome) == (event, outcome)
        ]
