"""Deleting drafts that were never submitted. The database lets nobody delete any other application (migration 0050)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import delete, func, select

from governance.commands import Command, CommandContext, Result, handles
from governance.events import Event
from governance.permissions import Permission
from tenancy.applications.states import ApplicationState
from tenancy.applications.tables import Application, ApplicationAttachment

DRAFTS_KEPT: Final = timedelta(days=90)
"""How long a draft is kept after the last thing done with it: 30 days longer than its link works."""

MAX_DRAFTS_A_ROUND: Final = 500
"""Each may have ten files: so that one round holds its locks for less than a second."""


class DeleteOldDrafts(Command):
    """Drafts of applications that nobody has touched for 90 days hold names and addresses for nothing."""


class OldDraftsDeleted(Result):
    drafts: int

    @property
    def may_have_more(self) -> bool:
        """Whether another round may find more."""
        return self.drafts == MAX_DRAFTS_A_ROUND


@handles(Permission.RETENTION_APPLY, Event.APPLICATION_DRAFTS_DELETED)
def delete_old_drafts(ctx: CommandContext, command: DeleteOldDrafts) -> OldDraftsDeleted:
    """Delete one round of drafts of applications that were kept long enough, with their files, the oldest first.

    The newest application stays whatever it is, so that its number is not given a second time.
    """
    newest = select(func.max(Application.number)).scalar_subquery()
    oldest = (
        select(Application.id)
        .where(
            Application.state == ApplicationState.DRAFT.value,
            Application.changed_at < ctx.now - DRAFTS_KEPT,
            Application.number < newest,
        )
        .order_by(Application.changed_at)
        .limit(MAX_DRAFTS_A_ROUND)
        .with_for_update(skip_locked=True)
    )
    found = ctx.session.scalars(oldest).all()
    if not found:
        ctx.mark_noop()
        return OldDraftsDeleted(drafts=0)
    for files in (ApplicationAttachment.application_id, Application.id):
        ctx.session.execute(delete(files.class_).where(files.in_(found)).execution_options(synchronize_session=False))
    ctx.audit(subject=ctx.actor.tenant_id, drafts=len(found))
    return OldDraftsDeleted(drafts=len(found))
