"""The worker's daily upkeep: jobs, idempotency keys, drafts of applications and rotated logs kept long enough go."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Final

import structlog

from admin.operations.log_writer import delete_rotated
from admin.workflows.job_handlers import worker_actor
from governance.kernel import clock
from governance.kernel.errors import NotFound
from governance.retention.commands import DeleteExpired, delete_expired
from tenancy.applications.retention import DeleteOldDrafts, delete_old_drafts

log = structlog.get_logger(__name__)

PERIOD: Final = timedelta(days=1)
MAX_FILES_A_ROUND: Final = 100


class Upkeep:
    """Called every few seconds; at work once a day, and then again and again until a round finds no more.

    Every worker does it: a second one finds nothing left in the database, and the logs are those of its host.
    """

    def __init__(self, logs: Path, keep_logs: timedelta) -> None:
        """`logs` is the folder of this host's log files; rotated ones are kept so long."""
        self._logs = logs
        self._keep_logs = keep_logs
        self._due_at = float("-inf")

    def __call__(self) -> None:
        """One round. Raises what the database raises; it is tried again then."""
        if monotonic() < self._due_at:
            return
        files = self._delete_logs()
        try:
            deleted = delete_expired(DeleteExpired(), actor=worker_actor())
            drafts = delete_old_drafts(DeleteOldDrafts(), actor=worker_actor())
        except NotFound:
            return  # Nobody is registered yet.
        if files < MAX_FILES_A_ROUND and not deleted.may_have_more and not drafts.may_have_more:
            self._due_at = monotonic() + PERIOD.total_seconds()

    def _delete_logs(self) -> int:
        try:
            files = delete_rotated(self._logs, clock.now() - self._keep_logs, MAX_FILES_A_ROUND)
        except OSError as fault:
            log.warning("upkeep.logs_not_deleted", error=type(fault).__name__)
            return 0
        if files:
            log.info("upkeep.logs_deleted", files=files)
        return files
