"""The application with all doors on the test's database, and people signed in to it without Keycloak's page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from admin.app import create_app
from admin.settings import Settings
from governance.actors import Actor
from governance.kernel.database import db
from tests.admin.issuer import Issuer
from tests.admin.visitors import Visit, Visitors, visit
from tests.servers import PostgreSQL

PUBLIC_URL = "https://moyai.example.jp"


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    """Both realms' keys, held by the tests."""
    with Issuer() as running:
        yield running


@pytest.fixture
def settings(postgresql: PostgreSQL, database_name: str, issuer: Issuer, tmp_path: Path) -> Settings:
    """An installation on the test's database, whose tokens the tests sign."""
    return Settings.from_environment(
        {
            "MOYAI_HOME": str(tmp_path / "home"),
            "MOYAI_PUBLIC_URL": PUBLIC_URL,
            "DATABASE_URL": postgresql.app_url(database_name),
            "KEYCLOAK_URL": issuer.url,
        }
    )


@pytest.fixture
def web(settings: Settings, database: Flask) -> Iterator[Flask]:
    """The application with all its doors."""
    app = create_app(settings)
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def visitors(database: Flask) -> Visitors:
    """Makes people of tenants, with a member's row and grants, as actors."""
    return Visitors()


@pytest.fixture
def signed_in(web: Flask) -> Callable[[Actor], Visit]:
    """A browser in which this person is signed in: `signed_in(visitors.person(tenant_id, Role.TENANT_OWNER))`."""
    return lambda actor: visit(web, PUBLIC_URL, actor)


@pytest.fixture
def stranger(web: Flask) -> Visit:
    """A browser in which nobody is signed in."""
    return visit(web, PUBLIC_URL, None)
