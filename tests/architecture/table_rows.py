"""Rows for tables that are known only by their columns, so that a new table is under test the day it is made."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid5

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy import BigInteger, Boolean, Date, DateTime, Integer, LargeBinary, Numeric, SmallInteger, Table, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import JSON

from admin.migrations.metadata import metadata
from governance.kernel.ids import new_id
from governance.kernel.table_scopes import SYSTEM_TABLES


def id_of(table: str, tenant_id: UUID) -> UUID:
    """The id of the tenant's planted row in this table."""
    return uuid5(tenant_id, table)


def row_for(table: Table, tenant_id: UUID) -> dict[str, Any]:
    """A value for every column, foreign keys pointing at the same tenant's planted rows; checks are not looked at."""
    row: dict[str, Any] = {}
    for column in table.columns:
        if column.computed is not None or column.identity is not None:
            continue
        refers_to = [key.column.table.name for key in column.foreign_keys if key.column.name == "id"]
        if column.name == "tenant_id" or (column.name == "id" and table.name == "tenant"):
            row[column.name] = tenant_id
        elif column.name == "id":
            row[column.name] = id_of(table.name, tenant_id)
        elif refers_to:
            row[column.name] = id_of(refers_to[0], tenant_id)
        else:
            row[column.name] = _value_for(column.type)
    return row


def insert_row_of_every_table(owner: psycopg.Connection[Any], tenant_id: UUID) -> None:
    """One row of the tenant in every table. The connection looks away from foreign keys (`disable_checks`)."""
    for table in metadata.sorted_tables:
        if table.name not in SYSTEM_TABLES:
            insert(owner, table.name, row_for(table, tenant_id))


def disable_checks(owner: psycopg.Connection[Any]) -> None:
    """Drop every check and disable every trigger: here only whose row it is matters."""
    owner.execute("SET session_replication_role = replica")
    for table in metadata.sorted_tables:
        if table.name in SYSTEM_TABLES:
            continue
        checks = owner.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'", (table.name,)
        ).fetchall()
        for (check,) in checks:
            owner.execute(
                sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(sql.Identifier(table.name), sql.Identifier(check))
            )
        owner.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(sql.Identifier(table.name)))


def insert(connection: psycopg.Connection[Any], table: str, row: dict[str, Any]) -> None:
    """Insert one row as it is."""
    connection.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(sql.Placeholder() * len(row)),
        ),
        list(row.values()),
    )


def _value_for(kind: Any) -> Any:
    kind = getattr(kind, "impl", kind)
    if isinstance(kind, ARRAY):
        return [_value_for(kind.item_type)]
    if isinstance(kind, Uuid):
        return new_id()
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, SmallInteger):
        return int(new_id()) % 2**15
    if isinstance(kind, (BigInteger, Integer, Numeric)):
        return int(new_id()) % 2**31
    if isinstance(kind, DateTime):
        return datetime.now(UTC)
    if isinstance(kind, Date):
        return date(2025, 4, 1)
    if isinstance(kind, (JSON, JSONB)):
        return Jsonb({})
    if isinstance(kind, LargeBinary):
        return b"x"
    return str(new_id())
