"""The feed of the audit log: oldest first, nothing left out and nothing twice, whoever writes meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask import Flask

from governance.audit import seal as sealing
from governance.audit.files import AuditFiles
from governance.audit.queries import AuditFeed, SealedEventFacts, feed
from governance.audit.seal import seal
from governance.commands import system_transaction
from governance.kernel.database import OPERATOR, TenantScope
from governance.kernel.errors import Invalid
from governance.kernel.ids import new_id
from tests import servers
from tests.actors import Actors
from tests.factories import Factory

INSERT = (
    "INSERT INTO audit_event (id, tenant_id, recorded_at, actor, actor_kind, acting_tenant_id, command, event,"
    " permission, outcome, subject, facts)"
    " VALUES (%(id)s, %(tenant)s, now(), 'cli:x', 'system', %(tenant)s, 'x', 'cohort.defined', 'x', 'done',"
    " %(subject)s, '{}')"
)
WRITERS, EACH = 4, 40


@pytest.fixture
def files(tmp_path: Path) -> AuditFiles:
    return AuditFiles(tmp_path / "keys" / "audit.key", tmp_path / "audit" / "tips.json")


class Writer:
    """A connection of its own: it writes events as another process does, and commits when it is told to."""

    def __init__(self, url: str, database: str) -> None:
        self.connection: psycopg.Connection[Any] = psycopg.connect(servers.libpq(url), dbname=database)
        self.connection.execute("SELECT set_config('moyai.scope', 'operator', false)")
        self.connection.commit()

    def write(self, tenant: UUID, subject: str) -> None:
        self.connection.execute(INSERT, {"id": new_id(), "tenant": tenant, "subject": subject})


@pytest.fixture
def writers(database: Flask, postgresql: servers.PostgreSQL, database_name: str) -> Iterator[list[Writer]]:
    made = [Writer(postgresql.app_url(database_name), database_name) for _ in range(WRITERS)]
    yield made
    for writer in made:
        writer.connection.close()


class Reader:
    """A program that keeps `after` and asks for what follows."""

    def __init__(self, scope: TenantScope = OPERATOR, *, limit: int = 200) -> None:
        self.scope, self.limit = scope, limit
        self.after: str | None = None
        self.events: list[SealedEventFacts] = []

    def read(self) -> AuditFeed:
        with system_transaction(self.scope) as session:
            found = feed(session, after=self.after, limit=self.limit)
        self.after = found.after
        self.events += found.events
        return found

    def read_all(self) -> list[str]:
        """The subjects of everything that follows."""
        before = len(self.events)
        while self.read().events:
            pass
        return [event.subject for event in self.events[before:]]

    def sequences(self) -> dict[UUID, list[int]]:
        found: dict[UUID, list[int]] = {}
        for event in self.events:
            found.setdefault(event.tenant_id, []).append(event.sequence)
        return found


def test_what_commits_late_comes_late_and_is_not_left_out(
    actors: Actors, files: AuditFiles, writers: list[Writer]
) -> None:
    late, early = writers[:2]
    late.write(actors.operator_tenant, "begun first")
    early.write(actors.operator_tenant, "begun second")
    early.connection.commit()
    reader = Reader()
    assert reader.read_all() == []

    seal(files)
    assert "begun second" in (first := reader.read_all())
    assert "begun first" not in first
    late.connection.commit()
    assert reader.read_all() == []
    seal(files)

    assert reader.read_all() == ["begun first"]


def test_every_event_of_concurrent_writers_comes_once_in_the_order_of_its_stream(
    actors: Actors, factory: Factory, files: AuditFiles, writers: list[Writer]
) -> None:
    tenants = [actors.operator_tenant, factory.kumamoto_city(), factory.aso_city()]
    written = [f"{writer}-{number}" for writer in range(WRITERS) for number in range(EACH)]

    def work(place: int) -> None:
        for number in range(EACH):
            writers[place].write(tenants[(place + number) % len(tenants)], f"{place}-{number}")
            writers[place].connection.commit()

    threads = [threading.Thread(target=work, args=(place,)) for place in range(WRITERS)]
    reader, small = Reader(), Reader(limit=3)
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        seal(files)
        reader.read_all()
        small.read()
    for thread in threads:
        thread.join()
    seal(files)
    reader.read_all()
    small.read_all()

    found = [event.subject for event in reader.events if event.subject in set(written)]
    assert sorted(found) == sorted(written)
    assert [event.id for event in small.events] == [event.id for event in reader.events]
    for sequence in reader.sequences().values():
        assert sequence == list(range(1, len(sequence) + 1))


def test_a_backlog_that_is_sealed_in_rounds_is_read_between_them_without_a_gap(
    actors: Actors, factory: Factory, files: AuditFiles, writers: list[Writer], monkeypatch: pytest.MonkeyPatch
) -> None:
    tenants = [factory.aso_city(), actors.operator_tenant, factory.kumamoto_city()]
    seal(files)
    reader = Reader()
    reader.read_all()
    for number in range(30):
        writers[0].write(tenants[number % 3], str(number))
    writers[0].connection.commit()
    monkeypatch.setattr(sealing, "MAX_EVENTS_A_ROUND", 7)

    found: list[str] = []
    while seal(files).sealed:
        found += reader.read_all()

    assert sorted(found, key=int) == [str(number) for number in range(30)]
    for sequence in reader.sequences().values():
        assert sequence == list(range(1, len(sequence) + 1))


def test_a_tenant_reads_its_own_stream_by_places_of_its_own(
    actors: Actors, factory: Factory, files: AuditFiles
) -> None:
    city = factory.kumamoto_city()
    factory.aso_city()
    seal(files)
    own, operators = Reader(city), Reader()
    own.read_all()
    operators.read_all()

    assert {event.tenant_id for event in own.events} == {city}
    assert own.after == f"s{len(own.events)}"
    assert operators.after is not None
    assert operators.after.startswith("p")
    assert [event.id for event in operators.events if event.tenant_id == city] == [event.id for event in own.events]
    assert len(operators.events) > len(own.events)


@pytest.mark.parametrize("after", ["", "0", "p-1", "s1", "p1e3", "p١", "p" + "9" * 19, "p1 "])
def test_what_was_never_given_as_after_is_refused(actors: Actors, after: str) -> None:
    with pytest.raises(Invalid) as refusal, system_transaction(OPERATOR) as session:
        feed(session, after=after, limit=10)

    assert (refusal.value.code, refusal.value.field) == ("api.cursor_wrong", "after")
