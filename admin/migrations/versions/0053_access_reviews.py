"""Access reviews: the list of a tenant's people and systems as of a day, the decisions on it, and the signature."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from admin.migrations.protection import allow_tenants, protect, written_by_operator

revision = "0053"
down_revision = "0052"


def upgrade() -> None:
    op.create_table(
        "access_review",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("started_by", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed_by", sa.String()),
        sa.Column("signed_at", sa.DateTime(timezone=True)),
        sa.Column("digest", sa.String()),
        sa.Column("cancelled_by", sa.String()),
        sa.Column("cancelled_at", sa.DateTime(timezone=True)),
        sa.Column("cancel_reason", sa.String()),
        sa.CheckConstraint(
            "(signed_at IS NULL) = (signed_by IS NULL) AND (signed_at IS NULL) = (digest IS NULL)",
            name=op.f("ck_access_review_signed_whole"),
        ),
        sa.CheckConstraint(
            "(cancelled_at IS NULL) = (cancelled_by IS NULL) AND (cancelled_at IS NULL) = (cancel_reason IS NULL)",
            name=op.f("ck_access_review_cancelled_whole"),
        ),
        sa.CheckConstraint("signed_at IS NULL OR cancelled_at IS NULL", name=op.f("ck_access_review_one_end")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_access_review_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_review")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_access_review_tenant_id_id")),
    )
    op.create_index(
        "uq_access_review_open",
        "access_review",
        ["tenant_id"],
        unique=True,
        postgresql_where=sa.text("signed_at IS NULL AND cancelled_at IS NULL"),
    )
    op.create_table(
        "access_review_line",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("review_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("member_id", sa.Uuid()),
        sa.Column("client_id", sa.Uuid()),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("section", sa.String()),
        sa.Column("rights", postgresql.JSONB(), nullable=False),
        sa.Column("last_used_on", sa.Date()),
        sa.Column("decision", sa.String()),
        sa.Column("ended_roles", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("reason", sa.String()),
        sa.Column("decided_by", sa.String()),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("kind IN ('person', 'client')", name=op.f("ck_access_review_line_kind_known")),
        sa.CheckConstraint(
            "decision IN ('keep', 'end-roles', 'suspend')", name=op.f("ck_access_review_line_decision_known")
        ),
        sa.CheckConstraint(
            "(kind = 'person') = (member_id IS NOT NULL) AND (kind = 'client') = (client_id IS NOT NULL)",
            name=op.f("ck_access_review_line_one_subject"),
        ),
        sa.CheckConstraint(
            "(decision IS NULL) = (decided_by IS NULL) AND (decision IS NULL) = (decided_at IS NULL)",
            name=op.f("ck_access_review_line_decided_whole"),
        ),
        sa.CheckConstraint(
            "decision IS NULL OR decision = 'keep' OR reason IS NOT NULL",
            name=op.f("ck_access_review_line_withdrawn_with_reason"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_access_review_line_tenant_id")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "review_id"],
            ["access_review.tenant_id", "access_review.id"],
            name=op.f("fk_access_review_line_tenant_id_review_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"],
            ["member.tenant_id", "member.id"],
            name=op.f("fk_access_review_line_tenant_id_member_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "client_id"],
            ["service_client.tenant_id", "service_client.id"],
            name=op.f("fk_access_review_line_tenant_id_client_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_review_line")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_access_review_line_tenant_id_id")),
        sa.UniqueConstraint(
            "tenant_id", "review_id", "member_id", name=op.f("uq_access_review_line_tenant_id_review_id_member_id")
        ),
        sa.UniqueConstraint(
            "tenant_id", "review_id", "client_id", name=op.f("uq_access_review_line_tenant_id_review_id_client_id")
        ),
    )
    op.create_table(
        "access_review_reminder",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("review_id", sa.Uuid(), nullable=False),
        sa.Column("reminded_on", sa.Date(), nullable=False),
        sa.Column("reminded_by", sa.String(), nullable=False),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_access_review_reminder_tenant_id")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "review_id"],
            ["access_review.tenant_id", "access_review.id"],
            name=op.f("fk_access_review_reminder_tenant_id_review_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_review_reminder")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_access_review_reminder_tenant_id_id")),
        sa.UniqueConstraint(
            "tenant_id",
            "review_id",
            "reminded_on",
            name=op.f("uq_access_review_reminder_tenant_id_review_id_reminded_on"),
        ),
    )
    protect("access_review")
    protect("access_review_line")
    protect("access_review_reminder", append_only=True)
    written_by_operator("access_review_reminder")
    allow_tenants()
