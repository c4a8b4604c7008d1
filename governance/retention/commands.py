"""Deleting what was kept long enough. The database lets nobody delete anything younger (migration 0022)."""

from __future__ import annotations

from typing import Final

from governance import idempotency, outbox
from governance.commands import Command, CommandContext, Result, handles
from governance.events import Event
from governance.permissions import Permission

MAX_ROWS_A_ROUND: Final = 5_000
"""Of each kind: so that one round holds its locks for less than a second."""


class DeleteExpired(Command):
    """Jobs that were done 90 days ago and idempotency keys that were used 14 months ago are no longer needed."""


class ExpiredDeleted(Result):
    jobs: int
    idempotency_keys: int

    @property
    def may_have_more(self) -> bool:
        """Whether another round may find more."""
        return MAX_ROWS_A_ROUND in (self.jobs, self.idempotency_keys)


@handles(Permission.RETENTION_APPLY, Event.RETENTION_APPLIED)
def delete_expired(ctx: CommandContext, command: DeleteExpired) -> ExpiredDeleted:
    """Delete one round of jobs and keys that were kept long enough, the oldest first."""
    jobs = outbox.delete_done(ctx.session, ctx.now - outbox.KEPT_DONE, MAX_ROWS_A_ROUND)
    keys = idempotency.delete_old(ctx.session, ctx.now - idempotency.KEPT, MAX_ROWS_A_ROUND)
    if jobs or keys:
        ctx.audit(subject=ctx.actor.tenant_id, jobs=jobs, idempotency_keys=keys)
    else:
        ctx.mark_noop()
    return ExpiredDeleted(jobs=jobs, idempotency_keys=keys)
