"""Mails that were sent or tried, and what became of each."""

import sqlalchemy as sa
from alembic import op

from admin.migrations.protection import allow_tenants, protect, written_by_operator

revision = "0052"
down_revision = "0051"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "sent_mail",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("tried_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("problem", sa.String(), nullable=True),
        sa.CheckConstraint("state IN ('sending', 'sent', 'failed')", name=op.f("ck_sent_mail_state_known")),
        sa.CheckConstraint("(problem IS NOT NULL) = (state = 'failed')", name=op.f("ck_sent_mail_problem_when_failed")),
        sa.CheckConstraint("(ended_at IS NULL) = (state = 'sending')", name=op.f("ck_sent_mail_ended_unless_sending")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_sent_mail_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sent_mail")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_sent_mail_tenant_id_id")),
        sa.UniqueConstraint(
            "tenant_id", "job_id", "address", "subject", name=op.f("uq_sent_mail_tenant_id_job_id_address_subject")
        ),
    )
    op.create_index("ix_sent_mail_asked_at", "sent_mail", ["asked_at", "id"])
    protect("sent_mail")
    written_by_operator("sent_mail")
    allow_tenants()
