"""Real servers for the tests: one PostgreSQL a session, a fresh database a test, one Keycloak where it is asked for."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import cast
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from playwright.sync_api import Browser
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from admin.features.commands import COMMAND_MODULES
from admin.migrations import metadata  # noqa: F401 - every table is known before the first session
from admin.migrations.apply import migrate_url
from admin.operations.postgresql import APP, OWNER, TENANT
from governance.commands import COMMANDS, collect_commands
from governance.kernel import database as database_module
from governance.kernel.database import OPERATOR, connect, db, dispose_engines, tenant_scope
from tenancy.keycloak.adapter import KeycloakIdentities
from tests import chromium, servers
from tests.actors import Actors, seed_operator
from tests.factories import Factory
from tests.kept_connections import KEPT_DATABASE, KeptConnection
from tests.tenancy.keycloak.installation import Installation

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in the background of a script. Ctrl-C is tested, here and in the programs that tests start, which inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

_TEMPLATE = "moyai_template"
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


_MARKED_BY_FIXTURE = {
    "keycloak_server": "keycloak",
    "browser": "browser",
    # The whole application, asked over HTTP or at its command line.
    "web": "application",
    "make_kept_app": "application",
    "make_web": "application",
    "moyai_unused": "application",
    "moyai": "application",
    # Servers of the test's own, started and stopped again.
    "own_postgresql": "slow",
    "prepared": "slow",
    "supervised": "slow",
    "web_server": "slow",
}


@pytest.hookimpl(tryfirst=True)  # before -m picks by these marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for the application, a browser or servers of its own, and begin with what takes longest."""
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


@pytest.fixture(scope="session", autouse=True)
def kept_connections() -> Iterator[None]:
    """The engines of this process share the connections to the kept database, one after the other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database_module._DRIVER_MODULE, "connect", KeptConnection.connect)
        yield


@pytest.fixture(scope="session", autouse=True)
def configuration_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nobody is signed in at the tests' command line, also where somebody is at the developer's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture(scope="session")
def postgresql() -> Iterator[servers.PostgreSQL]:
    """A PostgreSQL 18 of the session's own, with the roles of Moyai and a migrated template database."""
    with tempfile.TemporaryDirectory(prefix="moyai-test-") as folder:
        server = servers.start_postgresql(Path(folder))
        try:
            _create_database(server, _TEMPLATE, template="template0")
            server.server.prepare_database(_TEMPLATE, owner=OWNER, guests=(APP, TENANT))
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


@pytest.fixture(scope="session")
def kept_application(postgresql: servers.PostgreSQL) -> Flask:
    """An application on the kept database, whose engines last."""
    return _connected(postgresql, KEPT_DATABASE)


@pytest.fixture
def database(request: pytest.FixtureRequest, postgresql: servers.PostgreSQL, database_name: str) -> Iterator[Flask]:
    """An application context on the fresh database, as the application's role. No scope is set: it sees no rows."""
    if database_name != KEPT_DATABASE:
        with on_database(postgresql, database_name) as app:
            yield app
        return
    kept: Flask = request.getfixturevalue("kept_application")
    with kept.app_context():
        yield kept
        db.session.remove()


@contextmanager
def on_database(postgresql: servers.PostgreSQL, name: str) -> Iterator[Flask]:
    """An application context on the database of this name; its connections are closed afterwards."""
    app = _connected(postgresql, name)
    with app.app_context():
        yield app
        db.session.remove()
        dispose_engines()


def _connected(postgresql: servers.PostgreSQL, name: str) -> Flask:
    app = Flask("moyai-test")
    connect(app, postgresql.app_url(name), postgresql.tenant_url(name))
    COMMANDS.set(app, collect_commands(COMMAND_MODULES))
    return app


@pytest.fixture(scope="session")
def kept_actors(postgresql: servers.PostgreSQL, kept_database: KeptDatabase) -> tuple[Actors, Contents]:
    """The operator with its people, and the rows it consists of: registered once a session."""
    kept_database.empty()
    with on_database(postgresql, KEPT_DATABASE):
        return Actors(seed_operator()), kept_database.contents()


@pytest.fixture
def actors(request: pytest.FixtureRequest, database: Flask, database_name: str) -> Actors:
    """The operator (熊本県, 430005): its people, one for each role, and makers of people of a municipality."""
    if database_name != KEPT_DATABASE:
        return Actors(seed_operator())
    kept: KeptDatabase = request.getfixturevalue("kept_database")
    actors, contents = request.getfixturevalue("kept_actors")
    kept.restore(contents)
    return cast(Actors, actors)


@pytest.fixture
def operator_tenant(actors: Actors) -> UUID:
    """The prefecture as the operator."""
    return actors.operator_tenant


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
        self._seeds = self.contents()

    def empty(self) -> None:
        """Cut off whoever is still at work, and leave the seeds alone."""
        self.restore(self._seeds)

    def contents(self) -> Contents:
        """What it holds now, for `restore`."""
        sequences = self._superuser.execute(_SEQUENCES).fetchall()
        return Contents({table: rows for table in self._tables if (rows := self._rows(table))}, dict(sequences))

    def restore(self, contents: Contents) -> None:
        """Cut off whoever is still at work, and leave exactly what `contents` found here before."""
        try:
            self._superuser.execute(_EMPTY)
        except psycopg.OperationalError:
            # The test before killed the server, on purpose.
            self._superuser = self._connected()
            self._superuser.execute(_EMPTY)
        with self._superuser.cursor() as cursor:
            for table, rows in contents.rows.items():
                with cursor.copy(f'COPY "{table}" FROM STDIN') as copy:
                    copy.write(rows)
            if "audit_event" in contents.rows:
                cursor.execute(_AS_OF_NOW)
            for sequence, value in contents.sequences.items():
                cursor.execute("SELECT setval(format('%%I', %s::text)::regclass, %s)", (sequence, value))

    def _connected(self) -> psycopg.Connection:
        superuser = psycopg.connect(
            servers.libpq(self._server.superuser_url), dbname=KEPT_DATABASE, autocommit=True, prepare_threshold=None
        )
        superuser.execute("SET session_replication_role = replica")
        self._tables = [name for (name,) in superuser.execute(_TABLES).fetchall()]
        superuser.execute(_create_empty(self._tables))
        return superuser

    def _rows(self, table: str) -> bytes:
        with self._superuser.cursor() as cursor, cursor.copy(f'COPY "{table}" TO STDOUT') as copy:
            return b"".join(bytes(part) for part in copy)


_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
_AS_OF_NOW = """
    UPDATE audit_event SET recorded_at = recorded_at + shift.by, id = (
        lpad(to_hex((extract(epoch FROM recorded_at + shift.by) * 1000)::bigint), 12, '0')
        || right(replace(id::text, '-', ''), 20)
    )::uuid
    FROM (SELECT date_trunc('milliseconds', now() - max(recorded_at)) AS by FROM audit_event) AS shift
"""
"""An event that waits for its seal for minutes is a finding of the verification."""

_EMPTY = "SELECT pg_temp.empty()"
_SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL"


def _create_empty(tables: list[str]) -> str:
    """A function of the connection, because PostgreSQL keeps the plans of its statements.

    It ends whoever is in a transaction or holds a lock. What is idle stays: it waits in the pool of an application.
    """
    deletions = "\n".join(f'IF EXISTS (SELECT FROM "{table}") THEN DELETE FROM "{table}"; END IF;' for table in tables)
    return f"""
        CREATE FUNCTION pg_temp.empty() RETURNS void LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_terminate_backend(a.pid, 5000) FROM pg_stat_activity AS a
            WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_type = 'client backend'
                AND (a.state <> 'idle'
                    OR EXISTS (SELECT FROM pg_locks AS l WHERE l.pid = a.pid AND l.locktype = 'advisory'));
            PERFORM setval(format('%I', sequencename)::regclass, 1, false)
            FROM pg_sequences WHERE schemaname = 'public';
            {deletions}
        END $$
    """


def _create_database(server: servers.PostgreSQL, name: str, *, template: str) -> None:
    with psycopg.connect(servers.libpq(server.superuser_url), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" OWNER moyai_owner TEMPLATE "{template}"')
