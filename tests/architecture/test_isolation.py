"""The database holds even if the application forgets: every table, every tenant, each policy in turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import tuple_row

from admin.migrations.metadata import metadata
from governance.kernel.ids import new_id
from governance.kernel.table_scopes import CROSS_TENANT_REFERENCES, GLOBAL_TABLES
from tests import servers
from tests.architecture.table_rows import disable_checks, id_of, insert, insert_row_of_every_table, row_for

BETWEEN_TENANTS = sorted(
    (table.name, element.parent.name, constraint.referred_table.name)
    for table in metadata.tables.values()
    for constraint in table.foreign_key_constraints
    for element in constraint.elements
    if "tenant_id" in table.columns
    and "tenant_id" in constraint.referred_table.columns
    and element.column.name == "id"
    and f"{table.name}.{element.parent.name}" not in CROSS_TENANT_REFERENCES
)
"""Every foreign key from one tenant's row to another table's row of a tenant: (table, column, referred table)."""

TENANT_TABLES = sorted(name for name, table in metadata.tables.items() if "tenant_id" in table.columns)


class TwoTenants:
    """A database with a row of tenant A and one of tenant B in every tenant table."""

    def __init__(self, owner: psycopg.Connection[Any], app: psycopg.Connection[Any], a: UUID, b: UUID) -> None:
        self.owner, self.app, self.a, self.b = owner, app, a, b

    def insert_as(self, scope: UUID | str, table: str, row: dict[str, Any]) -> None:
        with self.app.transaction():
            self.app.execute("SELECT set_config('moyai.scope', %s, true)", (str(scope),))
            insert(self.app, table, {column: value for column, value in row.items() if self._may_insert(table, column)})

    def _may_insert(self, table: str, column: str) -> bool:
        """Whether the application's role may give the column at all: of some tables it may not give every one."""
        asked = self.app.execute("SELECT has_column_privilege(%s, %s, 'INSERT')", (table, column)).fetchone()
        return asked is not None and bool(asked[0])

    def visible(self, table: str, scope: str) -> set[UUID]:
        with self.app.transaction(force_rollback=True):
            self.app.execute("SELECT set_config('moyai.scope', %s, true)", (scope,))
            query = sql.SQL("SELECT tenant_id FROM {}").format(sql.Identifier(table))
            return {row[0] for row in self.app.execute(query)}


@pytest.fixture(scope="module")
def two_tenants(postgresql: servers.PostgreSQL) -> Iterator[TwoTenants]:
    name = "moyai_two_tenants"
    with psycopg.connect(servers.libpq(postgresql.superuser_url), autocommit=True) as superuser:
        superuser.execute(f"CREATE DATABASE {name} OWNER moyai_owner TEMPLATE moyai_template")
        with (
            psycopg.connect(servers.libpq(postgresql.superuser_url), dbname=name, autocommit=True) as owner,
            psycopg.connect(servers.libpq(postgresql.app_url(name)), autocommit=True, row_factory=tuple_row) as app,
        ):
            a, b = new_id(), new_id()
            disable_checks(owner)
            for tenant in (a, b):
                insert_row_of_every_table(owner, tenant)
            yield TwoTenants(owner, app, a, b)
        superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_a_tenant_sees_its_own_rows_and_none_of_another(two_tenants: TwoTenants, table: str) -> None:
    assert two_tenants.visible(table, str(two_tenants.a)) == {two_tenants.a}
    assert two_tenants.visible(table, "operator") == {two_tenants.a, two_tenants.b}


@pytest.mark.parametrize("table", [*TENANT_TABLES, *sorted(GLOBAL_TABLES)])
@pytest.mark.parametrize("scope", ["", "nobody"])
def test_without_a_tenant_no_row_is_seen(two_tenants: TwoTenants, table: str, scope: str) -> None:
    if scope == "nobody" and table in GLOBAL_TABLES and table != "tenant":
        return  # a catalogue is for everybody who is somebody
    with two_tenants.app.transaction(force_rollback=True):
        two_tenants.app.execute("SELECT set_config('moyai.scope', %s, true)", (scope,))
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
        assert two_tenants.app.execute(query).fetchone() == (0,)


@pytest.fixture(scope="module")
def as_tenants(two_tenants: TwoTenants, postgresql: servers.PostgreSQL) -> Iterator[psycopg.Connection[Any]]:
    """A connection to the same database as the tenants' role, over which anything may be said."""
    url = servers.libpq(postgresql.tenant_url(two_tenants.app.info.dbname))
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_the_tenants_role_sees_and_writes_nothing_in_the_operators_scope(
    two_tenants: TwoTenants, as_tenants: psycopg.Connection[Any], table: str
) -> None:
    """Also where the SQL of a request was bent: whatever it sets, `operator` is no scope of this role."""
    name = sql.Identifier(table)
    with as_tenants.transaction(force_rollback=True):
        as_tenants.execute("SELECT set_config('moyai.scope', 'operator', false)")
        assert as_tenants.execute(sql.SQL("SELECT count(*) FROM {}").format(name)).fetchone() == (0,)
    for tenant in (two_tenants.a, two_tenants.b):
        row = row_for(metadata.tables[table], tenant)
        with as_tenants.transaction(force_rollback=True):
            as_tenants.execute("SELECT set_config('moyai.scope', 'operator', true)")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                insert(as_tenants, table, row)


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_the_tenants_role_sees_one_tenants_rows_as_the_application_does(
    two_tenants: TwoTenants, as_tenants: psycopg.Connection[Any], table: str
) -> None:
    with as_tenants.transaction(force_rollback=True):
        as_tenants.execute("SELECT set_config('moyai.scope', %s, true)", (str(two_tenants.a),))
        query = sql.SQL("SELECT DISTINCT tenant_id FROM {}").format(sql.Identifier(table))
        assert as_tenants.execute(query).fetchall() == [(two_tenants.a,)]


def test_the_tenants_role_cannot_become_another_one(as_tenants: psycopg.Connection[Any]) -> None:
    for statement in ("SET ROLE moyai_app", "SET ROLE moyai_owner", "SET SESSION AUTHORIZATION moyai_app"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_tenants.execute(statement)
    for machine in ("huey_task", "huey_kv", "realm_keys"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_tenants.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(machine)))
    held = as_tenants.execute(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, EXISTS (SELECT FROM pg_auth_members WHERE member = pg_roles.oid)"
        " FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    assert held == (False, False, False, False)


def test_without_its_policy_the_operators_scope_would_show_every_tenant(two_tenants: TwoTenants) -> None:
    with two_tenants.owner.transaction(force_rollback=True):
        two_tenants.owner.execute("DROP POLICY no_operator_scope ON member")
        two_tenants.owner.execute("SET LOCAL ROLE moyai_tenant")
        two_tenants.owner.execute("SELECT set_config('moyai.scope', 'operator', true)")
        assert two_tenants.owner.execute("SELECT count(DISTINCT tenant_id) FROM member").fetchone() == (2,)


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_a_tenant_cannot_write_a_row_for_another(two_tenants: TwoTenants, table: str) -> None:
    row = row_for(metadata.tables[table], two_tenants.b)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        two_tenants.insert_as(two_tenants.a, table, row)


@pytest.mark.parametrize(("table", "column", "referred"), BETWEEN_TENANTS)
def test_a_foreign_key_cannot_point_at_another_tenants_row(
    two_tenants: TwoTenants, table: str, column: str, referred: str
) -> None:
    """Row-level security does not look at foreign keys: each is tried with the id of B's row, in the widest scope."""
    row = row_for(metadata.tables[table], two_tenants.a) | {column: id_of(referred, two_tenants.b)}
    if "id" in row:
        row["id"] = new_id()
    row |= dict.fromkeys(_other_references(table, column))
    with pytest.raises((psycopg.errors.ForeignKeyViolation, psycopg.errors.UniqueViolation)) as refusal:
        two_tenants.insert_as("operator", table, row)
    assert refusal.type is psycopg.errors.ForeignKeyViolation, refusal.value


def _other_references(table: str, column: str) -> set[str]:
    """The columns that may be empty and point elsewhere: left empty, no row of A's is met a second time."""
    referring = metadata.tables[table].foreign_key_constraints
    asked = {name for constraint in referring if column in constraint.column_keys for name in constraint.column_keys}
    every = {element.parent for constraint in referring for element in constraint.elements}
    return {one.name for one in every if one.nullable and one.name not in asked}


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_without_its_policy_a_table_would_show_nothing_or_be_noticed(two_tenants: TwoTenants, table: str) -> None:
    """Take the policy away and let everything through: the first test of this page must then fail."""
    with two_tenants.owner.transaction(force_rollback=True):
        for (policy,) in two_tenants.owner.execute(
            "SELECT policyname FROM pg_policies WHERE tablename = %s", (table,)
        ).fetchall():
            two_tenants.owner.execute(
                sql.SQL("DROP POLICY {} ON {}").format(sql.Identifier(policy), sql.Identifier(table))
            )
        two_tenants.owner.execute(sql.SQL("CREATE POLICY let_through ON {} USING (true)").format(sql.Identifier(table)))
        two_tenants.owner.execute("SET LOCAL ROLE moyai_app")
        two_tenants.owner.execute("SELECT set_config('moyai.scope', %s, true)", (str(two_tenants.a),))
        seen = {
            row[0]
            for row in two_tenants.owner.execute(sql.SQL("SELECT tenant_id FROM {}").format(sql.Identifier(table)))
        }
        assert seen == {two_tenants.a, two_tenants.b}
