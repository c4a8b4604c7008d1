"""The audit log: the database sets the time of an event, and a seal names the form it was computed in."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    # What is sealed already has form 1 (SHA-256 without a key); whoever seals from here on names the form.
    op.add_column("audit_seal", sa.Column("form", sa.SmallInteger(), nullable=False, server_default="1"))
    op.alter_column("audit_seal", "form", server_default=None)
    op.create_check_constraint(op.f("ck_audit_seal_form_known"), "audit_seal", "form IN (1, 2)")
    _set_time_of_event()
    _refuse_late_commit()


def _set_time_of_event() -> None:
    """An event's time and the time in its UUIDv7 (RFC 9562, method 3: 12 bits below the millisecond) are the server's.

    The last 62 bits stay the caller's, so that the events of one statement keep their order.
    """
    op.execute(
        """
        CREATE FUNCTION audit_event_recorded_now() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            now_us CONSTANT bigint := extract(epoch FROM statement_timestamp()) * 1000000;
        BEGIN
            NEW.recorded_at := statement_timestamp();
            NEW.id := (
                lpad(to_hex(now_us / 1000), 12, '0') || '7' || lpad(to_hex(now_us % 1000 * 4096 / 1000), 3, '0')
                || substr(replace(NEW.id::text, '-', ''), 17)
            )::uuid;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER recorded_now BEFORE INSERT ON audit_event
            FOR EACH ROW EXECUTE FUNCTION audit_event_recorded_now()
        """
    )


def _refuse_late_commit() -> None:
    """The longest transaction that may record an event, in `governance.audit.chain`: MAX_TRANSACTION."""
    op.execute(
        """
        CREATE FUNCTION audit_event_committed_in_time() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF clock_timestamp() - NEW.recorded_at > interval '60 seconds' THEN
                RAISE EXCEPTION 'the transaction took longer than 60 seconds to commit its audit event'
                    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'audit_event_committed_in_time';
            END IF;
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        """
        CREATE CONSTRAINT TRIGGER committed_in_time AFTER INSERT ON audit_event
            DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION audit_event_committed_in_time()
        """
    )
