"""Whether the database has the schema that this code was written for. Asked before anything serves from it."""

from __future__ import annotations

import psycopg

from admin.operations.schema_version import require_version
from admin.operations.settings import Settings
from governance.kernel.deadline_connection import DeadlineConnection
from governance.kernel.errors import DependencyUnavailable, message

_TIMEOUT_SECONDS = 5

NO_ANSWER = message(
    "schema.no_answer",
    ja="データベースの表の版を確かめられません。",
    en="The version of the tables cannot be read.",
    hint_ja="PostgreSQL の状態と役割 moyai_app の権限を確かめてください。",
    hint_en="Check PostgreSQL and the rights of the role moyai_app.",
)


def check_schema(settings: Settings) -> None:
    """Raise Conflict where the tables are missing, older or newer; DependencyUnavailable where nothing answers."""
    address = settings.app_url.replace("postgresql+psycopg://", "postgresql://", 1)
    try:
        with DeadlineConnection.connect(address, connect_timeout=_TIMEOUT_SECONDS) as connection:
            connection.own_limit_seconds = _TIMEOUT_SECONDS
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except psycopg.errors.UndefinedTable:
        row = None
    except psycopg.Error as trouble:
        raise DependencyUnavailable(NO_ANSWER) from trouble
    require_version(None if row is None else str(row[0]))
