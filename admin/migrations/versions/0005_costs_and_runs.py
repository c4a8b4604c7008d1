"""Rules and their versions, costs, allocation runs with shares and workings, notices; and what may move in them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from admin.migrations.protection import APP_ROLE, protect, protect_shared, written_by_operator

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    _make_rules_and_costs()
    _make_runs()
    _make_notices()
    _protect()
    _keep()


def _make_rules_and_costs() -> None:
    op.create_table(
        "rule",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('cost_sharing')", name=op.f("ck_rule_kind_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule")),
        sa.UniqueConstraint("name", name=op.f("uq_rule_name")),
    )
    op.create_table(
        "rule_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("body_hash", sa.String(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("drafted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("drafted_by", sa.String(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("decision_number", sa.String(), nullable=True),
        sa.Column("decided_on", sa.Date(), nullable=True),
        sa.Column("adopted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("adopted_by", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(adopted_at IS NULL) = (decided_by IS NULL) AND (adopted_at IS NULL) = (decision_number IS NULL) "
            "AND (adopted_at IS NULL) = (decided_on IS NULL) AND (adopted_at IS NULL) = (adopted_by IS NULL)",
            name=op.f("ck_rule_version_adopted_whole"),
        ),
        sa.CheckConstraint("number >= 1", name=op.f("ck_rule_version_number_from_one")),
        sa.CheckConstraint("valid_until IS NULL OR valid_until > valid_from", name=op.f("ck_rule_version_interval")),
        sa.ForeignKeyConstraint(["rule_id"], ["rule.id"], name=op.f("fk_rule_version_rule_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_version")),
        sa.UniqueConstraint("rule_id", "number", name=op.f("uq_rule_version_rule_id_number")),
    )
    op.create_table(
        "cost_pool",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("defined_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["rule_id"], ["rule.id"], name=op.f("fk_cost_pool_rule_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cost_pool")),
        sa.UniqueConstraint("name", name=op.f("uq_cost_pool_name")),
    )
    op.create_table(
        "cost_item",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("pool_id", sa.Uuid(), nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("yen", sa.BigInteger(), nullable=False),
        sa.Column("tax_kind", sa.String(), nullable=False),
        sa.Column("tax_reason", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("incurred_on", sa.Date(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.String(), nullable=True),
        sa.Column("withdrawn_reason", sa.String(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('cost', 'grant', 'other_revenue', 'carry_over')", name=op.f("ck_cost_item_kind_known")
        ),
        sa.CheckConstraint(
            "tax_kind IN ('out_of_scope', 'exempt', 'zero_rated', 'taxable_10', 'taxable_8')",
            name=op.f("ck_cost_item_tax_kind_known"),
        ),
        sa.CheckConstraint("tax_reason <> '' AND source <> '' AND name <> ''", name=op.f("ck_cost_item_words_given")),
        sa.CheckConstraint(
            "(withdrawn_at IS NULL) = (withdrawn_by IS NULL) AND (withdrawn_at IS NULL) = (withdrawn_reason IS NULL)",
            name=op.f("ck_cost_item_withdrawn_whole"),
        ),
        sa.CheckConstraint("yen BETWEEN 1 AND 1000000000000000", name=op.f("ck_cost_item_yen_range")),
        sa.ForeignKeyConstraint(["pool_id"], ["cost_pool.id"], name=op.f("fk_cost_item_pool_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_cost_item_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cost_item")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_cost_item_tenant_id_id")),
    )
    op.create_index("ix_cost_item_fiscal_year", "cost_item", ["tenant_id", "fiscal_year"], unique=False)


def _make_runs() -> None:
    op.create_table(
        "allocation_run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("revises_id", sa.Uuid(), nullable=True),
        sa.Column("total_yen", sa.BigInteger(), nullable=False),
        sa.Column("operator_yen", sa.BigInteger(), nullable=False),
        sa.Column("operator_residual_yen", sa.BigInteger(), nullable=False),
        sa.Column("deductions_yen", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("inputs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("prepared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("prepared_by", sa.String(), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("happened_on", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "(kind = 'revision') = (revises_id IS NOT NULL)", name=op.f("ck_allocation_run_revision_names_its_run")
        ),
        sa.CheckConstraint(
            "(state = 'awaiting_approval') = (decided_at IS NULL)", name=op.f("ck_allocation_run_decided_when_moved")
        ),
        sa.CheckConstraint(
            "(state = 'posted') = (happened_on IS NOT NULL)", name=op.f("ck_allocation_run_posted_has_a_date")
        ),
        sa.CheckConstraint("kind IN ('estimate', 'revision')", name=op.f("ck_allocation_run_kind_known")),
        sa.CheckConstraint(
            "state IN ('awaiting_approval', 'posted', 'rejected')", name=op.f("ck_allocation_run_state_known")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "revises_id"],
            ["allocation_run.tenant_id", "allocation_run.id"],
            name=op.f("fk_allocation_run_tenant_id_revises_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_allocation_run_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocation_run")),
        sa.UniqueConstraint(
            "tenant_id", "fiscal_year", "number", name=op.f("uq_allocation_run_tenant_id_fiscal_year_number")
        ),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_allocation_run_tenant_id_id")),
    )
    op.create_index(
        "uq_allocation_run_estimate",
        "allocation_run",
        ["tenant_id", "fiscal_year"],
        unique=True,
        postgresql_where="kind = 'estimate' AND state <> 'rejected'",
    )
    op.create_index(
        "uq_allocation_run_open",
        "allocation_run",
        ["tenant_id", "fiscal_year"],
        unique=True,
        postgresql_where="state = 'awaiting_approval'",
    )
    op.create_table(
        "allocation_share",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("operator_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("run_number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("share_yen", sa.BigInteger(), nullable=False),
        sa.Column("previous_yen", sa.BigInteger(), nullable=False),
        sa.Column("divisions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("share_yen >= 0 AND previous_yen >= 0", name=op.f("ck_allocation_share_not_negative")),
        sa.ForeignKeyConstraint(
            ["operator_id", "run_id"],
            ["allocation_run.tenant_id", "allocation_run.id"],
            name=op.f("fk_allocation_share_operator_id_run_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_allocation_share_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocation_share")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_allocation_share_tenant_id_id")),
        sa.UniqueConstraint("tenant_id", "run_id", name=op.f("uq_allocation_share_tenant_id_run_id")),
    )
    op.create_index("ix_allocation_share_run", "allocation_share", ["run_id"], unique=False)
    op.create_table(
        "allocation_working",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("share_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("rule_version_id", sa.Uuid(), nullable=False),
        sa.Column("component", sa.String(), nullable=False),
        sa.Column("basis", sa.String(), nullable=False),
        sa.Column("figure_date", sa.Date(), nullable=True),
        sa.Column("figure_source", sa.String(), nullable=True),
        sa.Column("pool_yen", sa.BigInteger(), nullable=False),
        sa.Column("ratio", sa.String(), nullable=False),
        sa.Column("weight", sa.String(), nullable=False),
        sa.Column("weight_total", sa.String(), nullable=False),
        sa.Column("exact_yen", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["rule_version_id"], ["rule_version.id"], name=op.f("fk_allocation_working_rule_version_id")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "share_id"],
            ["allocation_share.tenant_id", "allocation_share.id"],
            name=op.f("fk_allocation_working_tenant_id_share_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_allocation_working_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocation_working")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_allocation_working_tenant_id_id")),
        sa.UniqueConstraint(
            "tenant_id", "share_id", "place", name=op.f("uq_allocation_working_tenant_id_share_id_place")
        ),
    )


def _make_notices() -> None:
    op.create_table(
        "notice",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("share_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("amount_yen", sa.BigInteger(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("is_example", sa.Boolean(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("pdf", sa.LargeBinary(), nullable=False),
        sa.Column("pdf_sha256", sa.String(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_by", sa.String(), nullable=False),
        sa.CheckConstraint("(amount_yen > 0) = (due_on IS NOT NULL)", name=op.f("ck_notice_due_where_payable")),
        sa.CheckConstraint("due_on >= issued_on", name=op.f("ck_notice_due_after_issue")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "share_id"],
            ["allocation_share.tenant_id", "allocation_share.id"],
            name=op.f("fk_notice_tenant_id_share_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_notice_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_notice_tenant_id_id")),
        sa.UniqueConstraint("tenant_id", "number", name=op.f("uq_notice_tenant_id_number")),
        sa.UniqueConstraint("tenant_id", "share_id", name=op.f("uq_notice_tenant_id_share_id")),
    )


def _protect() -> None:
    protect_shared("rule")
    protect_shared("rule_version")
    protect_shared("cost_pool", append_only=True)
    protect("cost_item")
    protect("allocation_run")
    protect("allocation_share")
    protect("allocation_working", append_only=True)
    protect("notice", append_only=True)
    written_by_operator("cost_item")
    written_by_operator("allocation_run")
    written_by_operator("allocation_share", shown_when="posted_at IS NOT NULL")
    written_by_operator(
        "allocation_working",
        shown_when="EXISTS (SELECT FROM allocation_share AS share WHERE share.tenant_id = allocation_working.tenant_id "
        "AND share.id = allocation_working.share_id)",
    )
    written_by_operator("notice")


def _keep() -> None:
    """What was decided, recorded or posted stays: only the columns named here move, and none comes back."""
    op.execute(
        """
        CREATE FUNCTION only_these_move() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            -- Without an argument TG_ARGV is null and not empty, and nothing would differ from nothing.
            moving text[] := coalesce(TG_ARGV::text[], '{}');
        BEGIN
            IF to_jsonb(NEW) - moving IS DISTINCT FROM to_jsonb(OLD) - moving THEN
                RAISE EXCEPTION 'of this row of % only % may change', TG_TABLE_NAME, moving
                    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'only_these_move';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    _moves(
        "rule_version",
        "OLD.adopted_at IS NULL",
        "decided_by",
        "decision_number",
        "decided_on",
        "adopted_at",
        "adopted_by",
    )
    _moves("rule_version", "OLD.adopted_at IS NOT NULL", "valid_until")
    _moves("cost_item", "OLD.withdrawn_at IS NULL", "withdrawn_at", "withdrawn_by", "withdrawn_reason")
    _moves("cost_item", "OLD.withdrawn_at IS NOT NULL")
    _moves("allocation_run", "OLD.state = 'awaiting_approval'", "state", "decided_at", "happened_on")
    _moves("allocation_run", "OLD.state <> 'awaiting_approval'")
    _moves("allocation_share", "OLD.posted_at IS NULL", "posted_at")
    _moves("allocation_share", "OLD.posted_at IS NOT NULL")
    _moves("rule", "true")
    for table in ("rule", "rule_version", "cost_item", "allocation_run", "allocation_share"):
        op.execute(f"REVOKE DELETE ON {table} FROM {APP_ROLE}")
        op.execute(
            f"CREATE TRIGGER refuse_removal BEFORE DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    _keep_sums()


def _moves(table: str, when: str, *columns: str) -> None:
    """A row for which `when` holds may change in these columns only; in none, where none is named."""
    name = f"only_{'_'.join(columns[:1]) or 'nothing'}_moves"
    names = ", ".join(f"'{column}'" for column in columns)
    op.execute(
        f"CREATE TRIGGER {name} BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({when}) "
        f"EXECUTE FUNCTION only_these_move({names})"
    )


def _keep_sums() -> None:
    """A run adds up when it is made and again when it is decided; after that it takes no share."""
    op.execute(
        """
        CREATE FUNCTION allocation_run_adds_up() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            given_out numeric;
        BEGIN
            SELECT coalesce(sum(share.share_yen), 0) INTO given_out
                FROM allocation_share AS share WHERE share.run_id = NEW.id;
            IF given_out + NEW.operator_yen + NEW.operator_residual_yen + NEW.deductions_yen <> NEW.total_yen THEN
                RAISE EXCEPTION 'run % does not add up: shares of % yen, total % yen', NEW.id, given_out, NEW.total_yen
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'allocation_run_adds_up';
            END IF;
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        """
        CREATE CONSTRAINT TRIGGER allocation_run_adds_up AFTER INSERT OR UPDATE ON allocation_run
            DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION allocation_run_adds_up()
        """
    )
    op.execute(
        """
        CREATE FUNCTION allocation_share_of_open_run() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (
                SELECT FROM added
                    JOIN allocation_run AS run ON run.tenant_id = added.operator_id AND run.id = added.run_id
                    WHERE run.state <> 'awaiting_approval'
            ) THEN
                RAISE EXCEPTION 'a run that was decided takes no share'
                    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'allocation_share_of_open_run';
            END IF;
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER allocation_share_of_open_run AFTER INSERT ON allocation_share
            REFERENCING NEW TABLE AS added
            FOR EACH STATEMENT EXECUTE FUNCTION allocation_share_of_open_run()
        """
    )
