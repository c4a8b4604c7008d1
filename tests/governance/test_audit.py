"""The record's seal: every change, deletion and reordering is found, and its place is named."""

from __future__ import annotations

import psycopg
import pytest
from flask import Flask

from governance.audit import seal
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.ids import new_id
from tenancy.tenants.commands import DefineCohort, define_cohort
from tests import servers
from tests.actors import Actors


@pytest.fixture
def sealed_record(actors: Actors) -> int:
    """Ten cohorts defined and the record sealed; how many events that makes."""
    for number in range(10):
        define_cohort(
            DefineCohort(name=f"r{number}", label=f"令和{number}年度参加", fiscal_year=2025), actor=actors.onboarding
        )
    with system_transaction(OPERATOR) as session:
        return seal.seal(session, clock.now())


def _tamper(postgresql: servers.PostgreSQL, database_name: str, statement: str) -> None:
    """What only somebody with every right can do: change rows behind the triggers."""
    with psycopg.connect(servers.libpq(postgresql.superuser_url), dbname=database_name, autocommit=True) as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(statement)


def _report() -> seal.AuditVerificationReport:
    with tenant_scope(OPERATOR):
        return seal.verify(db.session())


def test_an_untouched_record_is_intact(sealed_record: int) -> None:
    report = _report()
    assert report == seal.AuditVerificationReport(intact=True, records=sealed_record, unsealed=0, first_break=None)


def test_sealing_again_seals_nothing_twice(sealed_record: int) -> None:
    with system_transaction(OPERATOR) as session:
        assert seal.seal(session, clock.now()) == 0


def test_what_is_recorded_later_waits_for_its_seal_and_then_continues_the_chain(
    sealed_record: int, actors: Actors
) -> None:
    define_cohort(DefineCohort(name="later", label="あと", fiscal_year=2026), actor=actors.onboarding)
    assert _report().unsealed == 1
    with system_transaction(OPERATOR) as session:
        assert seal.seal(session, clock.now()) == 1
    assert _report() == seal.AuditVerificationReport(
        intact=True, records=sealed_record + 1, unsealed=0, first_break=None
    )


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE audit_event SET actor = 'cli:nobody' WHERE id = {event}", "changed"),
        ("UPDATE audit_event SET facts = '{{}}' WHERE id = {event}", "changed"),
        ("UPDATE audit_event SET recorded_at = recorded_at - interval '1 second' WHERE id = {event}", "changed"),
        ("DELETE FROM audit_event WHERE id = {event}", "missing"),
        ("DELETE FROM audit_seal WHERE sequence = 5", "missing"),
        ("UPDATE audit_seal SET chain_hash = repeat('0', 64) WHERE sequence = 5", "reordered"),
    ],
)
def test_a_tampered_record_is_found_at_its_place(
    postgresql: servers.PostgreSQL, database_name: str, sealed_record: int, statement: str, kind: str
) -> None:
    event = "(SELECT event_id FROM audit_seal WHERE sequence = 5)"
    _tamper(postgresql, database_name, statement.format(event=event))

    broken = _report().first_break

    assert broken is not None
    assert (broken.sequence, broken.kind) == (5, kind)


@pytest.mark.own_database
def test_two_events_that_changed_places_are_found(
    postgresql: servers.PostgreSQL, database_name: str, sealed_record: int
) -> None:
    _tamper(
        postgresql,
        database_name,
        "ALTER TABLE audit_seal DROP CONSTRAINT uq_audit_seal_tenant_id_event_id; "
        "UPDATE audit_seal AS s SET event_id = o.event_id, event_hash = o.event_hash FROM audit_seal AS o "
        "WHERE (s.sequence, o.sequence) IN ((5, 6), (6, 5))",
    )

    broken = _report().first_break

    assert broken is not None
    assert (broken.sequence, broken.kind) == (5, "reordered")


def test_a_tenant_verifies_its_own_stream_alone(database: Flask, sealed_record: int, actors: Actors) -> None:
    with tenant_scope(actors.operator_tenant):
        assert seal.verify(db.session()).records == sealed_record
    with tenant_scope(new_id()):
        assert seal.verify(db.session()).records == 0
