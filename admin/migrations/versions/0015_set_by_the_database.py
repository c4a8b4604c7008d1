"""What the application may set no longer: number and time of an entry, and the comment of a decision not yet made."""

from alembic import op

from admin.migrations.protection import APP_ROLE, allow_tenants

revision = "0015"
down_revision = "0014"

_GIVEN_COLUMNS = "tenant_id, id, reference, request_hash, kind, fiscal_year, happened_on, line_count, reverses_id, memo"
_OPEN = "decision_reason IS NULL AND decision_number IS NULL AND decided_for IS NULL AND result IS NULL"


def upgrade() -> None:
    _time_of_entry()
    _comment_of_decision()
    allow_tenants()


def _time_of_entry() -> None:
    """Nothing is posted into the past, neither by its time nor by a number that was left out."""
    # The identity of `number` alone gives way to OVERRIDING SYSTEM VALUE, and gaps in the numbers are lawful.
    op.execute(f"REVOKE INSERT ON ledger_entry FROM {APP_ROLE}")
    op.execute(f"GRANT INSERT ({_GIVEN_COLUMNS}) ON ledger_entry TO {APP_ROLE}")
    op.execute(
        """
        CREATE FUNCTION ledger_entry_recorded_now() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            NEW.recorded_at := statement_timestamp();
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER recorded_now BEFORE INSERT ON ledger_entry
            FOR EACH ROW EXECUTE FUNCTION ledger_entry_recorded_now()
        """
    )


def _comment_of_decision() -> None:
    op.drop_constraint(op.f("ck_approval_request_open_has_no_decision"), "approval_request")
    op.create_check_constraint(
        op.f("ck_approval_request_open_has_no_decision"), "approval_request", f"decision IS NOT NULL OR ({_OPEN})"
    )
