"""Sealing: what is recorded gets its place in a keyed chain; the database, not the application, says when it was."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text

from governance.audit import chain, verification
from governance.audit import seal as sealing
from governance.audit.files import AuditFiles, TipsUnreadable
from governance.audit.findings import AuditFindingKind, AuditVerificationReport
from governance.audit.queries import events
from governance.audit.seal import MAX_AGE, SealingStopped, reset_tips, seal
from governance.audit.verification import verify
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Invalid
from governance.kernel.ids import first_id_at, new_id
from tenancy.tenants.commands import DefineCohort, define_cohort
from tenancy.tenants.states import TenantState
from tests import servers
from tests.actors import Actors
from tests.factories import Factory


@pytest.fixture
def files(tmp_path: Path) -> AuditFiles:
    return AuditFiles(tmp_path / "keys" / "audit.key", tmp_path / "audit" / "tips.json")


def record(actors: Actors, number: int) -> None:
    """One event in the operator's stream."""
    define_cohort(
        DefineCohort(name=f"r{number}", label=f"令和{number}年度参加", fiscal_year=2025), actor=actors.onboarding
    )


def report(files: AuditFiles, *expected: str) -> AuditVerificationReport:
    with tenant_scope(OPERATOR):
        return verify(db.session(), files, expected)


def kinds(files: AuditFiles) -> list[AuditFindingKind]:
    return [finding.kind for finding in report(files).findings]


A_PAST = datetime(2025, 4, 1, tzinfo=UTC)
INSERT = (
    "INSERT INTO audit_event (id, tenant_id, recorded_at, actor, actor_kind, acting_tenant_id, command, event,"
    " permission, outcome, subject, facts)"
    " VALUES (%(id)s, %(tenant)s, %(at)s, 'cli:x', 'system', %(tenant)s, 'x', 'cohort.defined', 'x', 'done', 's', '{}')"
)


def row(tenant: UUID, at: datetime, event_id: UUID | None = None) -> dict[str, Any]:
    return {"id": event_id or new_id(), "tenant": tenant, "at": at}


@contextmanager
def connected(url: str, database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(servers.libpq(url), dbname=database) as connection:
        connection.execute("SELECT set_config('moyai.scope', 'operator', false)")
        connection.commit()
        yield connection


# -- sealing


def test_nothing_is_wrong_before_the_first_sealing(actors: Actors, files: AuditFiles) -> None:
    record(actors, 1)

    found = report(files)

    assert (found.intact, found.records, found.unsealed) == (True, 2, 2)
    assert not files.key_file.exists()


def test_the_first_sealing_starts_every_tenants_chain_and_writes_key_and_tips(
    actors: Actors, files: AuditFiles
) -> None:
    city = Factory(actors).kumamoto_city()

    sealed = seal(files)

    found = report(files)
    assert (found.intact, found.records, found.unsealed) == (True, sealed.sealed, 0)
    assert {head.stream for head in found.heads} == {city, actors.operator_tenant}
    assert {str(tip) for tip in sealed.tips} == {head.text for head in found.heads}
    with tenant_scope(OPERATOR):
        started = events(db.session(), event="audit.chain_started")
    assert {event.tenant_id for event in started} == {city, actors.operator_tenant}
    assert {event.facts["after"] for event in started} == {0}
    for file in (files.key_file, files.tips_file):
        assert file.stat().st_mode & 0o777 == 0o600


def test_sealing_again_seals_nothing_twice_and_later_events_continue_the_chain(
    actors: Actors, files: AuditFiles
) -> None:
    record(actors, 1)
    first = seal(files)
    assert seal(files).sealed == 0

    record(actors, 2)
    assert report(files).unsealed == 1
    assert seal(files).sealed == 1

    found = report(files, *(str(tip) for tip in first.tips))
    assert (found.intact, found.records, found.unsealed) == (True, first.sealed + 1, 0)


def test_a_tenant_verifies_its_own_stream_alone(actors: Actors, files: AuditFiles) -> None:
    city = Factory(actors).kumamoto_city()
    sealed = seal(files).sealed
    with tenant_scope(city):
        own = verify(db.session(), files)
    with tenant_scope(new_id()):
        none = verify(db.session(), files)
    assert (own.intact, [head.stream for head in own.heads]) == (True, [city])
    assert 0 < own.records < sealed
    assert (none.intact, none.records) == (True, 0)


@pytest.mark.parametrize("wrong", ["", "x:1:2", f"{UUID(int=1)}:0:{'0' * 64}", f"{UUID(int=1)}:1:{'0' * 62}"])
def test_a_head_that_is_none_is_refused(actors: Actors, files: AuditFiles, wrong: str) -> None:
    with pytest.raises(Invalid):
        report(files, wrong)


def test_a_head_that_was_never_there_is_found(actors: Actors, files: AuditFiles) -> None:
    record(actors, 1)
    seal(files)
    stream = actors.operator_tenant

    other = report(files, f"{stream}:2:{'0' * 64}")
    later = report(files, f"{stream}:9:{'0' * 64}")

    assert [(one.kind, one.sequence) for one in other.findings] == [(AuditFindingKind.EXPECTED_DIFFERS, 2)]
    assert [(one.kind, one.sequence, one.last_sequence) for one in later.findings] == [
        (AuditFindingKind.STREAM_CUT, 4, 9)
    ]


def test_a_backlog_is_sealed_in_rounds_and_none_of_it_is_taken_for_a_past(
    actors: Actors, files: AuditFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Far more than a round takes, and older than an honest transaction when its round comes."""
    for module in (sealing, verification):
        monkeypatch.setattr(module, "MAX_AGE", timedelta(milliseconds=2))
    monkeypatch.setattr(sealing, "MAX_EVENTS_A_ROUND", 7)
    seal(files)
    record(actors, 0)
    city = Factory(actors).kumamoto_city()
    seal(files)
    for number in range(1, 11):
        record(actors, number)
        Factory(actors).change_state(city, TenantState.SCREENING if number % 2 else TenantState.APPLIED)

    rounds = [seal(files).sealed for _ in range(4)]

    assert (rounds, report(files).intact, report(files).unsealed) == ([7, 7, 6, 0], True, 0)


def test_the_hash_of_a_link_is_hmac_sha_256() -> None:
    """RFC 4231, test case 2 has the key “Jefe”; and any of our own length."""
    for key in (b"Jefe", bytes(range(32)), b"k" * 64):
        expected = hmac.digest(key, b"moyai.audit-seal/2\n" + b"0" * 64 + b"\nrow", "sha256").hex().encode()
        assert chain.ChainKey(key).chain_hash(b"0" * 64, b"row") == expected
    with pytest.raises(ValueError, match="65 bytes"):
        chain.ChainKey(b"k" * 65)


@pytest.mark.parametrize(
    ("microsecond", "printed"), [(0, "09:00:00+00"), (120_000, "09:00:00.12+00"), (7, "09:00:00.000007+00")]
)
def test_an_instant_is_written_as_postgresql_prints_it(database: Flask, microsecond: int, printed: str) -> None:
    instant = datetime(2026, 4, 1, 18, 0, 0, microsecond, tzinfo=clock.JST)
    with tenant_scope(OPERATOR):
        by_server = db.session.execute(text("SELECT CAST(CAST(:at AS timestamptz) AS text)"), {"at": instant}).scalar()
    assert chain.copy_time(instant).decode() == by_server == f"2026-04-01 {printed}"
    assert chain.parse_copy_time(chain.copy_time(instant)) == instant


# -- key and tips


def test_without_its_tips_nothing_is_sealed_until_they_are_made_anew(actors: Actors, files: AuditFiles) -> None:
    seal(files)
    files.tips_file.unlink()
    record(actors, 1)

    with pytest.raises(SealingStopped, match="tips_missing"):
        seal(files)
    assert kinds(files) == [AuditFindingKind.TIPS_MISSING]
    assert not files.tips_file.exists()

    assert reset_tips(files) == 1
    assert seal(files).sealed == 1
    assert report(files).intact


def test_without_its_key_nothing_is_sealed_and_no_other_key_is_made(actors: Actors, files: AuditFiles) -> None:
    seal(files)
    files.key_file.unlink()

    with pytest.raises(SealingStopped, match="key_missing"):
        seal(files)
    with pytest.raises(SealingStopped, match="key_missing"):
        reset_tips(files)

    assert kinds(files) == [AuditFindingKind.KEY_MISSING]
    assert not files.key_file.exists()


@pytest.mark.parametrize("content", ["", "zz", "00" * 31])
def test_a_file_without_a_key_is_found(actors: Actors, files: AuditFiles, content: str) -> None:
    seal(files)
    files.key_file.write_text(content)

    with pytest.raises(SealingStopped, match="key_missing"):
        seal(files)
    assert kinds(files) == [AuditFindingKind.KEY_MISSING]


def test_a_key_that_cannot_be_read_is_found(actors: Actors, files: AuditFiles) -> None:
    seal(files)
    files.key_file.unlink()
    files.key_file.mkdir()

    with pytest.raises(SealingStopped, match="key_missing"):
        seal(files)
    assert kinds(files) == [AuditFindingKind.KEY_MISSING]


def test_another_key_cannot_stand_in(actors: Actors, files: AuditFiles, tmp_path: Path) -> None:
    seal(files)
    files.key_file.write_text("00" * 32)

    with pytest.raises(SealingStopped, match="tips_changed"):
        seal(files)
    assert kinds(files) == [
        AuditFindingKind.TIPS_CHANGED,
        AuditFindingKind.SEAL_CHANGED,
        AuditFindingKind.SEAL_CHANGED,
    ]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"form": "moyai.audit-tips/1", "signature": 1, "tips": {}}'])
def test_a_file_of_tips_that_says_something_else_is_found(actors: Actors, files: AuditFiles, content: str) -> None:
    seal(files)
    files.tips_file.write_text(content)

    with pytest.raises(SealingStopped, match="tips_changed"):
        seal(files)
    assert kinds(files) == [AuditFindingKind.TIPS_CHANGED]


def test_an_older_tip_never_replaces_a_newer_one(actors: Actors, files: AuditFiles) -> None:
    record(actors, 1)
    (older,) = seal(files).tips
    record(actors, 2)
    (newer,) = seal(files).tips
    key = files.read_key()
    assert key is not None

    files.add_tips(key, {older.stream: older})

    assert files.read_tips(key) == {newer.stream: newer}
    with pytest.raises(TipsUnreadable):
        files.read_tips(bytes(32))


# -- time


def test_the_database_sets_the_time_of_an_event_and_the_time_in_its_id(
    actors: Actors, postgresql: servers.PostgreSQL, database_name: str
) -> None:
    """Whatever the application's role says: it cannot insert a past, nor a place in the list of one."""
    before = clock.now()
    with connected(postgresql.app_url(database_name), database_name) as application:
        application.execute(INSERT, row(actors.operator_tenant, A_PAST, UUID(int=7 << 76 | 2 << 62)))

    with tenant_scope(OPERATOR):
        (event,) = events(db.session(), actor="cli:x")
    assert before - timedelta(seconds=5) <= event.recorded_at <= clock.now() + timedelta(seconds=5)
    assert chain.time_in_id(event.id) <= event.recorded_at < chain.time_in_id(event.id) + timedelta(milliseconds=1)
    assert event.id.version == 7


def test_the_events_of_one_command_keep_their_order(actors: Actors, files: AuditFiles) -> None:
    """As those of two commands do, however close: the id has the time below a millisecond."""
    for number in range(20):
        record(actors, number)
    with tenant_scope(OPERATOR):
        found = events(db.session(), event="cohort.defined")
    assert [event.recorded_at for event in found] == sorted((event.recorded_at for event in found), reverse=True)
    assert [event.id for event in found] == sorted((event.id for event in found), reverse=True)


def test_a_slow_honest_writer_is_sealed_after_those_who_committed_before(
    actors: Actors, files: AuditFiles, postgresql: servers.PostgreSQL, database_name: str
) -> None:
    with connected(postgresql.app_url(database_name), database_name) as slow:
        slow.execute(INSERT, row(actors.operator_tenant, clock.now()))
        record(actors, 1)
        seal(files)
        assert report(files).unsealed == 0
        slow.commit()

    assert report(files).unsealed == 1
    assert seal(files).sealed == 1
    assert report(files).intact


@pytest.mark.own_database
def test_a_transaction_that_commits_its_event_too_late_is_refused(
    actors: Actors, postgresql: servers.PostgreSQL, database_name: str
) -> None:
    with connected(postgresql.superuser_url, database_name) as superuser:
        superuser.execute("ALTER TABLE audit_event DISABLE TRIGGER recorded_now")
        superuser.commit()
        superuser.execute(INSERT, row(actors.operator_tenant, clock.now() - timedelta(seconds=58)))
        superuser.commit()
        superuser.execute(INSERT, row(actors.operator_tenant, clock.now() - timedelta(seconds=62)))
        with pytest.raises(psycopg.errors.RestrictViolation, match="60 seconds"):
            superuser.commit()


@pytest.mark.parametrize(("seconds", "is_sealed"), [(-10, True), (10, False)])
def test_the_sealer_refuses_what_is_older_than_the_longest_transaction_allows(
    actors: Actors,
    files: AuditFiles,
    postgresql: servers.PostgreSQL,
    database_name: str,
    seconds: int,
    is_sealed: bool,
) -> None:
    record(actors, 1)
    seal(files)
    at = clock.now() - MAX_AGE - timedelta(seconds=seconds)
    with connected(postgresql.superuser_url, database_name) as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(INSERT, row(actors.operator_tenant, at, first_id_at(at)))

    assert seal(files).sealed == is_sealed
    assert kinds(files) == ([] if is_sealed else [AuditFindingKind.BACKDATED])


def test_a_stream_at_rest_lets_no_past_in_either(
    actors: Actors, files: AuditFiles, postgresql: servers.PostgreSQL, database_name: str
) -> None:
    """Its last seal is old, but the tips say when it was swept last."""
    seal(files)
    with connected(postgresql.superuser_url, database_name) as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute("UPDATE audit_seal SET sealed_at = sealed_at - interval '3 days'")
        superuser.commit()
        at = clock.now() - timedelta(days=2)
        superuser.execute(INSERT, row(actors.operator_tenant, at, first_id_at(at)))

    assert seal(files).sealed == 0
    assert AuditFindingKind.BACKDATED in kinds(files)


def test_events_that_wait_too_long_for_their_seal_are_a_finding(
    actors: Actors, files: AuditFiles, postgresql: servers.PostgreSQL, database_name: str, database: Flask
) -> None:
    with connected(postgresql.superuser_url, database_name) as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute("UPDATE audit_event SET recorded_at = recorded_at - interval '1 hour'")
        superuser.execute(
            "UPDATE audit_event SET id = (lpad(to_hex((extract(epoch FROM recorded_at) * 1000)::bigint), 12, '0')"
            " || substr(replace(id::text, '-', ''), 13))::uuid"
        )

    (finding,) = report(files).findings

    assert (finding.kind, finding.stream, finding.sequence) == (AuditFindingKind.UNSEALED, actors.operator_tenant, 1)
