"""Every tampering of the audit log is found and located, by whoever may write every table, and stays found.

Each is done as superuser behind the triggers, unless it says otherwise. The stream has twelve events: its chain's
start, the operator's registration, ten cohorts. After each tampering the sealer runs again: it must not heal it.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, LiteralString
from unittest.mock import patch
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from sqlalchemy.orm import Session

from governance.audit import chain, verification
from governance.audit.files import AuditFiles
from governance.audit.findings import AuditFinding, AuditFindingKind
from governance.audit.seal import SealingStopped, seal
from governance.audit.verification import verify
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.pipelined import copy_rows
from tenancy.tenants.commands import DefineCohort, define_cohort
from tests import servers
from tests.actors import Actors
from tests.factories import Factory
from tests.slow import slow_except

Kind = AuditFindingKind
Superuser = psycopg.Connection[Any]


NONE: Final = -2
"""Fewer rows than PostgreSQL gives for a table that it has not counted yet."""


def reverse(rows: list[bytes]) -> None:
    rows.reverse()


def shuffle(rows: list[bytes]) -> None:
    random.Random(len(rows)).shuffle(rows)


def in_order(change: Callable[[list[bytes]], None]) -> Callable[..., Iterator[bytes]]:
    """`copy_rows` with the rows of links and events in another order; form 1 is asked for in its own."""

    def read(session: Session, query: LiteralString, values: dict[str, Any]) -> Iterator[bytes]:
        rows = list(copy_rows(session, query, values))
        if "ORDER BY" not in query:
            change(rows)
        return iter(rows)

    return read


@dataclass(frozen=True)
class Sealed:
    """A sealed log: the operator's stream and a city's, and what proves them."""

    files: AuditFiles
    operator: UUID
    city: UUID
    superuser: Superuser
    application: Superuser
    actors: Actors

    def findings(self, *expected: str) -> tuple[AuditFinding, ...]:
        """What verification finds, the same in whatever order PostgreSQL reads the rows."""
        found, *in_other_orders = self.findings_by_order(*expected)
        assert in_other_orders == [found] * 3
        return found

    def findings_by_order(self, *expected: str) -> list[tuple[AuditFinding, ...]]:
        """As the rows are stored, backwards, shuffled, and by the plan for more rows than a hash holds."""
        with tenant_scope(OPERATOR):
            found = [verify(db.session(), self.files, expected).findings]
            for order in (reverse, shuffle):
                with patch.object(verification, "copy_rows", in_order(order)):
                    found.append(verify(db.session(), self.files, expected).findings)
            with patch.object(verification, "_MAX_HASHED_LINKS", NONE):
                found.append(verify(db.session(), self.files, expected).findings)
        return found

    def seal_again(self) -> None:
        """What the worker does every few seconds."""
        with suppress(SealingStopped):
            seal(self.files)

    def execute(self, statement: str, **values: Any) -> None:
        self.superuser.execute(statement, {"operator": self.operator, "city": self.city, **values})


@pytest.fixture
def sealed(
    actors: Actors, postgresql: servers.PostgreSQL, database_name: str, database: Flask, tmp_path: Path
) -> Iterator[Sealed]:
    record(actors, 10)
    city = Factory(actors).kumamoto_city()
    files = AuditFiles(tmp_path / "keys" / "audit.key", tmp_path / "audit" / "tips.json")
    seal(files)
    with (
        psycopg.connect(servers.libpq(postgresql.superuser_url), dbname=database_name, autocommit=True) as superuser,
        psycopg.connect(servers.libpq(postgresql.app_url(database_name)), autocommit=True) as application,
    ):
        superuser.execute("SET session_replication_role = replica")
        application.execute("SELECT set_config('moyai.scope', 'operator', false)")
        # The application's role has the constraints that a superuser would drop first.
        yield Sealed(files, actors.operator_tenant, city, superuser, application, actors)


def record(actors: Actors, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        define_cohort(
            DefineCohort(name=f"r{number}", label=f"令和{number}年度参加", fiscal_year=2025), actor=actors.onboarding
        )


EVENT_5: Final = (
    "id = (SELECT event_id FROM audit_seal WHERE tenant_id = %(operator)s AND sequence = 5)"
    " AND tenant_id = %(operator)s"
)
SEAL_5: Final = "tenant_id = %(operator)s AND sequence = 5"
DROP_SEALS_FROM_5: Final = "DELETE FROM audit_seal WHERE tenant_id = %(operator)s AND sequence >= 5"


@dataclass(frozen=True)
class Tampering:
    """What is done, and what must be found of it in the operator's stream or the city's."""

    name: str
    do: str | tuple[str, ...] | Callable[[Sealed], None]
    kind: AuditFindingKind
    sequence: int | None
    of_city: bool = False
    of_installation: bool = False


def edit(column: str, value: str, kind: AuditFindingKind = Kind.EVENT_CHANGED) -> Tampering:
    """The fifth event says something else in one column."""
    return Tampering(f"{column} of an event", f"UPDATE audit_event SET {column} = {value} WHERE {EVENT_5}", kind, 5)


def edit_seal(column: str, value: str, kind: AuditFindingKind = Kind.SEAL_CHANGED) -> Tampering:
    return Tampering(f"{column} of a seal", f"UPDATE audit_seal SET {column} = {value} WHERE {SEAL_5}", kind, 5)


def shift_up(sealed: Sealed) -> None:
    """The numbers from 6 on come one down, one after the other."""
    for sequence in range(6, 13):
        sealed.execute(
            "UPDATE audit_seal SET sequence = sequence - 1 WHERE tenant_id = %(operator)s AND sequence = %(n)s",
            n=sequence,
        )


def remove_and_renumber(sealed: Sealed) -> None:
    sealed.execute(f"DELETE FROM audit_event WHERE {EVENT_5}")
    sealed.execute(f"DELETE FROM audit_seal WHERE {SEAL_5}")
    shift_up(sealed)


def remove_start_and_renumber(sealed: Sealed) -> None:
    sealed.execute(
        "DELETE FROM audit_event WHERE id ="
        " (SELECT event_id FROM audit_seal WHERE tenant_id = %(operator)s AND sequence = 1)"
    )
    sealed.execute("DELETE FROM audit_seal WHERE tenant_id = %(operator)s AND sequence = 1")
    for sequence in range(2, 13):
        sealed.execute(
            "UPDATE audit_seal SET sequence = sequence - 1 WHERE tenant_id = %(operator)s AND sequence = %(n)s",
            n=sequence,
        )


def swap_seals(sealed: Sealed) -> None:
    for was, becomes in ((5, 99), (6, 5), (99, 6)):
        sealed.execute(
            "UPDATE audit_seal SET sequence = %(to)s WHERE tenant_id = %(operator)s AND sequence = %(was)s",
            was=was,
            to=becomes,
        )


def swap_events(sealed: Sealed) -> None:
    """The events of the fifth and the sixth change places, by their content."""
    columns = "command, event, permission, outcome, subject, facts, actor"
    sealed.execute(
        f"UPDATE audit_event AS event SET ({columns}) = (SELECT {columns} FROM audit_event AS other"
        " WHERE other.id = CASE event.id WHEN five.event_id THEN six.event_id ELSE five.event_id END)"
        " FROM audit_seal AS five, audit_seal AS six WHERE five.tenant_id = %(operator)s AND five.sequence = 5"
        " AND six.tenant_id = %(operator)s AND six.sequence = 6 AND event.id IN (five.event_id, six.event_id)"
    )


def insert_event(at: str, time_in_id: str | None = None) -> str:
    """A statement that adds an event to the operator's stream behind the triggers, at these SQL instants."""
    return (
        "INSERT INTO audit_event SELECT (lpad(to_hex((extract(epoch FROM "
        f"{time_in_id or at}) * 1000)::bigint), 12, '0') || '7abc8000000000000abc')::uuid, tenant_id, {at}, actor,"
        " actor_kind, acting_tenant_id, command, event, permission, outcome, subject, facts, request_id"
        f" FROM audit_event WHERE {EVENT_5}"
    )


def reseal(sealed: Sealed, start: int, form: int) -> None:
    """Compute the operator's chain anew from a number on: unkeyed, or with a key of one's own."""
    sealed.superuser.execute("SET timezone = 'UTC'")
    key, previous = chain.ChainKey(b"x" * 32), chain.GENESIS
    with sealed.superuser.cursor().copy(
        f"COPY ({chain.SELECT_SEAL}, {chain.EVENT_COLUMNS} FROM audit_seal AS link JOIN audit_event AS event"
        f" ON event.id = link.event_id WHERE link.tenant_id = '{sealed.operator}' ORDER BY link.sequence) TO STDOUT"
    ) as copy:
        rows = [bytes(row)[:-1].split(b"\t", 8) for row in copy]
    for linked, link_id, tenant_id, number, _, event_id, _, sealed_at, event_row in rows:
        if int(number) >= start:
            if form == chain.UNKEYED_FORM:
                hashed = chain.unkeyed_event_hash(event_row)
                made = chain.unkeyed_chain_hash(previous, number, hashed)
            else:
                hashed = chain.event_hash(event_row)
                columns = (link_id, tenant_id, number, b"%d" % form, event_id, hashed, sealed_at)
                made = key.chain_hash(previous, b"\t".join(columns))
            sealed.superuser.execute(
                "UPDATE audit_seal SET form = %s, event_hash = %s, chain_hash = %s WHERE id = %s",
                (form, hashed.decode(), made.decode(), link_id.decode()),
            )
        previous = made if int(number) >= start else linked
    sealed.superuser.execute("RESET timezone")


def edit_and_reseal(start: int, form: int) -> Callable[[Sealed], None]:
    def do(sealed: Sealed) -> None:
        sealed.execute(f"UPDATE audit_event SET actor = 'cli:nobody' WHERE {EVENT_5}")
        reseal(sealed, start, form)

    return do


def insert_between(sealed: Sealed) -> None:
    """An event with the time of the fifth gets the number 5, and all later ones the next; hashes made to fit."""
    sealed.execute(insert_event("recorded_at", "recorded_at + interval '1 millisecond'"))
    for sequence in range(12, 4, -1):
        sealed.execute(
            "UPDATE audit_seal SET sequence = sequence + 1 WHERE tenant_id = %(operator)s AND sequence = %(n)s",
            n=sequence,
        )
    sealed.execute(
        "INSERT INTO audit_seal SELECT gen_random_uuid(), tenant_id, 5,"
        " (SELECT id FROM audit_event WHERE id::text LIKE '%%8000-000000000abc'), event_hash, chain_hash, sealed_at, 2"
        " FROM audit_seal WHERE tenant_id = %(operator)s AND sequence = 6"
    )
    reseal(sealed, 5, chain.KEYED_FORM)


def forged_seal_by_the_application(sealed: Sealed) -> None:
    """What the application's own role can do: add an event, and a seal for it before the sealer does."""
    record(sealed.actors, 1, start=10)
    sealed.application.execute(
        "INSERT INTO audit_seal SELECT gen_random_uuid(), %(operator)s, 13, event.id, repeat('0', 64), repeat('0', 64),"
        " now(), 2 FROM audit_event AS event WHERE tenant_id = %(operator)s ORDER BY recorded_at DESC LIMIT 1",
        {"operator": sealed.operator},
    )


def restore_older_database(sealed: Sealed) -> None:
    """Both streams as they were before the last sealing."""
    before = sealed.superuser.execute("SELECT clock_timestamp()").fetchone()
    assert before is not None
    record(sealed.actors, 3, start=10)
    Factory(sealed.actors).aso_city()
    seal(sealed.files)
    for statement in (
        "DELETE FROM audit_seal WHERE sealed_at > %(before)s",
        "DELETE FROM audit_event WHERE recorded_at > %(before)s",
    ):
        sealed.execute(statement, before=before[0])


def point_at_another_event(sealed: Sealed) -> None:
    sealed.superuser.execute("ALTER TABLE audit_seal DROP CONSTRAINT uq_audit_seal_tenant_id_event_id")
    sealed.execute(
        "UPDATE audit_seal SET (event_id, event_hash) = (SELECT event_id, event_hash FROM audit_seal"
        f" WHERE tenant_id = %(operator)s AND sequence = 4) WHERE {SEAL_5}"
    )


TAMPERINGS: Final = [
    # The events.
    edit("id", "'00000000-0000-4000-8000-000000000000'", Kind.EVENT_MISSING),
    edit("id", "'ffffffff-ffff-4fff-bfff-ffffffffffff'", Kind.EVENT_MISSING),
    edit("tenant_id", "%(city)s", Kind.EVENT_MISSING),
    edit("recorded_at", "recorded_at - interval '1 microsecond'"),
    edit("actor", "'cli:nobody'"),
    edit("actor_kind", "'client'"),
    edit("acting_tenant_id", "%(city)s"),
    edit("command", "'register_tenant'"),
    edit("event", "'cohort.applied'"),
    edit("permission", "'platform:public'"),
    edit("outcome", "'refused'"),
    edit("subject", "subject || ' '"),
    edit("facts", 'facts || \'{"name": "r3x"}\''),
    edit("facts", "'{}'"),
    edit("request_id", "''"),
    edit("request_id", r"'\N'"),
    edit("subject", r"E'\t' || subject"),
    Tampering("an event deleted", f"DELETE FROM audit_event WHERE {EVENT_5}", Kind.EVENT_MISSING, 5),
    Tampering("two events swapped", swap_events, Kind.EVENT_CHANGED, 5),
    Tampering(
        "every event of a city given to another",
        "UPDATE audit_event SET tenant_id = %(operator)s WHERE tenant_id = %(city)s",
        Kind.EVENT_MISSING,
        1,
        of_city=True,
    ),
    # The seals.
    edit_seal("id", "gen_random_uuid()"),
    edit_seal("tenant_id", "gen_random_uuid()", Kind.SEAL_MISSING),
    edit_seal("sequence", "99", Kind.SEAL_MISSING),
    edit_seal("form", "1", Kind.UNKEYED_SEAL),
    edit_seal("event_id", "gen_random_uuid()"),
    edit_seal("event_hash", "repeat('0', 64)"),
    edit_seal("chain_hash", "repeat('0', 64)"),
    edit_seal("sealed_at", "sealed_at + interval '1 microsecond'"),
    Tampering("a seal deleted", f"DELETE FROM audit_seal WHERE {SEAL_5}", Kind.SEAL_MISSING, 5),
    Tampering("two seals swapped", swap_seals, Kind.SEAL_CHANGED, 5),
    Tampering("an event and its seal deleted, the rest renumbered", remove_and_renumber, Kind.SEAL_CHANGED, 5),
    Tampering(
        "an event and its seal deleted",
        (f"DELETE FROM audit_event WHERE {EVENT_5}", f"DELETE FROM audit_seal WHERE {SEAL_5}"),
        Kind.SEAL_MISSING,
        5,
    ),
    Tampering("the start deleted, the rest renumbered", remove_start_and_renumber, Kind.CHAIN_NOT_STARTED, 1),
    # The end, the stream, the whole.
    Tampering(
        "the end cut off",
        (
            "DELETE FROM audit_event WHERE id IN (SELECT event_id FROM audit_seal"
            " WHERE tenant_id = %(operator)s AND sequence > 10)",
            "DELETE FROM audit_seal WHERE tenant_id = %(operator)s AND sequence > 10",
        ),
        Kind.STREAM_CUT,
        11,
    ),
    Tampering(
        "the last seals dropped, to be made anew",
        "DELETE FROM audit_seal WHERE tenant_id = %(operator)s AND sequence > 10",
        Kind.STREAM_CUT,
        11,
    ),
    Tampering(
        "an event changed and the seals from there dropped",
        (f"UPDATE audit_event SET actor = 'cli:nobody' WHERE {EVENT_5}", DROP_SEALS_FROM_5),
        Kind.STREAM_CUT,
        5,
    ),
    Tampering(
        "an event deleted and the seals from there dropped",
        (f"DELETE FROM audit_event WHERE {EVENT_5}", DROP_SEALS_FROM_5),
        Kind.STREAM_CUT,
        5,
    ),
    Tampering(
        "all seals of a stream dropped, to be made anew",
        "DELETE FROM audit_seal WHERE tenant_id = %(operator)s",
        Kind.STREAM_MISSING,
        1,
    ),
    Tampering(
        "a stream deleted",
        (
            "DELETE FROM audit_event WHERE tenant_id = %(city)s",
            "DELETE FROM audit_seal WHERE tenant_id = %(city)s",
        ),
        Kind.STREAM_MISSING,
        1,
        of_city=True,
    ),
    Tampering(
        "a stream deleted with its tenant",
        (
            "DELETE FROM audit_event WHERE tenant_id = %(city)s",
            "DELETE FROM audit_seal WHERE tenant_id = %(city)s",
            "DELETE FROM tenant WHERE id = %(city)s",
        ),
        Kind.STREAM_MISSING,
        1,
        of_city=True,
    ),
    Tampering("everything deleted", ("DELETE FROM audit_event", "DELETE FROM audit_seal"), Kind.STREAM_MISSING, 1),
    Tampering("an older database put in its place", restore_older_database, Kind.STREAM_CUT, 13),
    # Insertions.
    Tampering("a past inserted", insert_event("now() - interval '1 day'"), Kind.BACKDATED, 13),
    Tampering("a past inserted among the ids", insert_event("now()", "now() - interval '1 day'"), Kind.BACKDATED, 13),
    Tampering("a past inserted by its time", insert_event("now() - interval '1 day'", "now()"), Kind.BACKDATED, 13),
    Tampering("a future inserted", insert_event("now() + interval '1 day'"), Kind.POSTDATED, 13),
    Tampering("an event inserted between two", insert_between, Kind.SEAL_CHANGED, 5),
    Tampering("a seal forged by the application's role", forged_seal_by_the_application, Kind.SEAL_CHANGED, 13),
    # The whole chain computed anew.
    Tampering("sealed anew with another key", edit_and_reseal(5, chain.KEYED_FORM), Kind.SEAL_CHANGED, 5),
    Tampering("sealed anew without a key", edit_and_reseal(5, chain.UNKEYED_FORM), Kind.UNKEYED_SEAL, 5),
    Tampering("a whole stream sealed without a key", edit_and_reseal(1, chain.UNKEYED_FORM), Kind.TIP_DIFFERS, 12),
    # The files.
    Tampering(
        "the tips deleted",
        lambda sealed: sealed.files.tips_file.unlink(),
        Kind.TIPS_MISSING,
        None,
        of_installation=True,
    ),
    Tampering(
        "the tips changed",
        lambda sealed: _replace(sealed.files.tips_file, "12", "11"),
        Kind.TIPS_CHANGED,
        None,
        of_installation=True,
    ),
    Tampering(
        "the key deleted", lambda sealed: sealed.files.key_file.unlink(), Kind.KEY_MISSING, None, of_installation=True
    ),
]


def _replace(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text().replace(f"   {old},", f"   {new},", 1))


def test_they_are_more_than_48() -> None:
    assert len(TAMPERINGS) >= 28 + 20


@pytest.mark.parametrize(
    "tampering",
    slow_except({"facts of an event", "an event deleted"}, TAMPERINGS, by=lambda one: one.name),
    ids=[one.name for one in TAMPERINGS],
)
def test_a_tampering_is_found_at_its_place_and_stays_found(sealed: Sealed, tampering: Tampering) -> None:
    assert sealed.findings() == ()

    if callable(tampering.do):
        tampering.do(sealed)
    else:
        for statement in [tampering.do] if isinstance(tampering.do, str) else tampering.do:
            sealed.execute(statement)

    stream = None if tampering.of_installation else sealed.city if tampering.of_city else sealed.operator
    for _ in range(2):
        found = [finding for finding in sealed.findings() if finding.stream == stream]
        assert found, tampering.name
        assert (tampering.kind, tampering.sequence) in [(one.kind, one.sequence) for one in found], found
        sealed.seal_again()


@pytest.mark.own_database
def test_a_seal_that_points_at_another_event_is_found(sealed: Sealed) -> None:
    point_at_another_event(sealed)

    assert (Kind.SEAL_CHANGED, 5) in [(one.kind, one.sequence) for one in sealed.findings()]


@pytest.mark.own_database
@pytest.mark.parametrize("sequence", [5, 12])
def test_a_second_seal_of_a_number_is_found(sealed: Sealed, sequence: int) -> None:
    sealed.superuser.execute("ALTER TABLE audit_seal DROP CONSTRAINT uq_audit_seal_tenant_id_sequence")
    sealed.superuser.execute("ALTER TABLE audit_seal DROP CONSTRAINT uq_audit_seal_tenant_id_event_id")
    sealed.execute(
        "INSERT INTO audit_seal (id, tenant_id, sequence, event_id, event_hash, chain_hash, sealed_at, form)"
        " SELECT gen_random_uuid(), tenant_id, sequence, event_id, event_hash, chain_hash, sealed_at, form"
        " FROM audit_seal WHERE tenant_id = %(operator)s AND sequence = %(sequence)s",
        sequence=sequence,
    )

    for findings in sealed.findings_by_order():
        assert (Kind.SEAL_CHANGED, sequence) in [(one.kind, one.sequence) for one in findings]


def test_an_older_database_with_its_older_tips_is_found_by_a_head_kept_elsewhere(
    sealed: Sealed, tmp_path: Path
) -> None:
    """Against whoever can write the database and the host there is only what somebody else holds."""
    shutil.copy(sealed.files.tips_file, tmp_path / "older.json")
    record(sealed.actors, 2, start=10)
    head = next(tip for tip in seal(sealed.files).tips if tip.stream == sealed.operator)
    sealed.execute(
        "DELETE FROM audit_event WHERE id IN (SELECT event_id FROM audit_seal"
        " WHERE tenant_id = %(operator)s AND sequence > 12)"
    )
    sealed.execute("DELETE FROM audit_seal WHERE tenant_id = %(operator)s AND sequence > 12")
    older = replace(sealed.files, tips_file=tmp_path / "older.json")

    with tenant_scope(OPERATOR):
        assert verify(db.session(), older).intact
        (finding,) = verify(db.session(), older, [str(head)]).findings
    assert (finding.kind, finding.stream, finding.sequence, finding.last_sequence) == (
        Kind.STREAM_CUT,
        sealed.operator,
        13,
        14,
    )


# -- records of version 0.1 and 0.2, sealed without a key


@pytest.fixture
def upgraded(sealed: Sealed, tmp_path: Path) -> Sealed:
    """The same log as version 0.2 would have left it, then sealed on with a key."""
    for statement in (
        "DELETE FROM audit_seal WHERE tenant_id = %(city)s",
        "DELETE FROM audit_event WHERE tenant_id = %(city)s",
        "DELETE FROM tenant WHERE id = %(city)s",
    ):
        sealed.execute(statement)
    remove_start_and_renumber(sealed)
    reseal(sealed, 1, chain.UNKEYED_FORM)
    files = AuditFiles(tmp_path / "new" / "audit.key", tmp_path / "new" / "tips.json")
    upgraded = replace(sealed, files=files)
    assert upgraded.findings() == ()
    record(sealed.actors, 1, start=10)
    seal(files)
    assert upgraded.findings() == ()
    return upgraded


@pytest.mark.parametrize(
    ("do", "kind", "sequence"),
    [
        (f"UPDATE audit_event SET actor = 'cli:nobody' WHERE {EVENT_5}", Kind.EVENT_CHANGED, 5),
        (f"DELETE FROM audit_event WHERE {EVENT_5}", Kind.EVENT_MISSING, 5),
        (f"DELETE FROM audit_seal WHERE {SEAL_5}", Kind.SEAL_MISSING, 5),
        (f"UPDATE audit_seal SET chain_hash = repeat('0', 64) WHERE {SEAL_5}", Kind.SEAL_CHANGED, 5),
        # What form 1 does not hash, the start of the keyed chain does.
        (f"UPDATE audit_seal SET sealed_at = sealed_at - interval '1 day' WHERE {SEAL_5}", Kind.SEAL_CHANGED, 1),
        (
            "UPDATE audit_seal SET form = 1 WHERE tenant_id = %(operator)s AND sequence = 12",
            Kind.SEAL_CHANGED,
            12,
        ),
        (
            "DELETE FROM audit_seal WHERE tenant_id = %(operator)s AND sequence > 11",
            Kind.STREAM_CUT,
            12,
        ),
    ],
)
@pytest.mark.slow
def test_a_tampering_of_what_was_sealed_without_a_key_is_found(
    upgraded: Sealed, do: str, kind: AuditFindingKind, sequence: int
) -> None:
    upgraded.execute(do)

    for _ in range(2):
        assert (kind, sequence) in [(one.kind, one.sequence) for one in upgraded.findings()]
        upgraded.seal_again()


def test_where_a_keyed_chain_starts_does_not_depend_on_the_order_of_the_rows(upgraded: Sealed) -> None:
    """Links 14, 11, 12 and 13 in this order: the twelfth follows the one before it, and starts the keyed chain."""
    record(upgraded.actors, 3, start=11)
    seal(upgraded.files)

    def later_keyed_links_first(rows: list[bytes]) -> None:
        rows.sort(key=lambda row: {14: 0, 11: 1, 12: 2, 13: 3}.get(int(row.split(b"\t")[3]), 4))

    with tenant_scope(OPERATOR), patch.object(verification, "copy_rows", in_order(later_keyed_links_first)):
        assert verify(db.session(), upgraded.files).findings == ()


def test_what_was_sealed_without_a_key_cannot_be_sealed_anew(upgraded: Sealed) -> None:
    """Anybody can compute form 1; but the keyed chain begins with what it came to."""
    upgraded.execute(f"UPDATE audit_event SET actor = 'cli:nobody' WHERE {EVENT_5}")
    keyed = upgraded.superuser.execute(
        "SELECT id, form, event_hash, chain_hash FROM audit_seal WHERE tenant_id = %s AND form = 2", [upgraded.operator]
    ).fetchall()
    reseal(upgraded, 1, chain.UNKEYED_FORM)
    for link_id, form, hashed, linked in keyed:
        upgraded.superuser.execute(
            "UPDATE audit_seal SET form = %s, event_hash = %s, chain_hash = %s WHERE id = %s",
            (form, hashed, linked, link_id),
        )

    assert (Kind.CHAIN_NOT_STARTED, 12) in [(one.kind, one.sequence) for one in upgraded.findings()]


def test_an_unkeyed_stream_beside_keyed_ones_is_not_sealed_on(upgraded: Sealed) -> None:
    reseal(upgraded, 1, chain.UNKEYED_FORM)
    record(upgraded.actors, 1, start=11)

    assert seal(upgraded.files).stopped == (upgraded.operator,)
    assert Kind.TIP_DIFFERS in [one.kind for one in upgraded.findings()]
