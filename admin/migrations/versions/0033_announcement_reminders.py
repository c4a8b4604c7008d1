"""Reminders of announcements that a tenant has not confirmed: on one day once for each tenant and announcement."""

import sqlalchemy as sa
from alembic import op

from admin.migrations.protection import allow_tenants, protect, written_by_operator

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    op.create_table(
        "announcement_reminder",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("recipient_id", sa.Uuid(), nullable=False),
        sa.Column("reminded_on", sa.Date(), nullable=False),
        sa.Column("reminded_by", sa.String(), nullable=False),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_announcement_reminder_tenant_id")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "recipient_id"],
            ["announcement_recipient.tenant_id", "announcement_recipient.id"],
            name=op.f("fk_announcement_reminder_tenant_id_recipient_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcement_reminder")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_announcement_reminder_tenant_id_id")),
        sa.UniqueConstraint(
            "tenant_id",
            "recipient_id",
            "reminded_on",
            name=op.f("uq_announcement_reminder_tenant_id_recipient_id_reminded_on"),
        ),
    )
    protect("announcement_reminder", append_only=True)
    written_by_operator("announcement_reminder")
    allow_tenants()
