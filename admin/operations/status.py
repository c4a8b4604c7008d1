"""The state of the installation, asked of each server without an administrator's account."""

from __future__ import annotations

import psycopg

from admin.operations import services
from admin.operations.bring_up import check_database
from admin.operations.keycloak import answers_ok
from admin.operations.ports import LOOPBACK, reachable
from admin.operations.processes import PidFiles
from admin.operations.settings import POSTGRESQL_FOLDER, Settings
from admin.operations.trust import trust
from governance.kernel.deadline_connection import DeadlineConnection
from governance.kernel.errors import DependencyUnavailable
from governance.kernel.models import ReadModel

_TIMEOUT_SECONDS = 3


class WebStatus(ReadModel):
    """The web server: the address that browsers see, and whether it answers its readiness check."""

    url: str
    ready: bool


class ServerStatus(ReadModel):
    """PostgreSQL or Keycloak. `version` is None where it is not told; `embedded` says that Moyai starts the server."""

    version: str | None
    embedded: bool
    ready: bool


class WorkerStatus(ReadModel):
    """The worker of this host, and the number of jobs queued or running; None where PostgreSQL does not answer."""

    ready: bool
    jobs_waiting: int | None


class MailStatus(ReadModel):
    """Whether a mail server is set. Without one, mails are stored and invitations reach nobody."""

    delivers: bool


class SecondFactorStatus(ReadModel):
    """Whether operators and owners sign in with a second factor only."""

    required: bool


class SystemStatus(ReadModel):
    """What runs. `tenants` counts the tenants by state, the operator left out."""

    web: WebStatus
    postgresql: ServerStatus
    keycloak: ServerStatus
    worker: WorkerStatus
    mail: MailStatus
    second_factor: SecondFactorStatus
    tenants: dict[str, int]

    @property
    def all_ready(self) -> bool:
        """Whether all four parts are ready."""
        return self.web.ready and self.postgresql.ready and self.keycloak.ready and self.worker.ready


def status(settings: Settings) -> SystemStatus:
    """Ask each server of the installation, three seconds at most each. Raises nothing where one does not answer.

    Keycloak tells its version to administrators only, so the embedded one's is that of the distribution it was
    started from; the version of another Keycloak is None.
    """
    trust(settings)
    records = PidFiles(settings.home / "run")
    database = _database(settings)
    jobs_waiting, tenants = _counts(settings) if database.ready else (None, {})
    return SystemStatus(
        web=WebStatus(url=settings.public_url, ready=answers_ok(_web(settings), seconds=_TIMEOUT_SECONDS)),
        postgresql=database,
        keycloak=_keycloak(settings, records),
        worker=WorkerStatus(ready=records.running(services.WORKER) is not None, jobs_waiting=jobs_waiting),
        mail=MailStatus(delivers=settings.delivers_mail),
        second_factor=SecondFactorStatus(required=settings.requires_second_factor),
        tenants=tenants,
    )


def _web(settings: Settings) -> str:
    return f"http://{reachable(settings.bind)}:{settings.health_port}{services.READY_PATH}"


def _database(settings: Settings) -> ServerStatus:
    embedded = settings.database_url_given is None
    # Asked before any address is made up: looking at a home that is not there must not begin one.
    if embedded and not (settings.home / POSTGRESQL_FOLDER).exists():
        return ServerStatus(version=None, embedded=True, ready=False)
    try:
        return ServerStatus(version=check_database(settings), embedded=embedded, ready=True)
    except DependencyUnavailable:
        return ServerStatus(version=None, embedded=embedded, ready=False)


def _keycloak(settings: Settings, records: PidFiles) -> ServerStatus:
    if settings.keycloak_url_given is not None:
        ready = answers_ok(f"{settings.keycloak_url}/realms/master", seconds=_TIMEOUT_SECONDS)
        return ServerStatus(version=None, embedded=False, ready=ready)
    running = records.running(services.KEYCLOAK)
    version = running.facts.get("version") if running else None
    address = f"http://{LOOPBACK}:{settings.keycloak_management_port}/health/ready"
    ready = running is not None and answers_ok(address, seconds=_TIMEOUT_SECONDS)
    return ServerStatus(version=version, embedded=True, ready=ready)


def _counts(settings: Settings) -> tuple[int | None, dict[str, int]]:
    """Jobs queued or running, and tenants by state without the operator; (None, {}) before the migrations ran."""
    address = settings.app_url.replace("postgresql+psycopg://", "postgresql://", 1)
    try:
        with DeadlineConnection.connect(address, connect_timeout=_TIMEOUT_SECONDS) as connection:
            connection.own_limit_seconds = _TIMEOUT_SECONDS
            connection.execute("SELECT set_config('moyai.scope', 'operator', true)")
            found = connection.execute("SELECT count(*) FROM job WHERE state IN ('queued', 'running')").fetchone()
            by_state = connection.execute(
                "SELECT state, count(*) FROM tenant WHERE NOT is_operator GROUP BY state ORDER BY state"
            )
            return (found[0] if found else None), dict(by_state.fetchall())
    except psycopg.Error:
        return None, {}
