"""The processes of an installation as data, for the supervisor."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from admin.operations.keycloak import EmbeddedKeycloak, answers_ok
from admin.operations.metrics.folder import FOLDER_VARIABLE, prepare_folder
from admin.operations.ports import LOOPBACK, reachable
from admin.operations.postgresql import EmbeddedPostgreSQL
from admin.operations.settings import Settings

POSTGRESQL = "postgresql"
KEYCLOAK = "keycloak"
WEB = "web"
WORKER = "worker"
NAMES = (POSTGRESQL, KEYCLOAK, WEB, WORKER)
"""In the order of starting; they are stopped the other way round."""

READY_PATH = "/readyz"
_MAIL_PORT_OFFSET = 4
HEADER_MILLISECONDS = 10_000
_KILL_SECONDS = 15
"""After a signal to stop: longer than any request takes, and less than `ServiceSpec.stop_seconds`."""
# What sets things up stays with the process that sets them up: nothing that serves may change tables or realms.
_NOT_FOR_SERVING = (
    *("MOYAI_MIGRATION_URL", "MOYAI_BACKUP_URL"),
    *("MOYAI_KEYCLOAK_CLIENT_ID", "MOYAI_KEYCLOAK_CLIENT_SECRET"),
)


KEPT_VARIABLES = frozenset(
    {
        *("PATH", "HOME", "TMPDIR", "TZ", "LANG", "LC_ALL", "LC_CTYPE", "PYTHONPATH"),
        # How the servers named by the settings are reached and known: proxies, certificates, libpq's own files.
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
        *("PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGPASSFILE"),
    }
)


@dataclass(frozen=True)
class ServiceSpec:
    """One process: its command, its readiness check, its stop signal.

    `ports` are those it will listen on, at `address`. `remove_stale_files` runs before every start and removes what
    a killed predecessor left.
    """

    name: str
    label: str
    command: Callable[[], list[str]]
    environment: Mapping[str, str] = field(repr=False)
    ports: tuple[int, ...]
    is_ready: Callable[[], bool]
    version: Callable[[], str | None]
    folder: Path
    address: str = LOOPBACK
    ready_seconds: float = 60
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 20
    remove_stale_files: Callable[[], None] = lambda: None


def postgresql(server: EmbeddedPostgreSQL) -> ServiceSpec:
    """The embedded PostgreSQL. SIGINT is its fast shutdown: sessions end, a checkpoint is written."""
    return ServiceSpec(
        name=POSTGRESQL,
        label="PostgreSQL",
        command=server.command,
        environment={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        ports=(server.port,),
        is_ready=lambda: server.version() is not None,
        version=server.version,
        folder=server.folder,
        stop_signal=signal.SIGINT,
        stop_seconds=30,
        remove_stale_files=server.remove_stale_files,
    )


def keycloak(server: EmbeddedKeycloak) -> ServiceSpec:
    """The embedded Keycloak."""
    return ServiceSpec(
        name=KEYCLOAK,
        label="Keycloak",
        command=server.command,
        environment=server.environment(),
        ports=(server.port, server.management_port),
        is_ready=server.is_ready,
        version=server.version,
        folder=server.distribution,
        # The first start creates a hundred tables; a slow disk may take its time.
        ready_seconds=240,
    )


def web(settings: Settings) -> ServiceSpec:
    """The web server: processes of granian, whose event loops take requests in and hand them to threads of ours.

    Several share the port; one of them that ends is started again by granian's own process.
    """
    command = [sys.executable, "-m", "granian", "--interface", "asgi"]
    command += ["--host", settings.bind, "--port", str(settings.port)]
    # HTTP/2 is the proxy's business; here it would let one connection begin two hundred requests.
    command += ["--http", "1", "--http1-header-read-timeout", str(HEADER_MILLISECONDS)]
    command += ["--workers", str(settings.web_processes), "--workers-kill-timeout", str(_KILL_SECONDS)]
    command += ["--no-ws", "--log-level", "warning"]
    if settings.web_processes > 1:
        # One alone ends with its process, which whoever started it sees.
        command.append("--respawn-failed-workers")
    command.append("admin.asgi:app")
    return ServiceSpec(
        name=WEB,
        label="Web",
        command=lambda: command,
        environment=_service_environment(settings) | {FOLDER_VARIABLE: str(settings.web_metrics_folder)},
        ports=(settings.port, settings.health_port),
        is_ready=lambda: answers_ok(f"http://{reachable(settings.bind)}:{settings.port}{READY_PATH}"),
        version=lambda: None,
        folder=settings.home,
        address=settings.bind,
        remove_stale_files=lambda: prepare_folder(settings.web_metrics_folder),
    )


def worker(settings: Settings, *, is_running: Callable[[], bool]) -> ServiceSpec:
    """The worker that runs jobs. It listens on no port, except for mail where SMTP_URL is unset."""
    return ServiceSpec(
        name=WORKER,
        label="Worker",
        command=lambda: [sys.executable, "-m", "admin.cli", "worker"],
        environment=_service_environment(settings),
        ports=() if settings.smtp_url else (settings.port + _MAIL_PORT_OFFSET,),
        is_ready=is_running,
        version=lambda: None,
        folder=settings.home,
    )


def _service_environment(settings: Settings) -> dict[str, str]:
    """Settings, and of our own environment what a process needs to run and to reach the servers; no secret beside."""
    kept = {name: text for name, text in os.environ.items() if name.upper() in KEPT_VARIABLES}
    return {name: text for name, text in (kept | settings.as_environment()).items() if name not in _NOT_FOR_SERVING}
