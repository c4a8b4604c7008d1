"""Tenants' intent: moves, figures, contacts, people, service clients, plans and quotas; agreements; onboarding."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from admin.migrations.protection import protect, protect_shared

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "agreement",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreement")),
        sa.UniqueConstraint("name", name=op.f("uq_agreement_name")),
    )
    op.create_table(
        "plan",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan")),
        sa.UniqueConstraint("name", name=op.f("uq_plan_name")),
    )
    op.create_table(
        "quota_dimension",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("measure", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(measure = 'counter') = (period IS NOT NULL)", name=op.f("ck_quota_dimension_counter_has_period")
        ),
        sa.CheckConstraint("measure IN ('gauge', 'counter')", name=op.f("ck_quota_dimension_measure_known")),
        sa.CheckConstraint("period IN ('month')", name=op.f("ck_quota_dimension_period_known")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_quota_dimension")),
    )
    op.create_table(
        "agreement_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agreement_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("mandatory", sa.Boolean(), nullable=False),
        sa.Column("published_by", sa.String(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("language IN ('ja', 'en')", name=op.f("ck_agreement_version_language_known")),
        sa.CheckConstraint(
            "sha256 = encode(sha256(convert_to(text, 'UTF8')), 'hex')", name=op.f("ck_agreement_version_hash_of_text")
        ),
        sa.CheckConstraint("number >= 1", name=op.f("ck_agreement_version_number_counts")),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreement.id"], name=op.f("fk_agreement_version_agreement_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreement_version")),
        sa.UniqueConstraint("agreement_id", "number", name=op.f("uq_agreement_version_agreement_id_number")),
    )
    op.create_table(
        "plan_quota",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("dimension", sa.String(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.CheckConstraint("valid_until IS NULL OR valid_until >= valid_from", name=op.f("ck_plan_quota_interval")),
        sa.CheckConstraint("value >= 0", name=op.f("ck_plan_quota_value_not_negative")),
        sa.ForeignKeyConstraint(["dimension"], ["quota_dimension.name"], name=op.f("fk_plan_quota_dimension")),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_plan_quota_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_quota")),
    )
    op.create_index(
        "uq_plan_quota_open",
        "plan_quota",
        ["plan_id", "dimension"],
        unique=True,
        postgresql_where="valid_until IS NULL",
    )
    op.create_table(
        "acceptance",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("signer_name", sa.String(), nullable=False),
        sa.Column("signer_title", sa.String(), nullable=False),
        sa.Column("on_behalf_of", sa.String(), nullable=False),
        sa.Column("authority", sa.String(), nullable=False),
        sa.Column("signed_on", sa.Date(), nullable=False),
        sa.Column("accepted_by", sa.String(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_acceptance_tenant_id")),
        sa.ForeignKeyConstraint(["version_id"], ["agreement_version.id"], name=op.f("fk_acceptance_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acceptance")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_acceptance_tenant_id_id")),
        sa.UniqueConstraint("tenant_id", "version_id", name=op.f("uq_acceptance_tenant_id_version_id")),
    )
    op.create_table(
        "contact",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("section", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "purpose IN ('general', 'technical', 'finance', 'security')", name=op.f("ck_contact_purpose_known")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_contact_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_contact_tenant_id_id")),
        sa.UniqueConstraint("tenant_id", "purpose", name=op.f("uq_contact_tenant_id_purpose")),
    )
    op.create_table(
        "member",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("family_name", sa.String(), nullable=False),
        sa.Column("given_name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("email_key", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("keycloak_id", sa.String(), nullable=True),
        sa.Column("password_mail_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("added_by", sa.String(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('invited', 'active', 'suspended', 'removed')", name=op.f("ck_member_state_known")
        ),
        sa.CheckConstraint("email_key = lower(email)", name=op.f("ck_member_email_key_folded")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_member_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member")),
        sa.UniqueConstraint("tenant_id", "person_id", name=op.f("uq_member_tenant_id_person_id")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_member_tenant_id_id")),
    )
    op.create_index(
        "uq_member_email", "member", ["tenant_id", "email_key"], unique=True, postgresql_where="state <> 'removed'"
    )
    op.create_table(
        "quota_request",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("dimension", sa.String(), nullable=False),
        sa.Column("original_value", sa.BigInteger(), nullable=True),
        sa.Column("requested_value", sa.BigInteger(), nullable=True),
        sa.Column("decided_value", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('open', 'approved', 'rejected')", name=op.f("ck_quota_request_state_known")),
        sa.CheckConstraint("decided_value >= 0", name=op.f("ck_quota_request_decided_not_negative")),
        sa.CheckConstraint("requested_value >= 0", name=op.f("ck_quota_request_requested_not_negative")),
        sa.ForeignKeyConstraint(["dimension"], ["quota_dimension.name"], name=op.f("fk_quota_request_dimension")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_quota_request_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quota_request")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_quota_request_tenant_id_id")),
    )
    op.create_index(
        "uq_quota_request_open",
        "quota_request",
        ["tenant_id", "dimension"],
        unique=True,
        postgresql_where="state = 'open'",
    )
    op.create_table(
        "service_client",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("jwks", sa.String(), nullable=False),
        sa.Column("scopes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("keycloak_id", sa.String(), nullable=True),
        sa.Column("registered_by", sa.String(), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('registered', 'active', 'stopped')", name=op.f("ck_service_client_state_known")),
        sa.CheckConstraint("valid_until IS NULL OR valid_until >= valid_from", name=op.f("ck_service_client_interval")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_service_client_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_client")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_service_client_tenant_id_id")),
    )
    op.create_index(
        "uq_service_client_name",
        "service_client",
        ["tenant_id", "name"],
        unique=True,
        postgresql_where="state <> 'stopped'",
    )
    op.create_table(
        "statistic",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("basis_date", sa.Date(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("supersedes_id", sa.Uuid(), nullable=True),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('population', 'households', 'area_km2', 'fiscal_index')", name=op.f("ck_statistic_kind_known")
        ),
        sa.CheckConstraint("value ~ '^[0-9]{1,12}(\\.[0-9]{1,6})?$'", name=op.f("ck_statistic_value_form")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "supersedes_id"],
            ["statistic.tenant_id", "statistic.id"],
            name=op.f("fk_statistic_tenant_id_supersedes_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_statistic_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statistic")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_statistic_tenant_id_id")),
        sa.UniqueConstraint("tenant_id", "supersedes_id", name=op.f("uq_statistic_tenant_id_supersedes_id")),
    )
    op.create_index("ix_statistic_kind", "statistic", ["kind", "tenant_id", "basis_date"], unique=False)
    op.create_index(
        "uq_statistic_first",
        "statistic",
        ["tenant_id", "kind", "basis_date"],
        unique=True,
        postgresql_where="supersedes_id IS NULL",
    )
    op.create_table(
        "tenant_move",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("from_state", sa.String(), nullable=False),
        sa.Column("to_state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("moved_by", sa.String(), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "from_state IN ('applied', 'screening', 'agreed', 'provisioning', 'trial', 'active', 'suspended', "
            "'leaving', 'left')",
            name=op.f("ck_tenant_move_from_known"),
        ),
        sa.CheckConstraint(
            "to_state IN ('applied', 'screening', 'agreed', 'provisioning', 'trial', 'active', 'suspended', "
            "'leaving', 'left')",
            name=op.f("ck_tenant_move_to_known"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_tenant_move_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenant_move")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_tenant_move_tenant_id_id")),
    )
    op.create_table(
        "tenant_plan",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("chosen_by", sa.String(), nullable=False),
        sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("valid_until IS NULL OR valid_until >= valid_from", name=op.f("ck_tenant_plan_interval")),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_tenant_plan_plan_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_tenant_plan_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenant_plan")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_tenant_plan_tenant_id_id")),
    )
    op.create_index(
        "uq_tenant_plan_open", "tenant_plan", ["tenant_id"], unique=True, postgresql_where="valid_until IS NULL"
    )
    op.create_table(
        "quota_override",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("dimension", sa.String(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("valid_until IS NULL OR valid_until >= valid_from", name=op.f("ck_quota_override_interval")),
        sa.CheckConstraint("value >= 0", name=op.f("ck_quota_override_value_not_negative")),
        sa.ForeignKeyConstraint(["dimension"], ["quota_dimension.name"], name=op.f("fk_quota_override_dimension")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "request_id"],
            ["quota_request.tenant_id", "quota_request.id"],
            name=op.f("fk_quota_override_tenant_id_request_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_quota_override_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quota_override")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_quota_override_tenant_id_id")),
    )
    op.create_index(
        "uq_quota_override_open",
        "quota_override",
        ["tenant_id", "dimension"],
        unique=True,
        postgresql_where="valid_until IS NULL",
    )
    # Dimensions are data that code counts by, so they come with the schema. Before the protection, which holds the
    # owner too.
    op.bulk_insert(
        sa.table("quota_dimension", *(sa.column(name) for name in _DIMENSION_COLUMNS)),
        [dict(zip(_DIMENSION_COLUMNS, row, strict=True)) for row in _DIMENSIONS],
    )
    for table in ("agreement", "plan", "quota_dimension", "plan_quota"):
        protect_shared(table)
    protect_shared("agreement_version", append_only=True)
    for table in ("acceptance", "statistic", "tenant_move"):
        protect(table, append_only=True)
    for table in ("contact", "member", "quota_override", "quota_request", "service_client", "tenant_plan"):
        protect(table)
    op.create_table(
        "onboarding",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("cohort_id", sa.Uuid(), nullable=True),
        sa.Column("plan_digest", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_owner", sa.String(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'waiting', 'done', 'failed')", name=op.f("ck_onboarding_state_known")
        ),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohort.id"], name=op.f("fk_onboarding_cohort_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_onboarding_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_onboarding")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_onboarding_tenant_id_id")),
    )
    op.create_index("ix_onboarding_due", "onboarding", ["retry_at"], postgresql_where="state <> 'done'")
    op.create_index("uq_onboarding_open", "onboarding", ["tenant_id"], unique=True, postgresql_where="state <> 'done'")
    op.create_table(
        "onboarding_step",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("onboarding_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("faults", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("outcome", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("attempts >= 0 AND faults >= 0", name=op.f("ck_onboarding_step_counts")),
        sa.CheckConstraint(
            "name IN ('organization', 'role_groups', 'first_owner', 'password_mail', 'people', 'service_client', "
            "'quotas', 'agreement', 'membership')",
            name=op.f("ck_onboarding_step_name_known"),
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'waiting', 'done', 'skipped', 'failed')",
            name=op.f("ck_onboarding_step_state_known"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "onboarding_id"],
            ["onboarding.tenant_id", "onboarding.id"],
            name=op.f("fk_onboarding_step_tenant_id_onboarding_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_onboarding_step_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_onboarding_step")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_onboarding_step_tenant_id_id")),
        sa.UniqueConstraint(
            "tenant_id", "onboarding_id", "name", name=op.f("uq_onboarding_step_tenant_id_onboarding_id_name")
        ),
    )
    protect("onboarding")
    protect("onboarding_step")
    op.execute(_ONLY_THE_END_MAY_MOVE)
    for table in ("plan_quota", "quota_override", "tenant_plan"):
        op.execute(
            f"CREATE TRIGGER only_the_end_may_move BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION only_the_end_may_move()"
        )
    op.execute(_ACTIVE_HAS_ACCEPTED)
    op.execute(
        "CREATE TRIGGER tenant_active_has_accepted BEFORE INSERT OR UPDATE ON tenant "
        "FOR EACH ROW WHEN (NEW.state = 'active' AND NOT NEW.is_operator) EXECUTE FUNCTION active_has_accepted()"
    )


_DIMENSION_COLUMNS = ("place", "name", "label", "unit", "measure", "period")
_DIMENSIONS = (
    (1, "api_calls", "API 呼出し", "回", "counter", "month"),
    (2, "storage_gib", "保存容量", "GiB", "gauge", None),
    (3, "users", "利用者", "人", "gauge", None),
    (4, "service_clients", "API利用者(システム)", "件", "gauge", None),
)

# A value that was in force is history: superseding it means closing its interval, once, and adding another row.
_ONLY_THE_END_MAY_MOVE = """
    CREATE FUNCTION only_the_end_may_move() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' OR OLD.valid_until IS NOT NULL
           OR to_jsonb(NEW) - 'valid_until' <> to_jsonb(OLD) - 'valid_until' THEN
            RAISE EXCEPTION '%: only an open end may move, once', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
"""

# The last wall behind move_tenant: for every agreement that binds today, its newest mandatory version is accepted, and
# there is at least one. Runs with the caller's rights, so a tenant's own acceptances are all it can see and needs.
_ACTIVE_HAS_ACCEPTED = """
    CREATE FUNCTION active_has_accepted() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        today date := (now() AT TIME ZONE 'Asia/Tokyo')::date;
    BEGIN
        IF TG_OP = 'UPDATE' AND OLD.state = NEW.state THEN
            RETURN NEW;
        END IF;
        IF NOT EXISTS (
            SELECT FROM acceptance a JOIN agreement_version v ON v.id = a.version_id
            WHERE a.tenant_id = NEW.id AND v.effective_from <= today
        ) OR EXISTS (
            SELECT FROM (
                SELECT DISTINCT ON (agreement_id) id FROM agreement_version
                WHERE mandatory AND effective_from <= today
                ORDER BY agreement_id, number DESC
            ) binding
            WHERE NOT EXISTS (SELECT FROM acceptance a WHERE a.tenant_id = NEW.id AND a.version_id = binding.id)
        ) THEN
            RAISE EXCEPTION 'tenant % has no acceptance in force and cannot be active', NEW.id
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
"""
