"""Jobs that start after the commit: a row in the business transaction, its id dispatched by an engine that can change.

The row is the truth (state, attempts, payload); the dispatcher only brings an id to some worker. A dispatched id
that is lost is found again by the sweep, one that comes twice finds the row taken. What a job does is said in
admin.workflows.job_handlers.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol
from uuid import UUID

import structlog
from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from governance.kernel.application import ApplicationValue
from governance.kernel.database import database_now
from governance.kernel.ids import new_id
from governance.kernel.models import ReadModel
from governance.outbox.tables import Job

log = structlog.get_logger(__name__)

JOB_LEASE = timedelta(minutes=5)
MAX_ATTEMPTS = 5
INPUT_ENTERED: Final = "tenant.input-entered"
"""The job by which what waited for a tenant's input looks again as soon as it was entered. Payload: `tenant_id`."""
KEPT_DONE: Final = timedelta(days=90)
"""How long a job is kept after it was done."""


class JobState(StrEnum):
    """Where a job is: queued and running are not ended; failed has no attempt left."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class ClaimedJob(ReadModel):
    """A job that this worker has leased: its handler's name, what the handler is given, and the attempt from 1."""

    id: UUID
    tenant_id: UUID
    created_at: datetime
    name: str
    payload: dict[str, Any]
    attempts: int
    not_before: datetime


class Dispatcher(Protocol):
    """Brings a job's id to a worker: later, and perhaps twice."""

    def dispatch(self, job_id: UUID) -> None: ...


DISPATCHER: Final = ApplicationValue[Dispatcher | None]("dispatcher", None)
"""What dispatches the ids of the application's jobs; None leaves every job to the sweep."""


def enqueue(session: Session, tenant_id: UUID, name: str, payload: dict[str, Any], now: datetime) -> UUID:
    """Add a job to the transaction. Called by the command bus."""
    job_id = new_id()
    session.add(
        Job(
            id=job_id,
            tenant_id=tenant_id,
            name=name,
            payload=payload,
            state=JobState.QUEUED,
            attempts=0,
            created_at=now,
            not_before=now,
        )
    )
    return job_id


def dispatch(job_ids: list[UUID]) -> None:
    """Hand committed jobs to the dispatcher. A dispatcher that fails loses nothing: the sweep finds the rows."""
    dispatcher = DISPATCHER.get()
    if dispatcher is None:
        return
    for job_id in job_ids:
        try:
            dispatcher.dispatch(job_id)
        except Exception:
            log.warning("job.dispatch_failed", job=str(job_id), exc_info=True)


def claim(session: Session, job_id: UUID, now: datetime) -> ClaimedJob | None:
    """Lease the job for five minutes by the database's clock; None when it is done, leased, or not due at `now`.

    Commits nothing.
    """
    claimed = session.execute(
        update(Job)
        .where(Job.id == job_id, *_claimable(now))
        .values(state=JobState.RUNNING, attempts=Job.attempts + 1, leased_until=database_now() + JOB_LEASE)
        .returning(Job.id, Job.tenant_id, Job.created_at, Job.name, Job.payload, Job.attempts, Job.not_before)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    return None if claimed is None else ClaimedJob.model_validate(claimed)


def finish(
    session: Session, job: ClaimedJob, now: datetime, error: str | None = None, retry_at: datetime | None = None
) -> None:
    """Mark the leased job done, or to be tried again at `retry_at`, or failed for good. Commits nothing."""
    if error is None:
        state = JobState.DONE
    else:
        state = JobState.QUEUED if retry_at is not None and job.attempts < MAX_ATTEMPTS else JobState.FAILED
    ended_at = None if state is JobState.QUEUED else database_now()
    session.execute(
        update(Job)
        .where(Job.id == job.id)
        .values(
            state=state, leased_until=None, last_error=error, not_before=retry_at or job.not_before, ended_at=ended_at
        )
        .execution_options(synchronize_session=False)
    )


def due(session: Session, now: datetime, limit: int = 100) -> list[UUID]:
    """Ids of the jobs that could be claimed now, oldest first, at most `limit`: the sweep dispatches them again."""
    return list(session.scalars(select(Job.id).where(*_claimable(now)).order_by(Job.not_before, Job.id).limit(limit)))


def delete_done(session: Session, ended_before: datetime, limit: int) -> int:
    """Delete the jobs done before an instant, the oldest first, at most `limit`; how many. Failed ones stay.

    The database lets no younger ones go than KEPT_DONE (migration 0022). Commits nothing.
    """
    oldest = (
        select(Job.id)
        .where(Job.state == JobState.DONE, Job.ended_at < ended_before)
        .order_by(Job.ended_at)
        .limit(limit)
    )
    deleted = delete(Job).where(Job.id.in_(oldest)).returning(Job.id).execution_options(synchronize_session=False)
    return len(session.execute(deleted).all())


def waiting(session: Session) -> int:
    """How many jobs are queued or running."""
    return session.execute(
        select(func.count()).select_from(Job).where(Job.state.in_([JobState.QUEUED, JobState.RUNNING]))
    ).scalar_one()


def _claimable(now: datetime) -> tuple[Any, ...]:
    return (
        Job.not_before <= now,
        or_(Job.state == JobState.QUEUED, (Job.state == JobState.RUNNING) & (Job.leased_until < database_now())),
    )
