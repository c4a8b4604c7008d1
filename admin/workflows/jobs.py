"""The worker: runs jobs after their commit, continues onboardings, seals the audit log, delivers its events.

The queue (Huey on PostgreSQL) transports ids only; rows of the table `job` hold payload and state. The sweep dispatches
an id again that was lost; an id that arrives twice finds its row taken. While PostgreSQL or Keycloak cannot be reached,
jobs are tried again.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
import structlog
from flask import Flask
from huey import PostgresHuey
from huey.registry import Message
from sqlalchemy.orm import Session

from governance import outbox
from governance.commands import system_transaction
from governance.former_names import current_job_kind
from governance.kernel import clock
from governance.kernel.correlation import request_id
from governance.kernel.database import OPERATOR, db
from governance.kernel.deadline_connection import DeadlineConnection
from governance.kernel.errors import DependencyUnavailable, DomainError
from governance.webhooks import delivery
from tenancy.onboarding import queries as onboardings

log = structlog.get_logger(__name__)

THREADS: Final = 4
SHUTDOWN_TIMEOUT_SECONDS: Final = 20
"""How long a worker that is asked to stop may finish its running jobs. Unfinished jobs are run again."""

SEAL_INTERVAL: Final = timedelta(seconds=3)
SWEEP_INTERVAL: Final = timedelta(seconds=1)
DISPATCH_TIMEOUT: Final = timedelta(seconds=15)
"""An id that was dispatched and whose job has not begun after this time is dispatched again."""

JOB_RETRY_DELAYS: Final = (timedelta(seconds=1), timedelta(seconds=5), timedelta(seconds=25), timedelta(minutes=2))

CURRENT_JOB: Final[ContextVar[outbox.ClaimedJob | None]] = ContextVar("current_job", default=None)
"""The job whose handler runs; None outside of one."""

Handler = Callable[[dict[str, Any]], None]
"""Runs one kind of job with its payload, in an application context. May be called twice with the same payload."""


class _JsonSerializer:
    """The queue's messages as JSON. Huey's own pickles would let whoever writes to the table run code here."""

    def serialize(self, data: Message) -> bytes:
        return json.dumps([data.id, data.name, list(data.args)]).encode()

    def deserialize(self, data: bytes) -> Message:
        task_id, name, args = json.loads(data)
        return Message(task_id, name, None, 0, 0, None, tuple(args), {}, None, None, None, None, None, None, None)


class Queue:
    """The queue of ids of jobs, onboardings and webhooks. Any process may put an id in; workers take them out."""

    def __init__(self, database_url: str) -> None:
        """`database_url` is SQLAlchemy's, as the application's role; nothing is connected to before it is needed."""
        address = database_url.replace("postgresql+psycopg://", "postgresql://", 1)

        def connection() -> psycopg.Connection[Any]:
            return DeadlineConnection.connect(address, connect_timeout=3)

        self.huey = PostgresHuey(
            "moyai",
            connection=connection,
            table_prefix="huey",
            create_tables=False,
            results=False,
            serializer=_JsonSerializer(),
        )
        self._run_job: Callable[[UUID], None] | None = None
        self._run_onboarding: Callable[[UUID], None] | None = None
        self._deliver: Callable[[UUID], None] | None = None
        self._job = self.huey.task(name="job")(self._on_job)
        self._onboarding = self.huey.task(name="onboarding")(self._on_onboarding)
        self._webhook = self.huey.task(name="webhook")(self._on_webhook)

    def dispatch(self, job_id: UUID) -> None:
        """Put a job's id into the queue; the outbox's `Dispatcher`."""
        self._job(str(job_id))

    def enqueue_onboarding(self, onboarding_id: UUID) -> None:
        self._onboarding(str(onboarding_id))

    def enqueue_webhook(self, webhook_id: UUID) -> None:
        self._webhook(str(webhook_id))

    def serve(
        self,
        *,
        run_job: Callable[[UUID], None],
        run_onboarding: Callable[[UUID], None],
        deliver: Callable[[UUID], None],
    ) -> None:
        """Register the functions that are called with ids taken out by this process."""
        self._run_job, self._run_onboarding, self._deliver = run_job, run_onboarding, deliver

    def _on_job(self, job_id: str) -> None:
        if self._run_job is not None:
            self._run_job(UUID(job_id))

    def _on_onboarding(self, onboarding_id: str) -> None:
        if self._run_onboarding is not None:
            self._run_onboarding(UUID(onboarding_id))

    def _on_webhook(self, webhook_id: str) -> None:
        if self._deliver is not None:
            self._deliver(UUID(webhook_id))


class JobWorker:
    """One worker process: its threads, its periodic tasks, its shutdown.

    `handlers` run the jobs by their kind, `run_onboarding` continues the onboarding of an id, `deliver` sends what
    waits for the webhook of an id (None: another process does), `periodic_tasks` are called every few seconds.
    """

    def __init__(
        self,
        app: Flask,
        queue: Queue,
        *,
        handlers: dict[str, Handler],
        run_onboarding: Callable[[UUID], None],
        seal_audit_log: Callable[[], None],
        deliver: Callable[[UUID], None] | None = None,
        periodic_tasks: tuple[Callable[[], None], ...] = (),
    ) -> None:
        self._app = app
        self._queue = queue
        self._handlers = handlers
        self._run_onboarding = run_onboarding
        self._deliver = deliver
        self._seal_audit_log = seal_audit_log
        self._periodic_tasks = periodic_tasks
        self._delayed: set[int] = set()
        self._stopping = threading.Event()
        self._dispatched: dict[UUID, float] = {}

    def run(self) -> None:
        """Run until SIGTERM or Ctrl-C. Running jobs may then finish within SHUTDOWN_TIMEOUT_SECONDS."""
        logging.getLogger("huey").setLevel(logging.ERROR)
        self._queue.serve(run_job=self.run_job, run_onboarding=self._handle_onboarding, deliver=self.deliver)
        outbox.DISPATCHER.set(self._app, self._queue)
        loop = threading.Thread(target=self._run_loop, name="periodic", daemon=True)
        loop.start()
        consumer = self._queue.huey.create_consumer(
            workers=THREADS, periodic=False, graceful_signal="TERM", shutdown_timeout=SHUTDOWN_TIMEOUT_SECONDS
        )
        log.info("worker.started", threads=THREADS)
        try:
            consumer.run()
        finally:
            self._stopping.set()
            loop.join(timeout=5)
            outbox.DISPATCHER.set(self._app, None)
            log.info("worker.stopped")

    def run_job(self, job_id: UUID) -> None:
        """Run one job, unless it is done, taken by another worker or not due."""
        with self._app.app_context():
            with system_transaction(OPERATOR) as session:
                job = outbox.claim(session, job_id, clock.now())
                if job is None:
                    return
            error, retry_at = self._handle(job)
            with system_transaction(OPERATOR) as session:
                outbox.finish(session, job, clock.now(), error=error, retry_at=retry_at)

    def _handle(self, job: outbox.ClaimedJob) -> tuple[str | None, Any]:
        token = request_id.set(str(job.id))
        current = CURRENT_JOB.set(job)
        try:
            self._handlers[current_job_kind(job.name)](job.payload)
        except DependencyUnavailable as away:
            return away.code, self._next_attempt_at(job)
        except DomainError as refusal:
            log.warning("job.refused", job=str(job.id), name=job.name, code=refusal.code)
            return refusal.code, None
        except Exception as bug:
            log.exception("job.failed", job=str(job.id), name=job.name)
            return type(bug).__name__, self._next_attempt_at(job)
        finally:
            db.session.rollback()
            CURRENT_JOB.reset(current)
            request_id.reset(token)
        return None, None

    @staticmethod
    def _next_attempt_at(job: outbox.ClaimedJob) -> Any:
        return clock.now() + JOB_RETRY_DELAYS[min(job.attempts, len(JOB_RETRY_DELAYS)) - 1]

    def _handle_onboarding(self, onboarding_id: UUID) -> None:
        token = request_id.set(str(onboarding_id))
        try:
            with self._app.app_context():
                self._run_onboarding(onboarding_id)
        except Exception as fault:
            # Its steps say how it stands; the next round finds it when its lease has run out.
            log.warning("onboarding.interrupted", onboarding=str(onboarding_id), error=type(fault).__name__)
        finally:
            request_id.reset(token)
            self._dispatched.pop(onboarding_id, None)

    def deliver(self, webhook_id: UUID) -> None:
        token = request_id.set(str(webhook_id))
        try:
            with self._app.app_context():
                if self._deliver is not None:
                    self._deliver(webhook_id)
        except Exception as fault:
            # Its row says what is delivered; the next round finds it when its lease has run out.
            log.warning("webhook.interrupted", webhook=str(webhook_id), error=type(fault).__name__)
        finally:
            request_id.reset(token)
            self._dispatched.pop(webhook_id, None)

    # -- periodic tasks

    def _run_loop(self) -> None:
        """Run the sweep every second and seal every three. An unreachable database is tried again."""
        is_unavailable = False
        sealed_at = 0.0
        while not self._stopping.wait(SWEEP_INTERVAL.total_seconds()):
            try:
                with self._app.app_context():
                    self.sweep()
                    if time.monotonic() - sealed_at >= SEAL_INTERVAL.total_seconds():
                        self._seal_audit_log()
                        sealed_at = time.monotonic()
                        self._run_periodic()
                if is_unavailable:
                    log.info("worker.database_recovered")
                is_unavailable = False
            except Exception as away:
                if not is_unavailable:
                    log.warning("worker.database_unavailable", error=type(away).__name__)
                is_unavailable = True

    def _run_periodic(self) -> None:
        for number, task in enumerate(self._periodic_tasks):
            try:
                task()
                self._delayed.discard(number)
            except DomainError as refused:
                if number not in self._delayed:
                    log.warning("worker.periodic_delayed", code=refused.code)
                self._delayed.add(number)

    def sweep(self) -> int:
        """Dispatch the ids that are due and not dispatched; returns their number."""
        with system_transaction(OPERATOR) as session:
            jobs, due, unsent = _due(session)
        recently = time.monotonic() - DISPATCH_TIMEOUT.total_seconds()
        self._dispatched = {which: when for which, when in self._dispatched.items() if when > recently}
        lost = [job for job in jobs if job not in self._dispatched]
        for job_id in lost:
            self._queue.dispatch(job_id)
        idle = [onboarding_id for _, onboarding_id in due if onboarding_id not in self._dispatched]
        for onboarding_id in idle:
            self._queue.enqueue_onboarding(onboarding_id)
        behind = [webhook_id for webhook_id in unsent if webhook_id not in self._dispatched]
        for webhook_id in behind:
            self._queue.enqueue_webhook(webhook_id)
        self._dispatched.update(dict.fromkeys([*lost, *idle, *behind], time.monotonic()))
        return len(lost) + len(idle) + len(behind)


def _due(session: Session) -> tuple[list[UUID], list[tuple[UUID, UUID]], list[UUID]]:
    """Ids of jobs, onboardings with their tenants, and webhooks."""
    now = clock.now()
    return outbox.due(session, now - DISPATCH_TIMEOUT), onboardings.due(session, now), delivery.due(session, now)
