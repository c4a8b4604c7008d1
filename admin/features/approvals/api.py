"""What waits, and requests for approval, over the API and the command line. People who are signed in decide them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final
from uuid import UUID

from admin.features.approvals.entry_points import ENTRY_POINTS
from admin.features.approvals.stored import ApprovalReview, approval_review, own_tasks
from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from admin.workflows.tasks import Task
from admin.workflows.waiting import OWN_SECTIONS, TaskSection
from governance.approvals import ApprovalRequestFacts, approval_by_id, pending_requests
from governance.declaration import Input
from governance.kernel import clock
from governance.kernel.database import db
from governance.permissions import Permission

routes = ApiRoutes(Tag.AUDIT, ENTRY_POINTS)

MAX_ROWS: Final = 1000
"""How many requests for approval a list of tasks holds at most."""


@routes.list("/approvals", Permission.OVERVIEW_READ, "ApprovalRequestPage")
@cli_query("approval list", "承認待ちの一覧", "approvals", "requested_at kind subject_id requested_by digest")
def list_approvals() -> Sequence[ApprovalRequestFacts]:
    """List what waits for a decision, oldest first."""
    return pending_requests(db.session())


class TasksQuery(PageQuery):
    """Which rows; all without a section."""

    section: Annotated[TaskSection, Input("区分", "Section")] | None = None


def _line(row: Task) -> str:
    when = row.due_on or (None if row.since is None else clock.jst_date(row.since))
    whom = row.verb if row.section in OWN_SECTIONS else row.waits_for
    return "\t".join((row.section, "" if when is None else f"{when}", row.text, row.about, whom))


@routes.list("/tasks", Permission.OVERVIEW_READ, "TaskPage", "key")
@cli_query("task list", "対応待ちの一覧", "tasks", _line)
def list_tasks(query: TasksQuery) -> Sequence[Task]:
    """List what waits for whoever asks: what to decide, to correct and what falls due, then what others have to do."""
    return own_tasks(query.section, limit=MAX_ROWS)


@routes.query("/approvals/<approval>", Permission.APPROVAL_READ)
@cli_query("approval show", "承認の申請を 1 つ見る")
def get_approval(approval: UUID) -> ApprovalReview:
    """Show one request, the command it holds with what stands there now, and its decision."""
    return approval_review(db.session(), approval_by_id(db.session(), approval))
