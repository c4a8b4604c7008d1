"""Start of an installation, in order: servers, schema, web, realms, worker. Every step is idempotent."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import psycopg

from admin.operations import keycloak_distribution, services
from admin.operations.keycloak import EmbeddedKeycloak, answers_ok
from admin.operations.keys import backend_keys
from admin.operations.pooling import check_pooling
from admin.operations.postgresql import APP, KEYCLOAK, OWNER, TENANT
from admin.operations.schema import check_schema
from admin.operations.settings import DATABASE, Settings, variable_of
from admin.operations.supervisor import Progress, Supervisor, stop_orphans
from admin.operations.training import mark_training
from admin.operations.trust import find_tls_problem, trust
from governance.kernel.errors import Conflict, DependencyUnavailable, DomainError, Invalid, message

_TIMEOUT_SECONDS = 5

TENANT_ROLE_MISSING = message(
    "servers.tenant_role_missing",
    ja="DATABASE_URL を使うときは、MOYAI_TENANT_DATABASE_URL に別の役割（moyai_tenant）の接続先も設定してください。",
    en="With DATABASE_URL, MOYAI_TENANT_DATABASE_URL must name the same database as another role (moyai_tenant).",
    hint_ja="役割の作り方は docs/OPERATING.md にあります。",
    hint_en="docs/OPERATING.md says how to create the role.",
)
DATABASE_UNREACHABLE = message(
    "servers.database_unreachable",
    ja="DATABASE_URL の PostgreSQL（{where}）に接続できません。",
    en="PostgreSQL at DATABASE_URL ({where}) cannot be reached.",
    hint_ja="サーバーの状態と DATABASE_URL を確かめるか、外して同梱の PostgreSQL を使ってください。",
    hint_en="Check the server and DATABASE_URL, or unset it to use the PostgreSQL that comes with Moyai.",
)
RESTORE_UNFINISHED = message(
    "servers.restore_unfinished",
    ja="{home} への復元が途中で切れたままです。",
    en="A restore into {home} was cut off.",
    hint_ja="moyai down のあと {home} を空にし、moyai restore をもう一度実行してください。",
    hint_en="Run `moyai down`, empty {home}, and run `moyai restore` again.",
)
KEYCLOAK_UNREACHABLE = message(
    "servers.keycloak_unreachable",
    ja="KEYCLOAK_URL の Keycloak（{where}）に接続できません。",
    en="Keycloak at KEYCLOAK_URL ({where}) cannot be reached.",
    hint_ja="サーバーの状態と KEYCLOAK_URL を確かめるか、外して同梱の Keycloak を使ってください。",
    hint_en="Check the server and KEYCLOAK_URL, or unset it to use the Keycloak that comes with Moyai.",
)


def bring_up(
    supervisor: Supervisor,
    settings: Settings,
    progress: Progress,
    *,
    migrate: Callable[[str], object],
    while_starting: Callable[[], None] = lambda: None,
    replace_keys: bool = False,
) -> None:
    """Start and prepare everything; when it returns, pages are served and jobs run.

    `migrate` brings the database at a URL of its owner to the newest schema. `while_starting` is called while Keycloak
    starts: for work of the caller that does not need Keycloak.
    `replace_keys` lets the realms lose keys that this host does not have.
    Servers that the settings name are only checked for readiness. Raises Conflict, Invalid or
    DependencyUnavailable; what was started by then is stopped by the supervisor.
    """
    if settings.restore_marker.exists():
        raise Conflict(RESTORE_UNFINISHED, home=settings.home)
    mark_training(settings)
    trust(settings)
    # A key file that is missing or wrong is named before anything is started.
    _ = settings.session_secret
    backend_keys(settings)
    if settings.keycloak_url_given is not None:
        # Imported where it is needed: python-keycloak takes as long as half a server.
        from admin.operations.keycloak_setup import check_mail

        check_mail(settings)
    database = settings.embedded_postgresql() if settings.needs_postgresql else None
    stop_orphans(settings.home, database, progress)
    web = services.web(settings)
    worker = services.worker(settings, is_running=lambda: supervisor.is_running(services.WORKER))
    planned = [web, worker]
    if database is not None:
        planned.append(services.postgresql(database))
    keycloak = embedded_keycloak(settings, progress) if settings.needs_keycloak else None
    if keycloak is not None:
        planned.append(services.keycloak(keycloak))
    supervisor.check_ports(planned, base=settings.port)

    if database is not None:
        if database.initialise():
            progress("PostgreSQL … データを作成しました / data folder created")
        supervisor.start(services.postgresql(database))
        supervisor.await_ready(services.POSTGRESQL)
        database.prepare_roles()
        if settings.database_url_given is None:
            database.prepare_database(DATABASE, owner=OWNER, guests=(APP, TENANT))
        if keycloak is not None:
            database.prepare_database(KEYCLOAK, owner=KEYCLOAK)
    if settings.database_url_given is not None:
        check_database(settings)
        check_tenant_role(settings)
        check_pooling(settings)
    # Keycloak takes the longest, so everything that does not need it happens while it starts. The web needs only the
    # schema and its script; nobody can sign in yet. The worker would try its jobs in vain, so it comes last.
    if keycloak is not None:
        supervisor.start(services.keycloak(keycloak))
    _migrate(settings, progress, migrate)
    check_schema(settings)
    _fetch_script(settings, progress)
    supervisor.start(web)
    importlib.import_module("admin.operations.keycloak_setup")
    while_starting()
    supervisor.await_ready(services.WEB)
    if keycloak is not None:
        supervisor.await_ready(services.KEYCLOAK)
    else:
        check_keycloak(settings)
    _configure(settings, progress, replace_keys=replace_keys)
    supervisor.start(worker)
    supervisor.await_ready(services.WORKER)


def check_database(settings: Settings) -> str:
    """The server version of Moyai's PostgreSQL. Raises DependencyUnavailable."""
    address = settings.app_url.replace("postgresql+psycopg://", "postgresql://", 1)
    try:
        with psycopg.connect(address, connect_timeout=_TIMEOUT_SECONDS) as connection:
            stated = connection.info.parameter_status("server_version") or ""
            return stated.split()[0] if stated else "?"
    except psycopg.OperationalError as trouble:
        where = psycopg.conninfo.conninfo_to_dict(address)
        named = f"{where.get('host', '')}:{where.get('port', 5432)}/{where.get('dbname', '')}"
        raise DependencyUnavailable(DATABASE_UNREACHABLE, field="DATABASE_URL", where=named) from trouble


def check_tenant_role(settings: Settings) -> None:
    """Raise Invalid where no other role is named for the tenants, DependencyUnavailable where it gets no answer."""
    address = (settings.tenant_url or "").replace("postgresql+psycopg://", "postgresql://", 1)
    served_as = psycopg.conninfo.conninfo_to_dict(settings.app_url.replace("postgresql+psycopg://", "postgresql://", 1))
    wanted = psycopg.conninfo.conninfo_to_dict(address) if address else {}
    if wanted.get("user") in (None, served_as.get("user")):
        raise Invalid(TENANT_ROLE_MISSING, field=variable_of("tenant_url_given"))
    try:
        psycopg.connect(address, connect_timeout=_TIMEOUT_SECONDS).close()
    except psycopg.OperationalError as trouble:
        named = f"{wanted.get('host', '')}:{wanted.get('port', 5432)}/{wanted.get('dbname', '')}"
        raise DependencyUnavailable(
            DATABASE_UNREACHABLE, field=variable_of("tenant_url_given"), where=named
        ) from trouble


def check_keycloak(settings: Settings) -> None:
    """Raises DependencyUnavailable when the Keycloak of the settings does not answer, and says what TLS lacks."""
    if not answers_ok(f"{settings.keycloak_url}/realms/master", seconds=_TIMEOUT_SECONDS):
        if (problem := find_tls_problem(settings.keycloak_url)) is not None:
            raise DependencyUnavailable(problem, field="KEYCLOAK_URL", where=settings.keycloak_url)
        raise DependencyUnavailable(KEYCLOAK_UNREACHABLE, field="KEYCLOAK_URL", where=settings.keycloak_url)


def embedded_keycloak(settings: Settings, progress: Progress) -> EmbeddedKeycloak:
    """The embedded Keycloak as the settings have it, its distribution fetched and built where it is not kept."""
    java = keycloak_distribution.java_home(settings.java_home)
    distribution = keycloak_distribution.prepare(
        settings.distributions_folder, java=java, given=settings.keycloak_home, progress=progress
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


def _migrate(settings: Settings, progress: Progress, migrate: Callable[[str], object]) -> None:
    if settings.owner_url is None:
        progress("スキーマ … MOYAI_MIGRATION_URL がないため変更しません / schema left alone: no MOYAI_MIGRATION_URL")
        return
    migrate(settings.owner_url)
    progress("スキーマ … 最新です / schema is up to date")


def _configure(settings: Settings, progress: Progress, *, replace_keys: bool) -> None:
    from admin.operations.keycloak_setup import check_keys, configure

    if settings.keycloak_administrator is None:
        progress(
            "レルム … 管理クライアントの指定がないため変更しません / realms left alone: no administrator client named"
        )
        check_keys(settings)
        return
    configured = configure(settings, replace_keys=replace_keys)
    progress(
        f"レルム … 定義どおりです（書き込み {configured.writes} 件）/ realms as specified ({configured.writes} writes)"
    )


def _fetch_script(settings: Settings, progress: Progress) -> None:
    """Fetch htmx. Pages work without it, so a failure is only reported."""
    from admin.operations import assets

    try:
        assets.fetch(settings.home)
    except DomainError as refused:
        progress(f"{refused.text('ja')}{refused.hint('ja')} / {refused.text('en')} {refused.hint('en')}")
