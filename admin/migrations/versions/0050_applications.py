"""Applications to take part: what they say, their files, how they were screened and what was decided about them.

All of it is the operator's. What was submitted, stated and decided is only ever added. A request for approval may be
about an application.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from admin.migrations.protection import allow_tenants, protect, written_by_operator

revision = "0050"
down_revision = "0049"

_KNOWN = (
    "second_person IN ('money', 'rules', 'settings', 'roles', 'second-factors', 'applications', 'owners', "
    "'owners-absent')"
)


def _of_application(table: str) -> tuple[sa.Constraint, ...]:
    return (
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f(f"fk_{table}_tenant_id")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "application_id"],
            ["application.tenant_id", "application.id"],
            name=op.f(f"fk_{table}_tenant_id_application_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f(f"uq_{table}_tenant_id_id")),
    )


def _ids() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
    )


def upgrade() -> None:
    moment, json = sa.DateTime(timezone=True), postgresql.JSONB()
    op.create_table(
        "application",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("content", json, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("link_number", sa.Integer(), nullable=False),
        sa.Column("link_expires_at", moment, nullable=False),
        sa.Column("begun_by", sa.String(), nullable=False),
        sa.Column("begun_at", moment, nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.Column("submitted_at", moment, nullable=True),
        sa.Column("joined_tenant_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "number >= 1 AND version >= 1 AND link_number >= 1 AND round >= 0", name=op.f("ck_application_counted")
        ),
        sa.CheckConstraint(
            "(joined_tenant_id IS NULL) = (state <> 'admitted')", name=op.f("ck_application_joined_when_admitted")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_application_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_application_tenant_id_id")),
        sa.UniqueConstraint("tenant_id", "number", name=op.f("uq_application_tenant_id_number")),
    )
    op.create_table(
        "application_submission",
        *_ids(),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("content", json, nullable=False),
        sa.Column("submitted_at", moment, nullable=False),
        *_of_application("application_submission"),
        sa.UniqueConstraint(
            "tenant_id",
            "application_id",
            "round",
            name=op.f("uq_application_submission_tenant_id_application_id_round"),
        ),
    )
    op.create_table(
        "application_attachment",
        *_ids(),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("added_at", moment, nullable=False),
        sa.CheckConstraint(
            "octet_length(content) = size AND size BETWEEN 1 AND 3145728", name=op.f("ck_application_attachment_sized")
        ),
        *_of_application("application_attachment"),
    )
    op.create_index("ix_application_attachment_application_id", "application_attachment", ["application_id"])
    op.create_table(
        "application_screening",
        *_ids(),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("attestations", json, nullable=False),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("screened_by", sa.String(), nullable=False),
        sa.Column("screened_at", moment, nullable=False),
        *_of_application("application_screening"),
    )
    op.create_index("ix_application_screening_application_id", "application_screening", ["application_id"])
    op.create_table(
        "application_decision",
        *_ids(),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reasons", json, nullable=False),
        sa.Column("letter", sa.String(), nullable=False),
        sa.Column("proposed_by", sa.String(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("decided_at", moment, nullable=False),
        sa.CheckConstraint("proposed_by <> decided_by", name=op.f("ck_application_decision_two_people")),
        *_of_application("application_decision"),
        sa.UniqueConstraint(
            "tenant_id", "application_id", "round", name=op.f("uq_application_decision_tenant_id_application_id_round")
        ),
    )
    for table in ("application", "application_attachment"):
        protect(table)
        written_by_operator(table)
    for table in ("application_submission", "application_screening", "application_decision"):
        protect(table, append_only=True)
        written_by_operator(table)
    # Of applications only drafts are ever deleted: 90 days after the last change, 30 days after their link ended.
    op.execute(
        "CREATE POLICY kept ON application AS RESTRICTIVE FOR DELETE "
        "USING (state = 'draft' AND changed_at < now() - interval '90 days')"
    )
    name = op.f("ck_approval_request_second_person_known")
    op.drop_constraint(name, "approval_request", type_="check")
    op.create_check_constraint(name, "approval_request", _KNOWN)
    allow_tenants()
