"""The command that a request holds: its handler, its entry point, what stands there now; and the rows of what waits."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from admin import features
from admin.interface.entry_points import EntryPoint
from admin.interface.own_tasks import asking_actor, own_waiting
from admin.workflows.tasks import SHOWN, Requestable, RequestableCommand, Task, tasks
from admin.workflows.waiting import TaskSection
from governance.approvals import ApprovalDetails, ApprovalRequestFacts
from governance.commands import COMMANDS, ApprovedCommandHandler
from governance.kernel import clock
from governance.kernel.database import db
from governance.kernel.labels import Label
from governance.labels import PERMISSION_LABELS


def requestable() -> Requestable:
    """What requests may hold, by name: in the words of its entry point, else in those of its permission."""
    known = features.entry_points()
    handlers = {name: one.handler for name, one in known.items()} | dict(COMMANDS.get())
    return {
        name: RequestableCommand(
            known[name].label if name in known else Label(*PERMISSION_LABELS[handler.permission]), handler.permission
        )
        for name, handler in handlers.items()
        if isinstance(handler, ApprovedCommandHandler)
    }


def own_tasks(section: TaskSection | None = None, *, limit: int = SHOWN) -> list[Task]:
    """The rows of whoever asks, of one section or of all."""
    rows = tasks(db.session(), asking_actor(), clock.now(), own_waiting(), requestable(), limit=limit)
    return rows if section is None else [row for row in rows if row.section is section]


class ApprovalReview(ApprovalDetails):
    """A request as its decider reads it: `before` is what stands there now, of the fields of `body` that change it.

    Null where the command replaces nothing, and once the request is decided.
    """

    before: dict[str, Any] | None


def approval_review(session: Session, found: ApprovalDetails) -> ApprovalReview:
    """The request with the present values beside those that it asks for."""
    known = entry_point_of(found)
    before: dict[str, Any] = {}
    # Also at the command line of the machine, which decides nothing and so has no handlers by name.
    if known is not None and isinstance(known.handler, ApprovedCommandHandler) and found.decision is None:
        command = known.handler.read_stored(found)
        given = {name: getattr(command, name) for name in type(command).model_fields}
        before = {name: value for name, value in known.present_values(session, given).items() if name in given}
    return ApprovalReview(**found.model_dump(), before=before or None)


def handler_of(found: ApprovalRequestFacts) -> ApprovedCommandHandler[Any, Any] | None:
    """The handler of the command that an approval runs; None where another command decides."""
    handler = COMMANDS.get().get(found.command or "")
    return handler if isinstance(handler, ApprovedCommandHandler) else None


def entry_point_of(found: ApprovalRequestFacts) -> EntryPoint | None:
    """The entry point of that command; None where it has none."""
    return features.entry_points().get(found.command or "")
