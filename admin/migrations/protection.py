"""Row-level security, policies and grants of a table: called by a migration right after CREATE TABLE.

The setting `moyai.scope` holds a tenant's id or `operator`; unset or empty, no row is visible. FORCE applies the
policies to the owner too.
"""

from __future__ import annotations

from alembic import op

APP_ROLE = "moyai_app"
TENANT_ROLE = "moyai_tenant"

_SCOPE = "(SELECT nullif(current_setting('moyai.scope', true), ''))"
"""As a subquery it is read once a statement; without it PostgreSQL reads the setting anew for each row."""


def protect(table: str, *, append_only: bool = False, tenant_column: str = "tenant_id") -> None:
    """Policy: SELECT and changes on rows of the tenant scope only; the scope `operator` has all rows."""
    own = f"({_SCOPE} = 'operator' OR {tenant_column}::text = {_SCOPE})"
    _force(table)
    op.execute(f"CREATE POLICY own_rows ON {table} USING {own} WITH CHECK {own}")
    _grant(table, append_only)
    if append_only:
        refuse_change(table)


def protect_shared(table: str, *, append_only: bool = False) -> None:
    """Policy for a global table: every scope reads, the operator alone writes."""
    _force(table)
    op.execute(f"CREATE POLICY everybody_reads ON {table} FOR SELECT USING ({_SCOPE} IS NOT NULL)")
    op.execute(
        f"CREATE POLICY operator_writes ON {table} USING ({_SCOPE} = 'operator') WITH CHECK ({_SCOPE} = 'operator')"
    )
    _grant(table, append_only)
    if append_only:
        refuse_change(table)


def protect_machine(table: str) -> None:
    """Policy for a system table (no tenant's content): the application's role reads and writes all rows."""
    _force(table)
    op.execute(f"CREATE POLICY machinery ON {table} TO {APP_ROLE} USING (true) WITH CHECK (true)")
    _grant(table, append_only=False)


def allow_tenants() -> None:
    """Let the tenants' role use every table with a tenant or for everybody, in a tenant's scope only. Safe to repeat.

    Of a tenant's table it gets what the application's role has; a shared one it may read. In the operator's scope it
    sees and writes nothing: the restrictive policy holds beside whatever else a table allows. A migration that makes a
    table, or changes a grant, calls this at its end.
    """
    op.execute(
        f"""
        DO $do$
        DECLARE
            outside CONSTANT text := $scope$ {_SCOPE} IS DISTINCT FROM 'operator' $scope$;
            app CONSTANT oid := '{APP_ROLE}'::regrole;
            known record;
            given record;
        BEGIN
            GRANT USAGE ON SCHEMA public TO {TENANT_ROLE};
            GRANT SELECT ON alembic_version TO {TENANT_ROLE};
            FOR known IN
                SELECT polrelid AS id, polrelid::regclass::text AS name, bool_or(polname = 'own_rows') AS of_tenants
                FROM pg_policy WHERE polname IN ('own_rows', 'everybody_reads') GROUP BY polrelid
            LOOP
                EXECUTE format('REVOKE ALL ON %s FROM {TENANT_ROLE}', known.name);
                FOR given IN
                    SELECT privilege_type || '' AS what
                    FROM pg_class, aclexplode(relacl) WHERE pg_class.oid = known.id AND grantee = app
                    UNION ALL
                    SELECT format('%s (%I)', privilege_type, attname)
                    FROM pg_attribute, aclexplode(attacl) WHERE attrelid = known.id AND grantee = app
                LOOP
                    IF known.of_tenants OR given.what LIKE 'SELECT%' THEN
                        EXECUTE format('GRANT %s ON %s TO {TENANT_ROLE}', given.what, known.name);
                    END IF;
                END LOOP;
                EXECUTE format('DROP POLICY IF EXISTS no_operator_scope ON %s', known.name);
                EXECUTE format(
                    'CREATE POLICY no_operator_scope ON %1$s AS RESTRICTIVE TO {TENANT_ROLE} '
                    'USING (%2$s) WITH CHECK (%2$s)', known.name, outside
                );
            END LOOP;
        END $do$
        """  # noqa: S608 - of constants of this module only
    )


def written_by_operator(table: str, *, shown_when: str | None = None) -> None:
    """In addition to `protect`: only the operator adds and changes rows; a tenant sees its own rows `shown_when`.

    `shown_when` is an SQL condition. For what the operator states about a tenant, such as shares and notices.
    """
    operator = f"{_SCOPE} = 'operator'"
    op.execute(f"CREATE POLICY operator_adds ON {table} AS RESTRICTIVE FOR INSERT WITH CHECK ({operator})")
    op.execute(f"CREATE POLICY operator_changes ON {table} AS RESTRICTIVE FOR UPDATE USING ({operator})")
    op.execute(f"CREATE POLICY operator_removes ON {table} AS RESTRICTIVE FOR DELETE USING ({operator})")
    if shown_when is not None:
        op.execute(f"CREATE POLICY shown_when ON {table} AS RESTRICTIVE FOR SELECT USING ({operator} OR {shown_when})")


def refuse_change(table: str) -> None:
    """Refuse UPDATE, DELETE and TRUNCATE by trigger, so that the owner of the table is refused too."""
    op.execute(
        f"CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def _force(table: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def _grant(table: str, append_only: bool) -> None:
    rights = "SELECT, INSERT" if append_only else "SELECT, INSERT, UPDATE, DELETE"
    op.execute(f"GRANT {rights} ON {table} TO {APP_ROLE}")
