"""Real servers for the tests: one PostgreSQL a session, a fresh database a test, one Keycloak where it is asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from flask import Flask

from admin.migrations import metadata  # noqa: F401 - every table is known before the first session
from admin.migrations.apply import migrate_url
from governance.kernel.database import OPERATOR, connect, db, scope
from tenancy.keycloak.adapter import KeycloakIdentities
from tests import servers
from tests.actors import Actors, plant_operator
from tests.tenancy.keycloak.installation import Installation

_TEMPLATE = "moyai_template"
_numbers = count(1)


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
def database_name(postgresql: servers.PostgreSQL) -> Iterator[str]:
    """A fresh database, cloned from the migrated template; dropped afterwards."""
    name = f"moyai_test_{next(_numbers)}"
    _create_database(postgresql, name, template=_TEMPLATE)
    yield name
    with psycopg.connect(servers.libpq(postgresql.superuser_url), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def database(postgresql: servers.PostgreSQL, database_name: str) -> Iterator[Flask]:
    """An application context on the fresh database, as the application's role. No scope is set: it sees no rows."""
    app = Flask("moyai-test")
    connect(app, postgresql.app_url(database_name))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def operator_tenant(database: Flask) -> UUID:
    """The prefecture (熊本県, 430005) as the operator."""
    return plant_operator()


@pytest.fixture
def actors(operator_tenant: UUID) -> Actors:
    """People of the operator, one for each role, and makers of people of a municipality."""
    return Actors(operator_tenant)


@pytest.fixture
def as_operator(operator_tenant: UUID) -> Iterator[None]:
    """The operator's scope for the whole test: reads see every tenant's rows."""
    with scope(OPERATOR):
        yield


def _create_database(server: servers.PostgreSQL, name: str, *, template: str) -> None:
    with psycopg.connect(servers.libpq(server.superuser_url), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" OWNER moyai_owner TEMPLATE "{template}"')
