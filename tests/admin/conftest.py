"""The application with all blueprints on the test's database, and people signed in to it without Keycloak's page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from playwright.sync_api import Browser, Page

from admin import bootstrap
from admin.app import create_app
from admin.core.rate_limits import reset_rate_limits
from admin.operations.settings import Settings
from governance.actors import Actor
from governance.kernel.database import db, dispose_engines
from governance.permissions import Role
from tests.admin.issuer import Issuer
from tests.admin.signed_in_page import NewPage, free_port, signed_in_page
from tests.admin.visitors import Visit, visit
from tests.conftest import KeptDatabase
from tests.factories import Visitors
from tests.kept_connections import KEPT_DATABASE
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
    return settings_of(postgresql.urls(database_name), issuer, tmp_path / "home")


def settings_of(database_urls: dict[str, str], issuer: Issuer, home: Path) -> Settings:
    """An installation on this database, whose tokens the tests sign."""
    return Settings.from_environment(
        {
            "MOYAI_HOME": str(home),
            "MOYAI_PUBLIC_URL": PUBLIC_URL,
            **database_urls,
            "KEYCLOAK_URL": issuer.url,
        }
    )


@pytest.fixture(scope="session")
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> FileSystemBytecodeCache:
    """Every template is compiled once a session, whichever application renders it."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture
def web(settings: Settings, database: Flask, compiled_templates: FileSystemBytecodeCache) -> Iterator[Flask]:
    """The application with all its blueprints."""
    app = create_app(settings)
    app.jinja_env.bytecode_cache = compiled_templates
    yield app
    close_connections(app)


@pytest.fixture(scope="session")
def make_kept_app(
    postgresql: PostgreSQL,
    kept_database: KeptDatabase,
    issuer: Issuer,
    compiled_templates: FileSystemBytecodeCache,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[], Flask]:
    """Makes applications on the kept database, for several tests each: making one takes longer than most tests."""

    def make() -> Flask:
        home = tmp_path_factory.mktemp("kept") / "home"
        app = create_app(settings_of(postgresql.urls(KEPT_DATABASE), issuer, home))
        app.jinja_env.bytecode_cache = compiled_templates
        return app

    return make


@pytest.fixture(scope="session")
def kept_app(make_kept_app: Callable[[], Flask]) -> Flask:
    """One of them for the tests that leave it as it is."""
    return make_kept_app()


@pytest.fixture
def kept_web(kept_app: Flask, database: Flask) -> Iterator[Flask]:
    """That application, on an emptied database and without the audit files of the test before."""
    files = bootstrap.settings_of(kept_app).audit_files
    files.key_file.unlink(missing_ok=True)
    files.tips_file.unlink(missing_ok=True)
    yield kept_app
    close_connections(kept_app)


def close_connections(app: Flask) -> None:
    """Of the application's engine, after each test; and what its rate limits counted is forgotten."""
    reset_rate_limits(app)
    with app.app_context():
        db.session.remove()
        dispose_engines()


@pytest.fixture
def visitors(database: Flask) -> Visitors:
    """Makes people of tenants, with a member's row and grants, as actors."""
    return Visitors()


@pytest.fixture
def signed_in(web: Flask) -> Callable[[Actor], Visit]:
    """A browser in which this person is signed in: `signed_in(visitors.person(tenant_id, Role.TENANT_OWNER))`."""
    return lambda actor: visit(web, PUBLIC_URL, actor)


@pytest.fixture
def served_app(
    postgresql: PostgreSQL, database: Flask, database_name: str, issuer: Issuer, tmp_path: Path
) -> Iterator[Flask]:
    """The application under an address of its own, for a real browser."""
    app = create_app(
        Settings.from_environment(
            {
                "MOYAI_HOME": str(tmp_path / "home"),
                "MOYAI_PUBLIC_URL": f"http://localhost:{free_port()}",
                **postgresql.urls(database_name),
                "KEYCLOAK_URL": issuer.url,
                "MOYAI_EXAMPLE": "1",
            }
        )
    )
    yield app
    close_connections(app)


@pytest.fixture
def new_page(served_app: Flask, operator_tenant: UUID, visitors: Visitors, browser: Browser) -> Iterator[NewPage]:
    """Opens pages in which somebody of the operator is signed in; every report of the policy is an error."""
    port = int(bootstrap.settings_of(served_app).public_url.rsplit(":", 1)[1])
    with ExitStack() as opened:

        def new_page(*roles: Role, faults: tuple[str, ...] = ()) -> Page:
            person = visitors.person(operator_tenant, *roles)
            return opened.enter_context(signed_in_page(served_app, port, browser, person, faults=faults))

        yield new_page


@pytest.fixture
def stranger(web: Flask) -> Visit:
    """A browser in which nobody is signed in."""
    return visit(web, PUBLIC_URL, None)
