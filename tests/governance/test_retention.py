"""What is deleted, and what is not: jobs done 90 days ago, idempotency keys used 14 months ago, and nothing younger."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from sqlalchemy import select

from admin.workflows import upkeep
from admin.workflows.upkeep import Upkeep
from governance import idempotency, outbox
from governance.audit.queries import events
from governance.events import Event
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import IdempotencyKeyReused
from governance.kernel.ids import first_id_at, new_id
from governance.outbox import JobState
from governance.outbox.tables import Job
from governance.retention import commands
from governance.retention.commands import DeleteExpired, ExpiredDeleted, delete_expired
from tenancy.tenants.commands import DefineCohort, define_cohort
from tests import servers
from tests.actors import Actors

SECOND = timedelta(seconds=1)


@pytest.fixture
def now() -> datetime:
    return clock.now()


class Planted:
    """Rows of any age, as PostgreSQL's superuser leaves them."""

    def __init__(self, connection: psycopg.Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    def job(self, state: JobState, created_at: datetime, ended_at: datetime | None = None) -> UUID:
        job_id = UUID(int=first_id_at(created_at).int + new_id().int % 2**64)
        self._connection.execute(
            "INSERT INTO job (id, tenant_id, name, payload, state, attempts, created_at, not_before, ended_at) "
            "VALUES (%s, %s, 'note', '{}', %s, 1, %s, %s, %s)",
            [job_id, self._tenant_id, state.value, created_at, created_at, ended_at],
        )
        return job_id

    def key(self, claimed_at: datetime) -> str:
        key = str(new_id())
        self._connection.execute(
            "INSERT INTO idempotency_key (id, tenant_id, actor, command, key, request_hash, claimed_at) "
            "VALUES (%s, %s, 'x', 'x', %s, 'x', %s)",
            [UUID(int=first_id_at(claimed_at).int + new_id().int % 2**64), self._tenant_id, key, claimed_at],
        )
        return key

    def jobs(self) -> set[UUID]:
        return {row[0] for row in self._connection.execute("SELECT id FROM job")}

    def keys(self) -> set[str]:
        return {row[0] for row in self._connection.execute("SELECT key FROM idempotency_key")}


@pytest.fixture
def planted(postgresql: servers.PostgreSQL, database_name: str, actors: Actors) -> Planted:
    url = servers.libpq(postgresql.server.url("postgres", database_name))
    return Planted(psycopg.connect(url, autocommit=True), actors.operator_tenant)


def test_what_was_kept_long_enough_is_deleted_and_nothing_younger(
    planted: Planted, actors: Actors, now: datetime
) -> None:
    done, kept_done = now - outbox.KEPT_DONE, now - outbox.KEPT_DONE + timedelta(minutes=5)
    used, kept_used = now - idempotency.KEPT, now - idempotency.KEPT + timedelta(minutes=5)
    planted.job(JobState.DONE, done - SECOND, done - SECOND)
    planted.job(JobState.DONE, done - timedelta(days=900), done - timedelta(days=800))
    planted.key(used - SECOND)
    planted.key(used - timedelta(days=900))
    left_jobs = {
        planted.job(JobState.DONE, kept_done, kept_done),
        # It was made long ago and done yesterday.
        planted.job(JobState.DONE, done - timedelta(days=30), now - timedelta(days=1)),
        planted.job(JobState.FAILED, done - timedelta(days=900), done - timedelta(days=900)),
        planted.job(JobState.QUEUED, done - timedelta(days=900)),
        planted.job(JobState.RUNNING, done - timedelta(days=900)),
    }
    left_keys = {planted.key(kept_used), planted.key(now)}

    deleted = delete_expired(DeleteExpired(), actor=actors.worker)

    assert deleted == ExpiredDeleted(jobs=2, idempotency_keys=2)
    assert not deleted.may_have_more
    assert planted.jobs() == left_jobs
    assert planted.keys() == left_keys
    with tenant_scope(OPERATOR):
        recorded = events(db.session(), event=Event.RETENTION_APPLIED)
    assert [one.facts for one in recorded] == [{"jobs": 2, "idempotency_keys": 2}]

    # There is nothing more to delete, and nothing is recorded for that.
    assert delete_expired(DeleteExpired(), actor=actors.worker) == ExpiredDeleted(jobs=0, idempotency_keys=0)
    with tenant_scope(OPERATOR):
        assert len(events(db.session(), event=Event.RETENTION_APPLIED)) == 1


def test_a_round_deletes_so_many_rows_the_oldest_first(
    planted: Planted, actors: Actors, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "MAX_ROWS_A_ROUND", 2)
    ages = [timedelta(days=days) for days in (1_000, 999, 998, 997, 996)]
    jobs = [planted.job(JobState.DONE, now - age, now - age) for age in ages]
    keys = [planted.key(now - age) for age in ages]

    assert delete_expired(DeleteExpired(), actor=actors.worker).may_have_more
    assert planted.jobs() == set(jobs[2:])
    assert planted.keys() == set(keys[2:])
    assert delete_expired(DeleteExpired(), actor=actors.worker).may_have_more
    assert not delete_expired(DeleteExpired(), actor=actors.worker).may_have_more
    assert (planted.jobs(), planted.keys()) == (set(), set())


YOUNG = {
    "job": "state <> 'done' OR ended_at > now() - interval '89 days'",
    "idempotency_key": "claimed_at > now() - interval '13 months'",
}


@pytest.mark.parametrize("table", YOUNG)
@pytest.mark.parametrize("of_tenants", [False, True], ids=["moyai_app", "moyai_tenant"])
def test_the_database_lets_nobody_delete_what_is_younger(
    postgresql: servers.PostgreSQL,
    database_name: str,
    planted: Planted,
    actors: Actors,
    now: datetime,
    table: str,
    of_tenants: bool,
) -> None:
    planted.job(JobState.QUEUED, now - timedelta(days=900))
    planted.job(JobState.FAILED, now - timedelta(days=900), now - timedelta(days=900))
    planted.job(JobState.DONE, now - timedelta(days=900), now - timedelta(days=89))
    planted.key(now - timedelta(days=390))
    planted.key(now)
    before = planted.jobs(), planted.keys()
    url = (postgresql.tenant_url if of_tenants else postgresql.app_url)(database_name)

    for scope in ("operator", str(actors.operator_tenant)):
        with psycopg.connect(servers.libpq(url), autocommit=True) as connection:
            connection.execute("SELECT set_config('moyai.scope', %s, false)", [scope])
            for statement in (f"DELETE FROM {table}", f"DELETE FROM {table} WHERE {YOUNG[table]}"):
                assert connection.execute(statement.encode()).rowcount == 0

    assert (planted.jobs(), planted.keys()) == before


def test_a_tenants_scope_deletes_nothing_however_old(
    postgresql: servers.PostgreSQL, database_name: str, planted: Planted, actors: Actors, now: datetime
) -> None:
    old = planted.job(JobState.DONE, now - timedelta(days=900), now - timedelta(days=900))
    for url in (postgresql.app_url(database_name), postgresql.tenant_url(database_name)):
        with psycopg.connect(servers.libpq(url), autocommit=True) as connection:
            connection.execute("SELECT set_config('moyai.scope', %s, false)", [str(actors.operator_tenant)])
            assert connection.execute("DELETE FROM job").rowcount == 0
    assert planted.jobs() == {old}


def test_a_request_of_400_days_ago_still_has_one_effect(database: Flask, actors: Actors, now: datetime) -> None:
    command = DefineCohort(name="r8", label="令和8年度参加", fiscal_year=2026)
    with clock.at(now - timedelta(days=400)):
        first = define_cohort(command, actor=actors.onboarding, key="once")

    delete_expired(DeleteExpired(), actor=actors.worker)

    assert define_cohort(command, actor=actors.onboarding, key="once") == first
    with pytest.raises(IdempotencyKeyReused):
        define_cohort(
            DefineCohort(name="r9", label="令和9年度参加", fiscal_year=2027), actor=actors.onboarding, key="once"
        )


def test_when_a_job_ended_is_kept(database: Flask, actors: Actors, now: datetime) -> None:
    ended = {}
    for state, error, retry_at in (
        (JobState.DONE, None, None),
        (JobState.FAILED, "no", None),
        (JobState.QUEUED, "away", now + timedelta(minutes=1)),
    ):
        with tenant_scope(OPERATOR):
            session = db.session()
            job_id = outbox.enqueue(session, actors.operator_tenant, "note", {}, now)
            session.flush()
            claimed = outbox.claim(session, job_id, clock.now())
            assert claimed is not None
            outbox.finish(session, claimed, clock.now(), error=error, retry_at=retry_at)
            ended[state] = session.execute(select(Job.state, Job.ended_at).where(Job.id == job_id)).one()
            session.rollback()

    assert [row.state for row in ended.values()] == list(ended)
    assert ended[JobState.QUEUED].ended_at is None
    for state in (JobState.DONE, JobState.FAILED):
        assert abs(ended[state].ended_at - now) < timedelta(minutes=1)


def test_the_upkeep_works_once_a_day_and_until_nothing_is_left(
    planted: Planted, actors: Actors, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "MAX_ROWS_A_ROUND", 2)
    seconds = 0.0
    monkeypatch.setattr(upkeep, "monotonic", lambda: seconds)
    old = now - timedelta(days=1_000)
    logs = [tmp_path / f"{name}.{old:%Y%m%dT%H%M%SZ}.log" for name in ("web", "worker")]
    for path in (*logs, tmp_path / "web.log"):
        path.write_text("x\n")
    for _ in range(3):
        planted.job(JobState.DONE, old, old)
    keeping = Upkeep(tmp_path, timedelta(days=366))

    keeping()
    assert len(planted.jobs()) == 1
    assert [path.exists() for path in logs] == [False, False]
    keeping()
    assert planted.jobs() == set()

    later = planted.job(JobState.DONE, old, old)
    seconds = upkeep.PERIOD.total_seconds() - 1
    keeping()
    assert planted.jobs() == {later}
    seconds += 2
    keeping()
    assert planted.jobs() == set()
    assert (tmp_path / "web.log").exists()


def test_before_anybody_is_registered_the_upkeep_waits(database: Flask, tmp_path: Path) -> None:
    keeping = Upkeep(tmp_path, timedelta(days=366))
    keeping()
    assert keeping._due_at == float("-inf")
