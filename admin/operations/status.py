"""What runs, asked from the servers themselves: nothing here needs an administrator of anything."""

from __future__ import annotations

from typing import Any

import psycopg

from admin.operations import services
from admin.operations.bring_up import check_database
from admin.operations.keycloak import answers_ok
from admin.operations.ports import LOOPBACK
from admin.operations.processes import PidFiles
from admin.operations.settings import POSTGRESQL_FOLDER, Settings
from governance.kernel.errors import DependencyUnavailable

_TIMEOUT_SECONDS = 3


def status(settings: Settings) -> dict[str, Any]:
    """The state of the installation in the form the contract of the command line has.

    PostgreSQL is asked for its version. Keycloak tells its version to administrators only, so the embedded one's comes
    from the distribution it was started from; that of another server is null.
    """
    records = PidFiles(settings.home / "run")
    database = _database(settings)
    jobs_waiting, tenants = _counts(settings) if database["ready"] else (None, {})
    return {
        "web": {"url": settings.public_url, "ready": answers_ok(_web(settings), seconds=_TIMEOUT_SECONDS)},
        "postgresql": database,
        "keycloak": _keycloak(settings, records),
        "worker": {"ready": records.running(services.WORKER) is not None, "jobs_waiting": jobs_waiting},
        "tenants": tenants,
    }


def all_ready(report: dict[str, Any]) -> bool:
    """Whether every part of a status is ready."""
    return all(report[part]["ready"] for part in ("web", "postgresql", "keycloak", "worker"))


def _web(settings: Settings) -> str:
    return f"http://{LOOPBACK}:{settings.port}{services.READY_PATH}"


def _database(settings: Settings) -> dict[str, Any]:
    embedded = settings.database_url_given is None
    # Asked before any address is made up: looking at a home that is not there must not begin one.
    if embedded and not (settings.home / POSTGRESQL_FOLDER).exists():
        return {"version": None, "embedded": True, "ready": False}
    try:
        return {"version": check_database(settings), "embedded": embedded, "ready": True}
    except DependencyUnavailable:
        return {"version": None, "embedded": embedded, "ready": False}


def _keycloak(settings: Settings, records: PidFiles) -> dict[str, Any]:
    if settings.keycloak_url_given is not None:
        ready = answers_ok(f"{settings.keycloak_url}/realms/master", seconds=_TIMEOUT_SECONDS)
        return {"version": None, "embedded": False, "ready": ready}
    running = records.running(services.KEYCLOAK)
    version = running.facts.get("version") if running else None
    address = f"http://{LOOPBACK}:{settings.keycloak_management_port}/health/ready"
    ready = running is not None and answers_ok(address, seconds=_TIMEOUT_SECONDS)
    return {"version": version, "embedded": True, "ready": ready}


def _counts(settings: Settings) -> tuple[int | None, dict[str, int]]:
    """Jobs not done yet, and the operator's tenants (without itself) by state; nothing before the schema is there."""
    address = settings.app_url.replace("postgresql+psycopg://", "postgresql://", 1)
    try:
        with psycopg.connect(address, connect_timeout=_TIMEOUT_SECONDS) as connection:
            connection.execute("SELECT set_config('moyai.scope', 'operator', true)")
            found = connection.execute("SELECT count(*) FROM job WHERE state IN ('queued', 'running')").fetchone()
            by_state = connection.execute(
                "SELECT state, count(*) FROM tenant WHERE NOT is_operator GROUP BY state ORDER BY state"
            )
            return (found[0] if found else None), dict(by_state.fetchall())
    except psycopg.Error:
        return None, {}
