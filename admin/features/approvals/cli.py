"""`moyai approval`: the requests that wait for another person. They are decided by people who are signed in."""

from __future__ import annotations

from sqlalchemy.orm import Session

from admin.interface.command_line import command_group
from admin.interface.output import Answer, rows, tab_separated
from governance.approvals import pending_requests
from governance.permissions import Permission

approval = command_group("approval", "承認 / Approvals.")


@approval.query("list", Permission.OVERVIEW_READ)
def list_approvals(session: Session) -> Answer:
    """承認待ちの一覧 / The requests without a decision, oldest first."""
    line = tab_separated("requested_at", "kind", "subject_id", "requested_by", "digest")
    return rows("approvals", pending_requests(session), line)
