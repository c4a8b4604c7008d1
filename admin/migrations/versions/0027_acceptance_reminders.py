"""Reminders of agreements that a tenant has not accepted: on one day once for each tenant and version."""

import sqlalchemy as sa
from alembic import op

from admin.migrations.protection import allow_tenants, protect, written_by_operator

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.create_table(
        "acceptance_reminder",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("reminded_on", sa.Date(), nullable=False),
        sa.Column("reminded_by", sa.String(), nullable=False),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_acceptance_reminder_tenant_id")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["agreement_version.id"], name=op.f("fk_acceptance_reminder_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acceptance_reminder")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_acceptance_reminder_tenant_id_id")),
        sa.UniqueConstraint(
            "tenant_id",
            "version_id",
            "reminded_on",
            name=op.f("uq_acceptance_reminder_tenant_id_version_id_reminded_on"),
        ),
    )
    protect("acceptance_reminder", append_only=True)
    written_by_operator("acceptance_reminder")
    allow_tenants()
