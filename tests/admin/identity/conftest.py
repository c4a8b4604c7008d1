"""A configured Keycloak for the doors, and the house served beside it on a fresh database for each test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest
from flask import Flask

from admin.app import create_app
from admin.keycloak_setup import configure, identities
from admin.servers import ports
from admin.settings import Settings
from governance.kernel.database import db
from tenancy.keycloak.adapter import KeycloakIdentities
from tests.actors import Actors
from tests.admin.browser import Browser
from tests.admin.scene import House, open_rooms_for_tests, served
from tests.servers import Keycloak, PostgreSQL


@pytest.fixture(scope="package")
def installation(keycloak_server: Keycloak, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Keycloak brought to the specification with keys of a home of its own. The database is still to be named."""
    port = ports.choose_free()
    settings = Settings.from_environment(
        {
            "MOYAI_HOME": str(tmp_path_factory.mktemp("doors")),
            "MOYAI_PUBLIC_URL": f"http://localhost:{port}",
            "MOYAI_EXAMPLE": "1",
            "DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1/none",
            "KEYCLOAK_URL": keycloak_server.url,
            "MOYAI_KEYCLOAK_CLIENT_ID": keycloak_server.administrator_client_id,
            "MOYAI_KEYCLOAK_CLIENT_SECRET": keycloak_server.administrator_client_secret,
        }
    )
    assert configure(settings).in_sync
    return settings


@pytest.fixture(scope="package")
def keycloak(installation: Settings) -> Iterator[KeycloakIdentities]:
    """The port to Keycloak."""
    connected = identities(installation)
    yield connected
    connected.close()


@pytest.fixture
def house(
    installation: Settings,
    keycloak: KeycloakIdentities,
    postgresql: PostgreSQL,
    database_name: str,
    database: Flask,
    actors: Actors,
) -> Iterator[House]:
    """The application served at its public address, on the test's own database."""
    settings = replace(installation, database_url_given=postgresql.app_url(database_name))
    app = create_app(settings)
    open_rooms_for_tests(app)
    port = int(settings.public_url.rpartition(":")[2])
    with served(app, port):
        yield House(app, settings.public_url, settings, actors, keycloak)
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def browser() -> Iterator[Browser]:
    opened = Browser()
    yield opened
    opened.close()


@pytest.fixture
def town(house: House) -> UUID:
    """山鹿市, active."""
    return house.town("432083", "山鹿市")
