"""Notices that state several runs together; runs that are drafts until finance submits them."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

_OPEN = "state IN ('draft', 'awaiting_approval')"


def upgrade() -> None:
    op.add_column("notice", sa.Column("first_run_number", sa.Integer(), nullable=True))
    op.create_check_constraint(op.f("ck_notice_first_run_number_positive"), "notice", "first_run_number > 0")
    _allow_drafts()


def _allow_drafts() -> None:
    """A draft is submitted in the name of who does it, or replaced; it takes shares while it is made."""
    known, decided = (
        op.f("ck_allocation_run_state_known"),
        op.f("ck_allocation_run_decided_unless_awaiting_approval"),
    )
    for name in (known, decided):
        op.drop_constraint(name, "allocation_run", type_="check")
    op.create_check_constraint(known, "allocation_run", "state IN ('draft', 'awaiting_approval', 'posted', 'rejected')")
    op.create_check_constraint(decided, "allocation_run", f"({_OPEN}) = (decided_at IS NULL)")
    op.drop_index("uq_allocation_run_open", "allocation_run")
    op.create_index(
        "uq_allocation_run_open",
        "allocation_run",
        ["tenant_id", "fiscal_year"],
        unique=True,
        postgresql_where=sa.text(_OPEN),
    )
    op.execute("DROP TRIGGER only_nothing_moves ON allocation_run")
    op.execute(
        "CREATE TRIGGER only_nothing_moves BEFORE UPDATE ON allocation_run FOR EACH ROW "
        "WHEN (OLD.state IN ('posted', 'rejected')) EXECUTE FUNCTION only_these_move()"
    )
    op.execute(
        "CREATE TRIGGER only_submission_moves BEFORE UPDATE ON allocation_run FOR EACH ROW "
        "WHEN (OLD.state = 'draft') EXECUTE FUNCTION only_these_move('state', 'decided_at', 'requested_by')"
    )
    op.execute(
        """
        CREATE OR REPLACE FUNCTION allocation_share_of_open_run() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (
                SELECT FROM added
                    JOIN allocation_run AS run ON run.tenant_id = added.operator_id AND run.id = added.run_id
                    WHERE run.state NOT IN ('draft', 'awaiting_approval')
            ) THEN
                RAISE EXCEPTION 'a run that was decided takes no share'
                    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'allocation_share_of_open_run';
            END IF;
            RETURN NULL;
        END $$
        """
    )
