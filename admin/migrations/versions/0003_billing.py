"""The books: accounts, fiscal years, entries, lines and balances, and what the database itself refuses about them."""

import sqlalchemy as sa
from alembic import op

from admin.migrations.protection import APP_ROLE, protect

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _make_ledger()
    _guard_ledger()


def _make_ledger() -> None:
    op.create_table(
        "ledger_account",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('asset', 'liability', 'equity', 'income', 'expense')", name=op.f("ck_ledger_account_kind_known")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_ledger_account_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_ledger_account")),
        sa.UniqueConstraint("tenant_id", "code", name=op.f("uq_ledger_account_tenant_id_code")),
    )
    op.create_table(
        "ledger_period",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("fiscal_year", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('open', 'closing', 'closed')", name=op.f("ck_ledger_period_state_known")),
        sa.CheckConstraint("fiscal_year BETWEEN 1989 AND 2100", name=op.f("ck_ledger_period_fiscal_year_bounds")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_ledger_period_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "fiscal_year", name=op.f("pk_ledger_period")),
    )
    op.create_table(
        "ledger_entry",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("request_hash", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("fiscal_year", sa.SmallInteger(), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("line_count", sa.SmallInteger(), nullable=False),
        sa.Column("reverses_id", sa.Uuid(), nullable=True),
        sa.Column("memo", sa.String(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('ordinary', 'allocation', 'adjustment', 'reversal')", name=op.f("ck_ledger_entry_kind_known")
        ),
        sa.CheckConstraint("line_count >= 2", name=op.f("ck_ledger_entry_two_lines")),
        sa.CheckConstraint(
            "(kind = 'reversal') = (reverses_id IS NOT NULL)", name=op.f("ck_ledger_entry_reversal_names_its_entry")
        ),
        sa.CheckConstraint(
            "happened_on >= make_date(fiscal_year, 4, 1) AND happened_on <= make_date(fiscal_year + 1, 5, 31)",
            name=op.f("ck_ledger_entry_date_in_fiscal_year"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_ledger_entry_tenant_id")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "reverses_id"],
            ["ledger_entry.tenant_id", "ledger_entry.id"],
            name=op.f("fk_ledger_entry_tenant_id_reverses_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_ledger_entry")),
        sa.UniqueConstraint("tenant_id", "reference", name=op.f("uq_ledger_entry_tenant_id_reference")),
        sa.UniqueConstraint("tenant_id", "number", name=op.f("uq_ledger_entry_tenant_id_number")),
    )
    op.create_index("ix_ledger_entry_fiscal_year", "ledger_entry", ["tenant_id", "fiscal_year", "number"])
    op.create_index(
        "uq_ledger_entry_reverses",
        "ledger_entry",
        ["tenant_id", "reverses_id"],
        unique=True,
        postgresql_where="reverses_id IS NOT NULL",
    )
    op.create_table(
        "ledger_line",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("line_no", sa.SmallInteger(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("yen", sa.BigInteger(), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.CheckConstraint("line_no >= 1", name=op.f("ck_ledger_line_line_no_counts_from_one")),
        sa.CheckConstraint(
            "yen <> 0 AND yen BETWEEN -1000000000000000 AND 1000000000000000", name=op.f("ck_ledger_line_yen_bounds")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "entry_id"],
            ["ledger_entry.tenant_id", "ledger_entry.id"],
            name=op.f("fk_ledger_line_tenant_id_entry_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "account_id"],
            ["ledger_account.tenant_id", "ledger_account.id"],
            name=op.f("fk_ledger_line_tenant_id_account_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "entry_id", "line_no", name=op.f("pk_ledger_line")),
    )
    op.create_index(
        "ix_ledger_line_account",
        "ledger_line",
        ["tenant_id", "account_id", "happened_on", "entry_id"],
        postgresql_include=["yen"],
    )
    op.create_table(
        "ledger_balance",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("fiscal_year", sa.SmallInteger(), nullable=False),
        sa.Column("yen", sa.BigInteger(), nullable=False),
        sa.Column("line_count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "account_id"],
            ["ledger_account.tenant_id", "ledger_account.id"],
            name=op.f("fk_ledger_balance_tenant_id_account_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "account_id", "fiscal_year", name=op.f("pk_ledger_balance")),
    )
    protect("ledger_account", append_only=True)
    protect("ledger_entry", append_only=True)
    protect("ledger_line", append_only=True)
    for kept in ("ledger_period", "ledger_balance"):
        protect(kept)
        op.execute(f"REVOKE DELETE ON {kept} FROM {APP_ROLE}")


def _guard_ledger() -> None:
    """What no posting gets past, whoever writes it: the code refuses first, these refuse last."""
    # Posting holds this lock shared to its end, moving a fiscal year holds it alone: no posting in flight slips in.
    op.execute(
        """
        CREATE FUNCTION ledger_lock(tenant uuid) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
            SELECT hashtextextended('moyai.ledger.' || tenant::text, 0)
        $$
        """
    )

    op.execute(
        """
        CREATE FUNCTION ledger_entry_needs_its_year() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            refused record;
        BEGIN
            -- Under an older snapshot the state read below could be that of before a close.
            IF current_setting('transaction_isolation') <> 'read committed' THEN
                RAISE EXCEPTION 'the ledger takes entries under READ COMMITTED only'
                    USING ERRCODE = 'restrict_violation';
            END IF;
            -- In order of tenants, so that postings into several books never wait for each other in a circle.
            PERFORM pg_advisory_xact_lock_shared(ledger_lock(book.tenant_id))
                FROM (SELECT DISTINCT tenant_id FROM added ORDER BY tenant_id) AS book;
            SELECT added.tenant_id, added.fiscal_year, period.state INTO refused
                FROM added
                LEFT JOIN ledger_period AS period
                    ON period.tenant_id = added.tenant_id AND period.fiscal_year = added.fiscal_year
                WHERE (period.state = 'open'
                    OR period.state = 'closing' AND added.kind IN ('adjustment', 'reversal')) IS NOT TRUE
                LIMIT 1;
            IF FOUND THEN
                RAISE EXCEPTION 'the fiscal year % of book % takes no such entry: it is %',
                    refused.fiscal_year, refused.tenant_id, coalesce(refused.state, 'not opened')
                    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_entry_needs_its_year';
            END IF;
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER ledger_entry_needs_its_year AFTER INSERT ON ledger_entry
            REFERENCING NEW TABLE AS added
            FOR EACH STATEMENT EXECUTE FUNCTION ledger_entry_needs_its_year()
        """
    )

    # Deferred to the commit, when the entry has all the lines it will ever have.
    op.execute(
        """
        CREATE FUNCTION ledger_entry_is_whole() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            found_lines bigint;
            found_yen numeric;
            same_date boolean;
        BEGIN
            SELECT count(*), coalesce(sum(line.yen), 0), coalesce(bool_and(line.happened_on = NEW.happened_on), false)
                INTO found_lines, found_yen, same_date
                FROM ledger_line AS line
                WHERE line.tenant_id = NEW.tenant_id AND line.entry_id = NEW.id;
            IF found_lines <> NEW.line_count OR found_yen <> 0 OR NOT same_date THEN
                RAISE EXCEPTION 'entry % is not whole: % of % lines, sum % yen, same date %',
                    NEW.id, found_lines, NEW.line_count, found_yen, same_date
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entry_is_whole';
            END IF;
            IF NEW.reverses_id IS NOT NULL AND EXISTS (
                SELECT line.account_id
                    FROM ledger_line AS line
                    WHERE line.tenant_id = NEW.tenant_id AND line.entry_id IN (NEW.id, NEW.reverses_id)
                    GROUP BY line.account_id
                    HAVING sum(line.yen) <> 0
            ) THEN
                RAISE EXCEPTION 'entry % is not the opposite of entry %', NEW.id, NEW.reverses_id
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entry_is_whole';
            END IF;
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        """
        CREATE CONSTRAINT TRIGGER ledger_entry_is_whole AFTER INSERT ON ledger_entry
            DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION ledger_entry_is_whole()
        """
    )

    # A whole entry uses the numbers 1 to line_count, so a late line repeats one (primary key) or goes beyond (here).
    op.execute(
        """
        CREATE FUNCTION ledger_line_within_entry() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (
                SELECT FROM added
                    JOIN ledger_entry AS entry ON entry.tenant_id = added.tenant_id AND entry.id = added.entry_id
                    WHERE added.line_no > entry.line_count
            ) THEN
                RAISE EXCEPTION 'a line goes beyond the line count of its entry'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_line_within_entry';
            END IF;
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER ledger_line_within_entry AFTER INSERT ON ledger_line
            REFERENCING NEW TABLE AS added
            FOR EACH STATEMENT EXECUTE FUNCTION ledger_line_within_entry()
        """
    )

    # No year is opened before one that is closed, and none comes back from closed.
    op.execute(
        """
        CREATE FUNCTION ledger_period_moves() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'UPDATE' THEN
                PERFORM pg_advisory_xact_lock(ledger_lock(NEW.tenant_id));
            ELSE
                PERFORM pg_advisory_xact_lock_shared(ledger_lock(NEW.tenant_id));
            END IF;
            IF TG_OP = 'UPDATE' AND (
                (NEW.tenant_id, NEW.fiscal_year) <> (OLD.tenant_id, OLD.fiscal_year)
                OR (OLD.state, NEW.state) NOT IN (('open', 'closing'), ('closing', 'open'), ('closing', 'closed'))
            ) THEN
                RAISE EXCEPTION 'the fiscal year % cannot go from % to %', OLD.fiscal_year, OLD.state, NEW.state
                    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_period_moves';
            END IF;
            IF TG_OP = 'INSERT' AND (
                NEW.state <> 'open'
                OR EXISTS (
                    SELECT FROM ledger_period AS later
                        WHERE later.tenant_id = NEW.tenant_id AND later.fiscal_year > NEW.fiscal_year
                            AND later.state = 'closed'
                )
            ) THEN
                RAISE EXCEPTION 'the fiscal year % cannot be opened as %', NEW.fiscal_year, NEW.state
                    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_period_moves';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER ledger_period_moves BEFORE INSERT OR UPDATE ON ledger_period
            FOR EACH ROW EXECUTE FUNCTION ledger_period_moves()
        """
    )
    op.execute(
        """
        CREATE TRIGGER refuse_removal BEFORE DELETE OR TRUNCATE ON ledger_period
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
        """
    )
    op.execute(
        """
        CREATE TRIGGER refuse_removal BEFORE DELETE OR TRUNCATE ON ledger_balance
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
        """
    )
