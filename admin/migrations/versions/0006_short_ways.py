"""What every posting pays for, made short: the check on late lines, and holding an idempotency key."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    # It finds each entry by its key. As a join it could be planned as a pass over all entries while the books are
    # small, and stay so while they grow.
    op.execute(
        """
        CREATE OR REPLACE FUNCTION ledger_line_within_entry() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (
                SELECT FROM added
                    WHERE added.line_no > (
                        SELECT entry.line_count FROM ledger_entry AS entry
                            WHERE entry.tenant_id = added.tenant_id AND entry.id = added.entry_id
                    )
            ) THEN
                RAISE EXCEPTION 'a line goes beyond the line count of its entry'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_line_within_entry';
            END IF;
            RETURN NULL;
        END $$
        """
    )
    # One call begins a command: whose rows it sees, the key's lock, then a look that sees what the lock waited for.
    op.execute(
        """
        CREATE FUNCTION hold_idempotency_key(
            scope text, key_tenant_id uuid, key_actor text, key_command text, given_key text
        ) RETURNS TABLE (kept_order_hash text, kept_answer text) LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM set_config('moyai.scope', scope, true);
            PERFORM pg_advisory_xact_lock(hashtextextended(
                concat_ws(E'\\n', 'moyai.idempotency', key_tenant_id, key_actor, key_command, given_key), 0
            ));
            RETURN QUERY SELECT kept.order_hash::text, kept.answer::text FROM idempotency_key AS kept
                WHERE kept.tenant_id = key_tenant_id AND kept.actor = key_actor AND kept.command = key_command
                    AND kept.key = given_key;
        END $$
        """
    )
