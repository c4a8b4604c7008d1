"""The embedded PostgreSQL as Moyai finds it: its roles, who may come in, and that the world may not."""

from __future__ import annotations

import os
import stat

import psycopg
import pytest

from admin.operations.postgresql import APP, BACKUP, KEYCLOAK, OWNER, TENANT
from admin.operations.settings import Settings
from admin.operations.supervisor import Supervisor
from tests.servers import PostgreSQL, libpq


@pytest.fixture
def prepared(settings: Settings, supervised: Supervisor) -> Settings:
    """A home whose PostgreSQL has its roles and both databases."""
    server = settings.embedded_postgresql()
    server.prepare_roles()
    server.prepare_database("moyai", owner=OWNER, guests=(APP,))
    server.prepare_database(KEYCLOAK, owner=KEYCLOAK)
    return settings


def test_the_roles_of_moyai_have_no_right_beyond_their_own(postgresql: PostgreSQL) -> None:
    with psycopg.connect(libpq(postgresql.superuser_url)) as connection:
        rights = connection.execute(
            "SELECT rolname, rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication"
            " FROM pg_roles WHERE rolname = ANY(%s) ORDER BY rolname",
            ([OWNER, APP, TENANT, KEYCLOAK],),
        ).fetchall()

    assert rights == [(KEYCLOAK, False), (APP, False), (OWNER, False), (TENANT, False)]


def test_the_role_that_serves_owns_nothing(postgresql: PostgreSQL, database_name: str) -> None:
    with psycopg.connect(libpq(postgresql.owner_url(database_name))) as connection:
        owned = connection.execute("SELECT count(*) FROM pg_class WHERE relowner = %s::regrole", (APP,)).fetchone()
        tables = connection.execute("SELECT count(*) FROM pg_class WHERE relowner = %s::regrole", (OWNER,)).fetchone()

    assert owned == (0,)
    assert tables is not None
    assert tables[0] > 0


def test_each_role_reaches_its_own_database_only(prepared: Settings) -> None:
    server = prepared.embedded_postgresql()

    closed = [(APP, KEYCLOAK), (OWNER, KEYCLOAK), (KEYCLOAK, "moyai"), (APP, "postgres"), (OWNER, "template1")]
    closed += [(BACKUP, "postgres"), (BACKUP, "template1")]
    for role, database in closed:
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(libpq(server.url(role, database)))
    for role, database in (
        (APP, "moyai"),
        (OWNER, "moyai"),
        (KEYCLOAK, KEYCLOAK),
        (BACKUP, "moyai"),
        (BACKUP, KEYCLOAK),
    ):
        psycopg.connect(libpq(server.url(role, database))).close()


def test_nobody_comes_in_without_a_password(prepared: Settings) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host="127.0.0.1", port=prepared.postgresql_port, user="postgres", dbname="postgres")


def test_preparing_again_changes_nothing(prepared: Settings) -> None:
    server = prepared.embedded_postgresql()

    server.prepare_roles()
    server.prepare_database("moyai", owner=OWNER, guests=(APP,))

    psycopg.connect(libpq(prepared.app_url)).close()


def test_secrets_are_readable_by_their_owner_only_and_never_stand_in_a_log_or_a_command(prepared: Settings) -> None:
    server = prepared.embedded_postgresql()
    files = list(prepared.secrets.iterdir())

    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(prepared.secrets.stat().st_mode) == 0o700
    written = (prepared.logs / "postgresql.log").read_text() + " ".join(server.command())
    assert not any(password in written for password in server.passwords.values())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can close a folder to the user that PostgreSQL runs as")
def test_it_runs_below_a_folder_that_only_root_may_enter(prepared: Settings) -> None:
    # pytest keeps its folders closed to others, as `mktemp -d` does, so the server of this home is the proof.
    closed = [place for place in prepared.home.parents if not place.stat().st_mode & stat.S_IXOTH]

    assert closed
    assert prepared.embedded_postgresql().version() == "18.4"
