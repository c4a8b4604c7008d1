"""Every table has a tenant or a reason, row-level security on and forced, and an owner that is not the application."""

from __future__ import annotations

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from flask import Flask
from sqlalchemy import create_engine, text

from admin.migrations.metadata import metadata
from governance.kernel.database import db
from governance.kernel.table_scopes import CROSS_TENANT_REFERENCES, GLOBAL_TABLES, SYSTEM_TABLES
from tests import servers

EXEMPT = GLOBAL_TABLES | SYSTEM_TABLES


def test_every_table_has_a_tenant_or_a_reason_not_to() -> None:
    without = {name for name, table in metadata.tables.items() if "tenant_id" not in table.columns}
    assert without == {name for name in EXEMPT if name in metadata.tables}


def test_every_reason_is_about_a_table_that_exists(database: Flask) -> None:
    existing = set(db.session.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars())
    assert set(EXEMPT) <= existing
    assert all(len(why) > 20 for why in EXEMPT.values())


def test_every_table_has_row_level_security_enabled_and_forced(database: Flask) -> None:
    unprotected = db.session.execute(
        text(
            "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
            "WHERE nspname = 'public' AND relkind IN ('r', 'p') AND NOT (relrowsecurity AND relforcerowsecurity)"
        )
    ).scalars()
    # The schema's own version belongs to the owner role, and the application has no right to it at all.
    assert set(unprotected) == {"alembic_version"}


def test_the_application_owns_nothing_and_bypasses_nothing(database: Flask) -> None:
    owned = db.session.execute(
        text("SELECT relname FROM pg_class JOIN pg_roles r ON r.oid = relowner WHERE rolname = 'moyai_app'")
    ).scalars()
    role = db.session.execute(
        text("SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user")
    ).one()
    assert list(owned) == []
    assert not any(role)


def test_no_function_runs_with_its_owners_rights(database: Flask) -> None:
    definers = db.session.execute(
        text(
            "SELECT proname FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace "
            "WHERE nspname = 'public' AND prosecdef"
        )
    ).scalars()
    assert list(definers) == []


def test_foreign_keys_between_tenant_tables_include_the_tenant() -> None:
    loose, elsewhere = set(), set()
    for table in metadata.tables.values():
        for constraint in table.foreign_key_constraints:
            if "tenant_id" not in table.columns or "tenant_id" not in constraint.referred_table.columns:
                continue
            mapped = {element.column.name: element.parent.name for element in constraint.elements}
            row = f"{table.name}.{mapped.get('id')}"
            if "tenant_id" not in mapped:
                loose.add(row)
            elif mapped["tenant_id"] != "tenant_id":
                elsewhere.add(row)
    assert loose == set()
    assert elsewhere == set(CROSS_TENANT_REFERENCES)


def test_migrations_from_empty_give_exactly_the_tables_of_the_code(
    postgresql: servers.PostgreSQL, database_name: str
) -> None:
    engine = create_engine(postgresql.owner_url(database_name))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_object": lambda thing, name, kind, reflected, other: (
                    not (kind == "table" and name in SYSTEM_TABLES)
                ),
            },
        )
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_check_constraints_of_the_code_are_those_of_the_migrations(
    postgresql: servers.PostgreSQL, database_name: str
) -> None:
    engine = create_engine(postgresql.owner_url(database_name))
    # alembic's comparison leaves CHECK constraints out, so the code's tables are made beside the migrated ones.
    checks = text(
        "SELECT relname, conname, pg_get_constraintdef(pg_constraint.oid) FROM pg_constraint "
        "JOIN pg_class ON pg_class.oid = conrelid JOIN pg_namespace n ON n.oid = relnamespace "
        "WHERE contype = 'c' AND nspname = :schema AND relname = ANY(:tables) ORDER BY 1, 2"
    )
    tables = sorted(set(metadata.tables) - set(SYSTEM_TABLES))
    with engine.connect() as connection:
        connection.execute(text("CREATE SCHEMA of_the_code"))
        metadata.create_all(connection.execution_options(schema_translate_map={None: "of_the_code"}))
        migrated, made = (
            [tuple(row) for row in connection.execute(checks, {"schema": schema, "tables": tables})]
            for schema in ("public", "of_the_code")
        )
        connection.rollback()
    engine.dispose()
    assert len(made) > 40
    assert made == migrated


@pytest.mark.parametrize("table", ["audit_event", "audit_seal"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET tenant_id = tenant_id", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_record_cannot_be_changed_by_the_application(
    postgresql: servers.PostgreSQL, database_name: str, table: str, statement: str
) -> None:
    with (
        psycopg.connect(servers.libpq(postgresql.app_url(database_name))) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.format(table))
