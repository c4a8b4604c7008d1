"""Rows for tables that are known only by their columns, so that a new table is under test the day it is made."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy import BigInteger, Boolean, Date, DateTime, Integer, LargeBinary, Numeric, Table, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import JSON

from admin.migrations.metadata import metadata
from governance.kernel.ids import new_id


def row_for(table: Table, tenant_id: UUID) -> dict[str, Any]:
    """A value for every column that needs one; constraints of the table's own are not looked at."""
    row: dict[str, Any] = {}
    for column in table.columns:
        if column.name == "tenant_id":
            row[column.name] = tenant_id
        elif column.name == "id" and table.name == "tenant":
            row[column.name] = tenant_id
        elif column.computed is not None or column.identity is not None:
            continue
        elif not column.nullable or column.primary_key:
            row[column.name] = _value_for(column.type)
    return row


def plant_row_of_every_table(owner: psycopg.Connection[Any], tenant_id: UUID) -> None:
    """One row of the tenant in every table; foreign keys and triggers must be off in this connection."""
    for table in metadata.sorted_tables:
        row = row_for(table, tenant_id)
        with owner.transaction():
            # Checks are tried elsewhere; here only whose row it is matters.
            for (check,) in owner.execute(
                "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'", (table.name,)
            ).fetchall():
                owner.execute(
                    sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(
                        sql.Identifier(table.name), sql.Identifier(check)
                    )
                )
            owner.execute(
                sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                    sql.Identifier(table.name),
                    sql.SQL(", ").join(map(sql.Identifier, row)),
                    sql.SQL(", ").join(sql.Placeholder() * len(row)),
                ),
                list(row.values()),
            )


def _value_for(kind: Any) -> Any:
    kind = getattr(kind, "impl", kind)
    if isinstance(kind, Uuid):
        return new_id()
    if isinstance(kind, Boolean):
        return False
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
