"""Tables, columns, constraints and functions under the field's standard terms.

Processes of version 0.1.0 cannot work on the database afterwards: stop them first. Values in rows stay as they are;
`governance.former_names` says how those of 0.1.0 are read.
"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.rename_table("tenant_move", "tenant_state_change")
    for table, column, name in (
        ("tenant_state_change", "moved_by", "changed_by"),
        ("tenant_state_change", "moved_at", "changed_at"),
        ("ledger_period", "moved_at", "changed_at"),
        ("tenant_plan", "chosen_by", "assigned_by"),
        ("tenant_plan", "chosen_at", "assigned_at"),
        ("idempotency_key", "order_hash", "request_hash"),
        ("web_session", "id_token_sealed", "id_token_encrypted"),
    ):
        op.alter_column(table, column, new_column_name=name)
    op.execute(
        "ALTER TABLE allocation_run RENAME CONSTRAINT ck_allocation_run_decided_when_moved "
        "TO ck_allocation_run_decided_unless_awaiting_approval"
    )
    _rename_constraints_of_state_changes()
    _rename_period_trigger()
    _rename_key_lock()


def _rename_constraints_of_state_changes() -> None:
    """Rename every constraint that holds the table's former name, and with it the index that serves it.

    The catalogue is asked, because PostgreSQL 18 names NOT NULL constraints too and older versions do not.
    """
    op.execute(
        """
        DO $$
        DECLARE found text;
        BEGIN
            FOR found IN
                SELECT conname FROM pg_constraint
                    WHERE conrelid = 'tenant_state_change'::regclass AND conname LIKE '%tenant_move%'
            LOOP
                EXECUTE format(
                    'ALTER TABLE tenant_state_change RENAME CONSTRAINT %I TO %I',
                    found, replace(found, 'tenant_move', 'tenant_state_change')
                );
            END LOOP;
        END $$
        """
    )


def _rename_period_trigger() -> None:
    """The function names itself in the errors it raises, so it is made anew from its own text."""
    op.execute(
        """
        DO $$
        BEGIN
            EXECUTE replace(
                pg_get_functiondef('ledger_period_moves()'::regprocedure),
                'ledger_period_moves',
                'ledger_period_transition'
            );
        END $$
        """
    )
    op.execute("DROP TRIGGER ledger_period_moves ON ledger_period")
    op.execute("DROP FUNCTION ledger_period_moves()")
    op.execute(
        """
        CREATE TRIGGER ledger_period_transition BEFORE INSERT OR UPDATE ON ledger_period
            FOR EACH ROW EXECUTE FUNCTION ledger_period_transition()
        """
    )


def _rename_key_lock() -> None:
    # One call begins a command: set the tenant scope, lock the key, then read what the lock waited for.
    op.execute("DROP FUNCTION hold_idempotency_key(text, uuid, text, text, text)")
    op.execute(
        """
        CREATE FUNCTION lock_idempotency_key(
            scope text, key_tenant_id uuid, key_actor text, key_command text, given_key text
        ) RETURNS TABLE (stored_request_hash text, stored_answer text) LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM set_config('moyai.scope', scope, true);
            PERFORM pg_advisory_xact_lock(hashtextextended(
                concat_ws(E'\\n', 'moyai.idempotency', key_tenant_id, key_actor, key_command, given_key), 0
            ));
            RETURN QUERY SELECT stored.request_hash::text, stored.answer::text FROM idempotency_key AS stored
                WHERE stored.tenant_id = key_tenant_id AND stored.actor = key_actor AND stored.command = key_command
                    AND stored.key = given_key;
        END $$
        """
    )
