"""Approvals: the command that an approval runs, people with all their accounts, and what the database refuses."""

import sqlalchemy as sa
from alembic import op

from admin.migrations.protection import APP_ROLE, protect

revision = "0010"
down_revision = "0009"

_REQUEST_COLUMNS = (
    "id, tenant_id, kind, subject_id, digest, requested_by, requested_at, request_reason, command, body, second_person"
)
_DECISION_COLUMNS = (
    "decided_by, decided_at, decision, decision_reason, decision_number, decided_for, decided_for_reason, result"
)


def upgrade() -> None:
    op.execute("SELECT set_config('moyai.scope', 'operator', true)")
    _accounts_of_people()
    _stored_commands()
    _two_people()
    _entries_of_runs()
    op.execute(f"REVOKE INSERT, UPDATE, DELETE ON approval_request FROM {APP_ROLE}")
    op.execute(f"GRANT INSERT ({_REQUEST_COLUMNS}) ON approval_request TO {APP_ROLE}")
    op.execute(f"GRANT UPDATE ({_DECISION_COLUMNS}) ON approval_request TO {APP_ROLE}")


def _accounts_of_people() -> None:
    """Accounts with one address share a person_id because it is made of the address: no other row need be seen."""
    op.create_table(
        "person_account",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("joined_by", sa.String(), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_person_account_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "account", "person_id", name=op.f("pk_person_account")),
    )
    op.create_index("ix_person_account_account", "person_account", ["account"])
    op.execute(
        """
        CREATE FUNCTION person_of_address(address text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
            SELECT left(encode(sha256(convert_to('moyai person ' || lower(address), 'UTF8')), 'hex'), 32)::uuid
        $$
        """
    )
    op.execute(
        """
        INSERT INTO person_account (tenant_id, account, person_id, joined_by, joined_at)
        SELECT tenant_id, person_id::text, person_of_address(email_key), 'system:address', now()
        FROM member
        """
    )
    op.execute(
        """
        CREATE FUNCTION member_account_of_person() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO person_account (tenant_id, account, person_id, joined_by, joined_at)
            VALUES (
                NEW.tenant_id, NEW.person_id::text, person_of_address(NEW.email_key), 'system:address',
                statement_timestamp()
            )
            ON CONFLICT DO NOTHING;
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER account_of_person AFTER INSERT OR UPDATE OF email, email_key, person_id ON member
            FOR EACH ROW EXECUTE FUNCTION member_account_of_person()
        """
    )
    protect("person_account", append_only=True)


def _stored_commands() -> None:
    for name in ("command", "body", "second_person", "decision_number", "decided_for", "decided_for_reason", "result"):
        op.add_column("approval_request", sa.Column(name, sa.String(), nullable=True))
    op.add_column(
        "approval_request",
        sa.Column("requester_persons", sa.ARRAY(sa.Uuid()), nullable=False, server_default=sa.text("'{}'")),
    )
    # A run that waits is approved by the command that posts it, as those are that are prepared from here on.
    op.execute(
        r"""
        UPDATE approval_request
        SET command = 'post_allocation',
            body = format('{"digest"\:"%s","happened_on"\:null,"run_id"\:"%s"}', digest, subject_id),
            second_person = 'money'
        WHERE kind = 'allocation' AND decision IS NULL
        """
    )
    for name, condition in (
        ("command_whole", "(command IS NULL) = (body IS NULL) AND (command IS NULL) = (second_person IS NULL)"),
        ("decided_for_with_reason", "(decided_for IS NULL) = (decided_for_reason IS NULL)"),
        (
            "open_has_no_decision",
            "decision IS NOT NULL OR (decision_number IS NULL AND decided_for IS NULL AND result IS NULL)",
        ),
        ("second_person_known", "second_person IN ('money', 'rules', 'settings', 'roles', 'owners', 'owners-absent')"),
    ):
        op.create_check_constraint(op.f(f"ck_approval_request_{name}"), "approval_request", condition)


def _two_people() -> None:
    """A decision is made once, by a person, who is not the requester under another account.

    The requester's persons are kept with the request, because a tenant that decides sees no account but its own.
    """
    op.execute(
        """
        CREATE FUNCTION approval_request_by_whom() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            NEW.requester_persons := ARRAY(
                SELECT DISTINCT person_id FROM person_account WHERE account = NEW.requested_by ORDER BY 1
            );
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER by_whom BEFORE INSERT ON approval_request
            FOR EACH ROW EXECUTE FUNCTION approval_request_by_whom()
        """
    )
    op.execute(
        """
        CREATE FUNCTION approval_request_two_people() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF OLD.decision IS NOT NULL THEN
                RAISE EXCEPTION 'the request was decided already'
                    USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'approval_decided_once';
            END IF;
            IF NEW.decided_by IS NULL THEN
                RETURN NEW;
            END IF;
            IF NEW.decided_by !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
                RAISE EXCEPTION 'only a person who is signed in decides'
                    USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'approval_by_a_person';
            END IF;
            IF EXISTS (
                SELECT FROM person_account AS decider
                WHERE decider.account = NEW.decided_by
                    AND (
                        decider.person_id = ANY (OLD.requester_persons)
                        OR decider.person_id IN (
                            SELECT person_id FROM person_account WHERE account = OLD.requested_by
                        )
                    )
            ) THEN
                RAISE EXCEPTION 'the requester and the decider are one person'
                    USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'approval_by_two_people';
            END IF;
            IF NEW.decision = 'approved' AND OLD.requested_by LIKE 'cli:%'
                AND NOT EXISTS (SELECT FROM person_account WHERE account = OLD.requested_by)
            THEN
                RAISE EXCEPTION 'nobody recorded whose account requested this'
                    USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'approval_requester_known';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER two_people BEFORE UPDATE ON approval_request
            FOR EACH ROW EXECUTE FUNCTION approval_request_two_people()
        """
    )


def _entries_of_runs() -> None:
    """What a run posted only a run undoes: its shares and notices say the same sum as the books."""
    op.execute(
        """
        CREATE FUNCTION ledger_entry_not_of_run() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (
                SELECT FROM ledger_entry
                WHERE tenant_id = NEW.tenant_id AND id = NEW.reverses_id AND kind = 'allocation'
            ) THEN
                RAISE EXCEPTION 'an entry of an allocation run is not reversed by hand'
                    USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'ledger_entry_of_run';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER not_of_run BEFORE INSERT ON ledger_entry
            FOR EACH ROW WHEN (NEW.reverses_id IS NOT NULL) EXECUTE FUNCTION ledger_entry_not_of_run()
        """
    )
