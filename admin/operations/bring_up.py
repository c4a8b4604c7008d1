"""Bringing a whole Moyai up, in order: servers, schema, web, realms, worker. Every step is safe to repeat."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import psycopg

from admin.operations import children, keycloak_distribution
from admin.operations.keycloak import EmbeddedKeycloak, answers_ok
from admin.operations.postgresql import APP, KEYCLOAK, OWNER
from admin.operations.settings import DATABASE, Settings
from admin.operations.supervisor import Say, Supervisor, end_left_behind
from governance.kernel.errors import Refused, Unreachable, reason

_PATIENCE_SECONDS = 5

DATABASE_UNREACHABLE = reason(
    "servers.database_unreachable",
    ja="DATABASE_URL の PostgreSQL({where})に接続できません。",
    en="The PostgreSQL of DATABASE_URL ({where}) cannot be reached.",
    hint_ja="サーバーの状態と DATABASE_URL を確かめるか、外して同梱の PostgreSQL を使ってください。",
    hint_en="Check the server and DATABASE_URL, or unset it to use the PostgreSQL that comes with Moyai.",
)
KEYCLOAK_UNREACHABLE = reason(
    "servers.keycloak_unreachable",
    ja="KEYCLOAK_URL の Keycloak({where})に接続できません。",
    en="The Keycloak of KEYCLOAK_URL ({where}) cannot be reached.",
    hint_ja="サーバーの状態と KEYCLOAK_URL を確かめるか、外して同梱の Keycloak を使ってください。",
    hint_en="Check the server and KEYCLOAK_URL, or unset it to use the Keycloak that comes with Moyai.",
)


def bring_up(
    supervisor: Supervisor,
    settings: Settings,
    say: Say,
    *,
    migrate: Callable[[str], None],
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Start and prepare everything; when it returns, pages are served and jobs are carried.

    `migrate` brings the database at a URL of its owner to the newest schema. `meanwhile` is called while Keycloak
    starts: for what the caller needs afterwards and can make ready by itself.
    Servers that the settings name elsewhere are only asked whether they are there. Raises Conflict, Invalid or
    Unreachable; what was started by then is stopped by the supervisor.
    """
    database = settings.embedded_postgresql() if settings.needs_postgresql else None
    end_left_behind(settings.home, database, say)
    web = children.web(settings)
    worker = children.worker(settings, is_running=lambda: supervisor.is_running(children.WORKER))
    planned = [web, worker]
    if database is not None:
        planned.append(children.postgresql(database))
    identity = _embedded_keycloak(settings, say) if settings.needs_keycloak else None
    if identity is not None:
        planned.append(children.keycloak(identity))
    supervisor.check_ports(planned, base=settings.port)

    if database is not None:
        if database.initialise():
            say("PostgreSQL … データを作成しました / data folder created")
        supervisor.start(children.postgresql(database))
        supervisor.await_ready(children.POSTGRESQL)
        database.prepare_roles()
        if settings.database_url_given is None:
            database.prepare_database(DATABASE, owner=OWNER, guests=(APP,))
        if identity is not None:
            database.prepare_database(KEYCLOAK, owner=KEYCLOAK)
    if settings.database_url_given is not None:
        check_database(settings)
    # Keycloak takes the longest, so everything that does not need it happens while it starts. The web needs only the
    # schema and its script; nobody can sign in yet. The worker would try its jobs in vain, so it comes last.
    if identity is not None:
        supervisor.start(children.keycloak(identity))
    _migrate(settings, say, migrate)
    _fetch_script(settings, say)
    supervisor.start(web)
    importlib.import_module("admin.operations.keycloak_setup")
    meanwhile()
    supervisor.await_ready(children.WEB)
    if identity is not None:
        supervisor.await_ready(children.KEYCLOAK)
    else:
        check_keycloak(settings)
    _configure(settings, say)
    supervisor.start(worker)
    supervisor.await_ready(children.WORKER)


def check_database(settings: Settings) -> str:
    """The version of the PostgreSQL that serves Moyai, as it says itself. Raises Unreachable."""
    address = settings.app_url.replace("postgresql+psycopg://", "postgresql://", 1)
    try:
        with psycopg.connect(address, connect_timeout=_PATIENCE_SECONDS) as connection:
            stated = connection.info.parameter_status("server_version") or ""
            return stated.split()[0] if stated else "?"
    except psycopg.OperationalError as trouble:
        where = psycopg.conninfo.conninfo_to_dict(address)
        named = f"{where.get('host', '')}:{where.get('port', 5432)}/{where.get('dbname', '')}"
        raise Unreachable(DATABASE_UNREACHABLE, field="DATABASE_URL", where=named) from trouble


def check_keycloak(settings: Settings) -> None:
    """Raises Unreachable when the Keycloak of the settings does not answer."""
    if not answers_ok(f"{settings.keycloak_url}/realms/master", seconds=_PATIENCE_SECONDS):
        raise Unreachable(KEYCLOAK_UNREACHABLE, field="KEYCLOAK_URL", where=settings.keycloak_url)


def _embedded_keycloak(settings: Settings, say: Say) -> EmbeddedKeycloak:
    java = keycloak_distribution.java_home(settings.java_home)
    distribution = keycloak_distribution.prepared(
        settings.kept_distributions, java=java, given=settings.keycloak_home, say=say
    )
    database = settings.embedded_postgresql()
    administrator = settings.keycloak_administrator
    if administrator is None:
        raise AssertionError("an embedded Keycloak always has its administrator")
    return EmbeddedKeycloak(
        distribution=distribution,
        java=java,
        url=settings.keycloak_url,
        port=settings.keycloak_port,
        management_port=settings.keycloak_management_port,
        jdbc_url=database.jdbc_url,
        database_password=database.passwords[KEYCLOAK],
        bootstrap_client_id=administrator.client_id,
        bootstrap_client_secret=administrator.client_secret,
    )


def _migrate(settings: Settings, say: Say, migrate: Callable[[str], None]) -> None:
    if settings.owner_url is None:
        say("スキーマ … MOYAI_MIGRATION_URL がないため変更しません / schema left alone: no MOYAI_MIGRATION_URL")
        return
    migrate(settings.owner_url)
    say("スキーマ … 最新です / schema is up to date")


def _configure(settings: Settings, say: Say) -> None:
    from admin.operations.keycloak_setup import configure

    if settings.keycloak_administrator is None:
        say("レルム … 管理クライアントの指定がないため変更しません / realms left alone: no administrator client named")
        return
    configured = configure(settings)
    say(f"レルム … 定義どおりです(書き込み {configured.writes} 件)/ realms as specified ({configured.writes} writes)")


def _fetch_script(settings: Settings, say: Say) -> None:
    """The console's one script of others. Pages work without it, so that its absence stops nothing."""
    from admin.operations import assets

    try:
        assets.fetch(settings.home)
    except Refused as refused:
        say(f"{refused.message('ja')} / {refused.message('en')}")
