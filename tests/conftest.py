"""Real servers for the tests: one PostgreSQL a session, a fresh database a test, one Keycloak where it is asked for."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from playwright.sync_api import Browser
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from admin.migrations import metadata  # noqa: F401 - every table is known before the first session
from admin.migrations.apply import migrate_url
from governance.kernel.database import OPERATOR, connect, db, tenant_scope
from tenancy.keycloak.adapter import KeycloakIdentities
from tests import chromium, servers
from tests.actors import Actors, seed_operator
from tests.factories import Factory
from tests.tenancy.keycloak.installation import Installation

_TEMPLATE = "moyai_template"
KEPT_DATABASE = "moyai_test"
_numbers = count(1)

_SERVER_GROUPS = {
    "journeys": ("tests/journeys/",),
    "keycloak": (
        "tests/tenancy/keycloak/",
        "tests/tenancy/onboarding/",
        "tests/admin/identity/",
        "tests/admin/example/",
        "tests/admin/servers/test_commands.py",
    ),
    "upgrade": ("tests/upgrade/",),
}
"""What shares a server that takes a minute to start: the journeys' installation, a Keycloak, a restored database."""

_LONGEST_FIRST = (
    "journeys",
    "tests/billing/allocation/test_allocation_adds_up.py",
    "tests/admin/console/test_pages.py",
    "tests/admin/api/test_matrix.py",
    "keycloak",
)
"""The second Keycloak comes when the first has left its tables for it: to make them twice at once takes longest."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long to try the API, for who has minutes: `make test ARGS='-k schemathesis --api-examples 100'`."""
    parser.addoption("--api-examples", help="examples an operation that schemathesis sends, with every wrong form")


class GroupedScheduling(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist brings no types
    """One worker for what shares a server, and for a file; which one is decided as they come free.

    The mark `xdist_group` would say it too, but pytest-xdist 3.8 does not see it under pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> GroupedScheduling:
    """Share the tests out among the workers of `make test`."""
    return GroupedScheduling(config, log)


_MARKED_BY_FIXTURE = {"keycloak_server": "keycloak", "browser": "browser"}


@pytest.hookimpl(tryfirst=True)  # before -m picks by these marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for Keycloak or a browser, and begin with what takes longest, so that no worker waits at last."""
    for item in items:
        for fixture, mark in _MARKED_BY_FIXTURE.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(mark)
    items.sort(key=lambda item: [_group(item.nodeid) != name for name in _LONGEST_FIRST])


def _group(nodeid: str) -> str:
    for name, places in _SERVER_GROUPS.items():
        if nodeid.startswith(places):
            return name
    return nodeid.partition("::")[0]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly that nobody looked at the screens, where that is so."""
    skipped = terminalreporter.stats.get("skipped", [])
    left_out = [report for report in skipped if chromium.MISSING in str(report.longrepr)]
    if left_out:
        terminalreporter.section("browser", red=True)
        terminalreporter.line(f"{chromium.MISSING}: {len(left_out)} tests", red=True)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[servers.PostgreSQL]:
    """A PostgreSQL 18 of the session's own, with the roles of Moyai and a migrated template database."""
    with tempfile.TemporaryDirectory(prefix="moyai-test-") as folder:
        server = servers.start_postgresql(Path(folder))
        try:
            _create_database(server, _TEMPLATE, template="template0")
            migrate_url(server.owner_url(_TEMPLATE))
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def keycloak_server(
    postgresql: servers.PostgreSQL, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[servers.Keycloak]:
    """A Keycloak 26 of the session's own, started when the first test asks for it. It has no realm but `master`."""
    server = servers.start_keycloak(postgresql, tmp_path_factory.mktemp("keycloak"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def installation(keycloak_server: servers.Keycloak, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Both realms configured, once a session, with keys of their own. Tests may spoil what they put right again."""
    installed = Installation(keycloak_server, tmp_path_factory.mktemp("moyai-home"))
    assert installed.configure().in_sync
    return installed


@pytest.fixture(scope="session")
def identities(installation: Installation) -> Iterator[KeycloakIdentities]:
    """The port, over one set of connections for the whole session, as a process has it."""
    connected = installation.identities()
    yield connected
    connected.close()


@pytest.fixture
def uncounted() -> Iterator[None]:
    """Lines are not counted meanwhile: where that takes longer than the test, and other tests run the same lines.

    pytest-cov's mark `no_cover` does not hold in a worker of pytest-xdist, where lines are counted twice over.
    """
    counting = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(counting)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless Chromium a session."""
    with chromium.started() as running:
        yield running


@pytest.fixture(scope="session")
def kept_database(postgresql: servers.PostgreSQL) -> KeptDatabase:
    """One migrated database for the tests that leave the schema as it is, which is nearly all."""
    _create_database(postgresql, KEPT_DATABASE, template=_TEMPLATE)
    return KeptDatabase(postgresql)


@pytest.fixture
def database_name(request: pytest.FixtureRequest, postgresql: servers.PostgreSQL) -> Iterator[str]:
    """A database as the migrations leave it; the test's own, and dropped afterwards, with the mark `own_database`."""
    if request.node.get_closest_marker("own_database") is None:
        kept: KeptDatabase = request.getfixturevalue("kept_database")
        kept.empty()
        yield KEPT_DATABASE
        return
    name = f"moyai_test_{next(_numbers)}"
    _create_database(postgresql, name, template=_TEMPLATE)
    yield name
    with psycopg.connect(servers.libpq(postgresql.superuser_url), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def database(postgresql: servers.PostgreSQL, database_name: str) -> Iterator[Flask]:
    """An application context on the fresh database, as the application's role. No scope is set: it sees no rows."""
    with on_database(postgresql.app_url(database_name)) as app:
        yield app


@contextmanager
def on_database(url: str) -> Iterator[Flask]:
    """An application context on the database at this address; its connections are closed afterwards."""
    app = Flask("moyai-test")
    connect(app, url)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def operator_tenant(database: Flask) -> UUID:
    """The prefecture (熊本県, 430005) as the operator."""
    return seed_operator()


@pytest.fixture
def actors(operator_tenant: UUID) -> Actors:
    """People of the operator, one for each role, and makers of people of a municipality."""
    return Actors(operator_tenant)


@pytest.fixture
def factory(actors: Actors) -> Factory:
    """Makes things in the test's database as people of the operator."""
    return Factory(actors)


@pytest.fixture
def as_operator(operator_tenant: UUID) -> Iterator[None]:
    """The operator's scope for the whole test: reads see every tenant's rows."""
    with tenant_scope(OPERATOR):
        yield


@dataclass(frozen=True)
class Contents:
    """What a database held at one moment: the rows of its tables in the form of COPY, the values of its sequences."""

    rows: Mapping[str, bytes]
    sequences: Mapping[str, int]


class KeptDatabase:
    """A database that is brought back to what the migrations left in it: cheaper than a new one by far.

    The triggers that refuse to remove anything are asleep for this superuser alone.
    """

    def __init__(self, server: servers.PostgreSQL) -> None:
        self._server = server
        self._superuser = self._connected()
        self._tables = [name for (name,) in self._superuser.execute(_TABLES).fetchall()]
        self._emptying = ";".join([_TERMINATE_OTHERS, _RESTART, *(f'DELETE FROM "{table}"' for table in self._tables)])
        self._seeds = self.contents()

    def empty(self) -> None:
        """Cut off whoever is still connected, and leave the seeds alone."""
        self.restore(self._seeds)

    def contents(self) -> Contents:
        """What it holds now, for `restore`."""
        sequences = self._superuser.execute(_SEQUENCES).fetchall()
        return Contents({table: rows for table in self._tables if (rows := self._rows(table))}, dict(sequences))

    def restore(self, contents: Contents) -> None:
        """Cut off whoever is still connected, and leave exactly what `contents` found here before."""
        try:
            self._superuser.execute(self._emptying)
        except psycopg.OperationalError:
            # The test before killed the server, on purpose.
            self._superuser = self._connected()
            self._superuser.execute(self._emptying)
        with self._superuser.cursor() as cursor:
            for table, rows in contents.rows.items():
                with cursor.copy(f'COPY "{table}" FROM STDIN') as copy:
                    copy.write(rows)
            for sequence, value in contents.sequences.items():
                cursor.execute("SELECT setval(format('%%I', %s::text)::regclass, %s)", (sequence, value))

    def _connected(self) -> psycopg.Connection:
        superuser = psycopg.connect(
            servers.libpq(self._server.superuser_url), dbname=KEPT_DATABASE, autocommit=True, prepare_threshold=None
        )
        superuser.execute("SET session_replication_role = replica")
        return superuser

    def _rows(self, table: str) -> bytes:
        with self._superuser.cursor() as cursor, cursor.copy(f'COPY "{table}" TO STDOUT') as copy:
            return b"".join(bytes(part) for part in copy)


_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
_RESTART = "SELECT setval(format('%I', sequencename)::regclass, 1, false) FROM pg_sequences WHERE schemaname = 'public'"
_SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL"
_TERMINATE_OTHERS = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


def _create_database(server: servers.PostgreSQL, name: str, *, template: str) -> None:
    with psycopg.connect(servers.libpq(server.superuser_url), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" OWNER moyai_owner TEMPLATE "{template}"')
