"""The worker: carries out jobs after their commit, carries onboardings on, seals the record.

The queue (Huey on PostgreSQL) brings ids only; rows of ours say what is to be done and whether it was. An id that is
lost is found by the sweep, one that comes twice finds its row taken. PostgreSQL or Keycloak going away stops nothing
for good: what was in hand is tried again.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
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
from governance.audit.seal import seal
from governance.commands import bookkeeping
from governance.kernel import clock
from governance.kernel.correlation import request_id
from governance.kernel.database import OPERATOR, db
from governance.kernel.errors import Refused, Unreachable
from tenancy.onboarding import queries as onboardings

log = structlog.get_logger(__name__)

THREADS: Final = 4
STOPS_WITHIN_SECONDS: Final = 20
"""How long a worker that is told to stop may finish what it has in hand. What is not finished is done again."""

SEAL_EVERY: Final = timedelta(seconds=3)
SWEEP_EVERY: Final = timedelta(seconds=1)
CARRIED_WITHIN: Final = timedelta(seconds=15)
"""An id that was carried and not acted on for so long is taken for lost, and carried again."""

RETRY_AFTER: Final = (timedelta(seconds=1), timedelta(seconds=5), timedelta(seconds=25), timedelta(minutes=2))

Handler = Callable[[dict[str, Any]], None]
"""Does one kind of job; gets its payload, inside an application context, and may be called twice with the same."""


class _OnlyWords:
    """The queue's messages as JSON. Huey's own pickles would let whoever writes to the table run code here."""

    def serialize(self, data: Message) -> bytes:
        return json.dumps([data.id, data.name, list(data.args)]).encode()

    def deserialize(self, data: bytes) -> Message:
        task_id, name, args = json.loads(data)
        return Message(task_id, name, None, 0, 0, None, tuple(args), {}, None, None, None, None, None, None, None)


class Queue:
    """Brings ids of jobs and onboardings to whichever worker is free. Any process may carry; workers consume."""

    def __init__(self, database_url: str) -> None:
        """`database_url` is SQLAlchemy's, as the application's role; nothing is connected to before it is needed."""
        address = database_url.replace("postgresql+psycopg://", "postgresql://", 1)

        def connection() -> psycopg.Connection[Any]:
            return psycopg.connect(address, connect_timeout=3)

        self.huey = PostgresHuey(
            "moyai",
            connection=connection,
            table_prefix="huey",
            create_tables=False,
            results=False,
            serializer=_OnlyWords(),
        )
        self._does: Callable[[UUID], None] | None = None
        self._onboards: Callable[[UUID], None] | None = None
        self._job = self.huey.task(name="job")(self._arrived)
        self._onboarding = self.huey.task(name="onboarding")(self._onboarding_arrived)

    def carry(self, job_id: UUID) -> None:
        """Bring a job's id; the outbox's `Carrier`."""
        self._job(str(job_id))

    def carry_onboarding(self, onboarding_id: UUID) -> None:
        self._onboarding(str(onboarding_id))

    def serve(self, *, does: Callable[[UUID], None], onboards: Callable[[UUID], None]) -> None:
        """Say what happens with ids that arrive in this process."""
        self._does, self._onboards = does, onboards

    def _arrived(self, job_id: str) -> None:
        if self._does is not None:
            self._does(UUID(job_id))

    def _onboarding_arrived(self, onboarding_id: str) -> None:
        if self._onboards is not None:
            self._onboards(UUID(onboarding_id))


class JobWorker:
    """One worker process: its threads, its rounds, its end.

    `handlers` do the jobs by name, `onboards` carries one onboarding on, `rounds` are done every few seconds.
    """

    def __init__(
        self,
        app: Flask,
        queue: Queue,
        *,
        handlers: dict[str, Handler],
        onboards: Callable[[UUID], None],
        rounds: tuple[Callable[[], None], ...] = (),
    ) -> None:
        self._app = app
        self._queue = queue
        self._handlers = handlers
        self._onboards = onboards
        self._of_every_round = rounds
        self._ended = threading.Event()
        self._carried: dict[UUID, float] = {}

    def run(self) -> None:
        """Work until SIGTERM or Ctrl-C. What is in hand then is finished first, within 20 seconds."""
        logging.getLogger("huey").setLevel(logging.ERROR)
        self._queue.serve(does=self.do, onboards=self._onboard)
        outbox.use_carrier(self._queue)
        rounds = threading.Thread(target=self._rounds, name="rounds", daemon=True)
        rounds.start()
        consumer = self._queue.huey.create_consumer(
            workers=THREADS, periodic=False, graceful_signal="TERM", shutdown_timeout=STOPS_WITHIN_SECONDS
        )
        log.info("worker.started", threads=THREADS)
        try:
            consumer.run()
        finally:
            self._ended.set()
            rounds.join(timeout=5)
            outbox.use_carrier(None)
            log.info("worker.stopped")

    def do(self, job_id: UUID) -> None:
        """Do one job, unless it is done, taken or not due."""
        with self._app.app_context():
            with bookkeeping(OPERATOR) as session:
                job = outbox.take(session, job_id, clock.now())
                if job is None:
                    return
                session.expunge(job)
            error, retry_at = self._handle(job)
            with bookkeeping(OPERATOR) as session:
                outbox.finish(session, job, clock.now(), error=error, retry_at=retry_at)

    def _handle(self, job: outbox.Job) -> tuple[str | None, Any]:
        token = request_id.set(str(job.id))
        try:
            self._handlers[job.name](job.payload)
        except Unreachable as away:
            return away.code, self._later(job)
        except Refused as refusal:
            log.warning("job.refused", job=str(job.id), name=job.name, code=refusal.code)
            return refusal.code, None
        except Exception as bug:
            log.exception("job.failed", job=str(job.id), name=job.name)
            return type(bug).__name__, self._later(job)
        finally:
            db.session.rollback()
            request_id.reset(token)
        return None, None

    @staticmethod
    def _later(job: outbox.Job) -> Any:
        return clock.now() + RETRY_AFTER[min(job.attempts, len(RETRY_AFTER)) - 1]

    def _onboard(self, onboarding_id: UUID) -> None:
        token = request_id.set(str(onboarding_id))
        try:
            with self._app.app_context():
                self._onboards(onboarding_id)
        except Exception as fault:
            # Its steps say how it stands; the next round finds it when its lease has run out.
            log.warning("onboarding.interrupted", onboarding=str(onboarding_id), error=type(fault).__name__)
        finally:
            request_id.reset(token)
            self._carried.pop(onboarding_id, None)

    # -- rounds

    def _rounds(self) -> None:
        """Every second: what nobody carries; every three: the seal. A database that is away is tried again."""
        is_away = False
        sealed_at = 0.0
        while not self._ended.wait(SWEEP_EVERY.total_seconds()):
            try:
                with self._app.app_context():
                    self.sweep()
                    if time.monotonic() - sealed_at >= SEAL_EVERY.total_seconds():
                        with bookkeeping(OPERATOR) as session:
                            seal(session, clock.now())
                        sealed_at = time.monotonic()
                        self._go_round()
                if is_away:
                    log.info("worker.back")
                is_away = False
            except Exception as away:
                if not is_away:
                    log.warning("worker.database_away", error=type(away).__name__)
                is_away = True

    def _go_round(self) -> None:
        for look in self._of_every_round:
            try:
                look()
            except Unreachable as away:
                log.warning("worker.round_waits", code=away.code)

    def sweep(self) -> int:
        """Carry what is due and not on its way; returns how many ids that was."""
        with bookkeeping(OPERATOR) as session:
            jobs, due = _due(session)
        recently = time.monotonic() - CARRIED_WITHIN.total_seconds()
        self._carried = {which: when for which, when in self._carried.items() if when > recently}
        lost = [job for job in jobs if job not in self._carried]
        for job_id in lost:
            self._queue.carry(job_id)
        idle = [onboarding_id for _, onboarding_id in due if onboarding_id not in self._carried]
        for onboarding_id in idle:
            self._queue.carry_onboarding(onboarding_id)
        self._carried.update(dict.fromkeys([*lost, *idle], time.monotonic()))
        return len(lost) + len(idle)


def _due(session: Session) -> tuple[list[UUID], list[tuple[UUID, UUID]]]:
    now = clock.now()
    return outbox.due(session, now - CARRIED_WITHIN), onboardings.due(session, now)
