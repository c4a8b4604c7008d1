"""A configured Keycloak, and the application served beside it on a fresh database for each test."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from flask import Flask

from admin.app import create_app
from admin.operations.keycloak_setup import configure
from admin.operations.settings import Settings
from governance.kernel.database import dispose_engines
from tenancy.keycloak.adapter import KeycloakIdentities
from tests.admin.browser import Browser
from tests.admin.live_app import LiveApp, add_probe_views, served
from tests.factories import Factory
from tests.ports import find_free_port
from tests.servers import PostgreSQL
from tests.tenancy.keycloak.installation import Installation


@pytest.fixture(scope="package")
def live_settings(installation: Installation) -> Iterator[Settings]:
    """The session's Keycloak with the console at a free port of this machine, so that Keycloak can reach it.

    The keys stay the session's. The database is still to be named.
    """
    settings = Settings.from_environment(
        installation.environment()
        | {
            "MOYAI_PUBLIC_URL": f"http://localhost:{find_free_port()}",
            "DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1/none",
        }
    )
    assert configure(settings).in_sync
    yield settings
    assert installation.configure().in_sync


@pytest.fixture(scope="package")
def keycloak(installation: Installation, live_settings: Settings) -> Iterator[KeycloakIdentities]:
    """The port to Keycloak."""
    connected = installation.identities()
    yield connected
    connected.close()


@pytest.fixture
def live_app(
    live_settings: Settings,
    keycloak: KeycloakIdentities,
    postgresql: PostgreSQL,
    database_name: str,
    database: Flask,
    factory: Factory,
) -> Iterator[LiveApp]:
    """The application served at its public address, on the test's own database."""
    settings = live_settings.model_copy(
        update={
            "database_url_given": postgresql.app_url(database_name),
            "tenant_url_given": postgresql.tenant_url(database_name),
        }
    )
    app = create_app(settings)
    add_probe_views(app)
    port = int(settings.public_url.rpartition(":")[2])
    with served(app, port):
        yield LiveApp(app, settings.public_url, settings, factory, keycloak)
    with app.app_context():
        dispose_engines()


@pytest.fixture
def browser() -> Iterator[Browser]:
    opened = Browser()
    yield opened
    opened.close()


@pytest.fixture
def municipality(live_app: LiveApp) -> UUID:
    """山鹿市, active."""
    return live_app.municipality("432083", "山鹿市")
