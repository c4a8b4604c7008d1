"""What a database holds, counted in one snapshot: compared after a restore with what was saved."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import psycopg
from psycopg import sql

from admin.operations.backup.manifest import StreamEnd
from governance.kernel.errors import Conflict, message

SESSIONS: Final = frozenset({"web_session", "token_session", "ended_session", "kept_form"})
"""Tables of Moyai whose rows are never saved: who was signed in signs in again, and what they had typed is gone."""
KEYCLOAK_SESSIONS: Final = frozenset({"offline_user_session", "offline_client_session"})
"""The same of Keycloak, whose sessions of a browser are kept in these tables, too."""

ROLE_SEES_PART = message(
    "backup.role_sees_part",
    ja="役割 {role} には BYPASSRLS がなく、行が欠けたバックアップになります。",
    en="The role {role} lacks BYPASSRLS; a backup by it would lack rows.",
    hint_ja="PostgreSQL の管理者が ALTER ROLE {role} BYPASSRLS; を実行してください。",
    hint_en="Have the administrator of PostgreSQL run: ALTER ROLE {role} BYPASSRLS;",
)
ROLE_MAY_NOT_READ = message(
    "backup.role_may_not_read",
    ja="役割 {role} は、データベース {database} の {table} を読めません。",
    en="The role {role} may not read {table} in the database {database}.",
    hint_ja="docs/OPERATING.md の「Backup and restore」にある GRANT を実行してください。",
    hint_en="Run the GRANT statements of docs/OPERATING.md, “Backup and restore”.",
)

_TABLES: Final = """
    SELECT relname, has_table_privilege(oid, 'SELECT') FROM pg_class
    WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace ORDER BY relname
"""
_HEADS: Final = """
    SELECT DISTINCT ON (tenant_id) tenant_id, sequence, chain_hash FROM audit_seal ORDER BY tenant_id, sequence DESC
"""


def require_all_rows(connection: psycopg.Connection) -> None:
    """Raise Conflict where the role of the connection does not see every row, or may not read a table."""
    row = connection.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user").fetchone()
    if row is None or not row[0]:
        raise Conflict(ROLE_SEES_PART, role=connection.info.user)
    for table, is_readable in connection.execute(_TABLES):
        if not is_readable:
            raise Conflict(ROLE_MAY_NOT_READ, role=connection.info.user, table=table, database=connection.info.dbname)


def tables(connection: psycopg.Connection) -> list[str]:
    """The names of all tables."""
    return [name for name, _ in connection.execute(_TABLES)]


def count_rows(connection: psycopg.Connection, without: frozenset[str]) -> dict[str, int]:
    """Table → rows, for every table but these."""
    counted = {}
    for table in tables(connection):
        if table not in without:
            row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
            counted[table] = int(row[0]) if row else 0
    return counted


def schema_revision(connection: psycopg.Connection) -> str | None:
    """The revision of Moyai's schema; None for a database without it."""
    if "alembic_version" not in tables(connection):
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def count_entries(connection: psycopg.Connection) -> dict[str, int]:
    """Fiscal year → posted entries."""
    counted = connection.execute("SELECT fiscal_year, count(*) FROM ledger_entry GROUP BY 1 ORDER BY 1")
    return {str(year): count for year, count in counted}


def stream_ends(connection: psycopg.Connection) -> tuple[StreamEnd, ...]:
    """The last seal of each tenant's audit events."""
    return tuple(
        StreamEnd(stream=stream, sequence=sequence, chain_hash=chain_hash)
        for stream, sequence, chain_hash in connection.execute(_HEADS)
    )


def installation(connection: psycopg.Connection) -> UUID | None:
    """The id of the operator, which names the installation; None before it is registered."""
    row = connection.execute("SELECT id FROM tenant WHERE is_operator").fetchone()
    return None if row is None else row[0]
