"""The worker: does each job once, finds lost ones, outlives a database that goes away, stops when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from sqlalchemy import Interval, column, func, select, table, type_coerce

from admin.operations.readiness import wait_until
from admin.workflows.jobs import JobWorker, Queue
from governance import outbox
from governance.audit.files import AuditFiles
from governance.audit.verification import verify
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, dispose_engines, tenant_scope
from governance.kernel.errors import Conflict, DependencyUnavailable, message
from governance.outbox import JobState
from governance.outbox.tables import Job
from tests import servers
from tests.ports import find_free_port_range

AWAY = message("test.away", ja="試験: 不在", en="test: away")
NO = message("test.no", ja="試験: 不可", en="test: no")

_TASK = table("huey_task", column("data"))


class RecordingHandlers:
    """Handlers that say what they were asked, and do as the payload tells."""

    def __init__(self) -> None:
        self.done: list[int] = []

    def note(self, payload: dict[str, Any]) -> None:
        self.done.append(payload["number"])
        if payload.get("away"):
            raise DependencyUnavailable(AWAY)
        if payload.get("refused"):
            raise Conflict(NO)
        if payload.get("bug"):
            raise ZeroDivisionError


@pytest.fixture
def recording() -> RecordingHandlers:
    return RecordingHandlers()


@pytest.fixture
def queue(postgresql: servers.PostgreSQL, database_name: str) -> Iterator[Queue]:
    made = Queue(postgresql.app_url(database_name))
    yield made
    made.huey.storage.close()


@pytest.fixture
def worker(database: Flask, queue: Queue, recording: RecordingHandlers) -> JobWorker:
    return JobWorker(
        database,
        queue,
        handlers={"note": recording.note},
        run_onboarding=lambda one: None,
        seal_audit_log=lambda: None,
    )


def _leave(operator_tenant: UUID, number: int, **more: bool) -> UUID:
    with system_transaction(OPERATOR) as session:
        return outbox.enqueue(session, operator_tenant, "note", {"number": number, **more}, clock.now())


def _job(job_id: UUID) -> Job:
    with tenant_scope(OPERATOR):
        return db.session.get_one(Job, job_id, populate_existing=True)


def test_a_job_is_done_once_however_often_its_id_arrives(
    worker: JobWorker, recording: RecordingHandlers, operator_tenant: UUID
) -> None:
    job_id = _leave(operator_tenant, 1)

    for _ in range(3):
        worker.run_job(job_id)

    assert recording.done == [1]
    assert _job(job_id).state == JobState.DONE


@pytest.mark.parametrize("trouble", ["away", "bug"])
def test_a_job_that_met_a_fault_is_tried_again_later_and_five_times_at_most(
    trouble: str, worker: JobWorker, recording: RecordingHandlers, operator_tenant: UUID
) -> None:
    job_id = _leave(operator_tenant, 1, **{trouble: True})

    worker.run_job(job_id)
    assert _job(job_id).state == JobState.QUEUED
    worker.run_job(job_id)
    assert recording.done == [1]

    later = clock.now()
    for _ in range(10):
        later += timedelta(hours=1)
        with clock.at(later):
            worker.run_job(job_id)
    assert len(recording.done) == outbox.MAX_ATTEMPTS
    assert _job(job_id).state == JobState.FAILED


def test_a_job_that_was_refused_is_not_tried_again(
    worker: JobWorker, recording: RecordingHandlers, operator_tenant: UUID
) -> None:
    job_id = _leave(operator_tenant, 1, refused=True)

    worker.run_job(job_id)

    assert (_job(job_id).state, _job(job_id).last_error) == (JobState.FAILED, "test.no")


def test_a_job_whose_worker_died_is_taken_over_when_its_lease_has_run_out(
    worker: JobWorker, recording: RecordingHandlers, operator_tenant: UUID
) -> None:
    job_id = _leave(operator_tenant, 1)
    with system_transaction(OPERATOR) as session:
        assert outbox.claim(session, job_id, clock.now()) is not None

    worker.run_job(job_id)
    assert recording.done == []
    with clock.at(clock.now() + outbox.JOB_LEASE + timedelta(seconds=1)):
        worker.run_job(job_id)

    assert recording.done == [1]


def test_a_host_whose_clock_is_ahead_takes_no_lease_of_another_and_none_that_is_longer(
    worker: JobWorker, recording: RecordingHandlers, operator_tenant: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_another, its_own = _leave(operator_tenant, 1), _leave(operator_tenant, 2)
    with system_transaction(OPERATOR) as session:
        assert outbox.claim(session, of_another, clock.now()) is not None

    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + timedelta(hours=1))
    worker.run_job(of_another)
    with system_transaction(OPERATOR) as session:
        assert outbox.claim(session, its_own, clock.now()) is not None

    assert recording.done == []
    with tenant_scope(OPERATOR):
        until, now = Job.leased_until, func.clock_timestamp()
        left: list[timedelta] = [row[0] for row in db.session.execute(select(type_coerce(until - now, Interval)))]
    assert len(left) == 2
    assert all(timedelta(minutes=4) < one <= outbox.JOB_LEASE for one in left)


def test_an_id_that_nobody_dispatched_is_found_by_the_sweep(
    worker: JobWorker, queue: Queue, operator_tenant: UUID
) -> None:
    _leave(operator_tenant, 1)
    assert worker.sweep() == 0

    with clock.at(clock.now() + timedelta(minutes=1)):
        assert worker.sweep() == 1
        assert worker.sweep() == 0

    assert queue.huey.pending_count() == 1


def test_a_message_in_the_queue_is_an_id_and_can_run_nothing(queue: Queue, operator_tenant: UUID) -> None:
    job_id = _leave(operator_tenant, 1)
    queue.dispatch(job_id)

    with tenant_scope(OPERATOR):
        (message,) = db.session.scalars(select(func.convert_from(_TASK.c.data, "UTF8")).select_from(_TASK)).all()
    assert str(job_id) in message
    assert message.startswith("[")


@pytest.fixture
def process(
    postgresql: servers.PostgreSQL, database_name: str, operator_tenant: UUID, tmp_path: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """`moyai worker` itself, on the test's database; Keycloak is not there."""
    settings = {
        "MOYAI_HOME": str(tmp_path),
        "MOYAI_PORT": str(find_free_port_range()),
        **postgresql.urls(database_name),
        "KEYCLOAK_URL": "http://127.0.0.1:9",
    }
    log = tmp_path / "worker.log"
    with log.open("wb") as file:
        started = subprocess.Popen(
            servers.unprivileged([sys.executable, "-m", "admin.cli", "worker"], tmp_path),
            env={**os.environ, **settings},
            stdout=file,
            stderr=file,
        )
    assert wait_until(lambda: b"worker.started" in log.read_bytes(), seconds=60), log.read_text()
    yield started
    if started.poll() is None:
        started.kill()
    started.wait()


@pytest.mark.slow
def test_the_process_seals_the_audit_log_and_stops_on_sigterm(
    process: subprocess.Popen[bytes], database: Flask, tmp_path: Path
) -> None:
    assert wait_until(lambda: _is_sealed(tmp_path), seconds=60)

    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=30) == 0


@pytest.mark.slow
@pytest.mark.own_database
def test_the_process_outlives_a_database_that_cuts_its_connections(
    process: subprocess.Popen[bytes],
    database: Flask,
    postgresql: servers.PostgreSQL,
    database_name: str,
    operator_tenant: UUID,
    tmp_path: Path,
) -> None:
    assert wait_until(lambda: _is_sealed(tmp_path), seconds=60)
    with psycopg.connect(servers.libpq(postgresql.superuser_url), autocommit=True) as administrator:
        administrator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            [database_name],
        )
    db.session.remove()
    dispose_engines()

    job_id = _leave(operator_tenant, 1)
    Queue(postgresql.app_url(database_name)).dispatch(job_id)

    # The process knows no job of this name: it fails it, and that is how it shows that it is at work.
    assert wait_until(lambda: _job(job_id).last_error == "KeyError", seconds=60)
    assert process.poll() is None


def _is_sealed(home: Path) -> bool:
    files = AuditFiles(home / "keys" / "audit.key", home / "audit" / "tips.json")
    with tenant_scope(OPERATOR):
        found = verify(db.session(), files)
        return found.intact and found.records > 0 and found.unsealed == 0
