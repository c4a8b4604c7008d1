"""What people had entered: kept, encrypted, for who comes back to it; and which session a cookie was of that ended.

Both for hours at most, and neither is in a backup.
"""

import sqlalchemy as sa
from alembic import op

from admin.migrations.protection import allow_tenants, protect

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.create_table(
        "ended_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("csrf_secret", sa.String(), nullable=False),
        sa.Column("is_idle", sa.Boolean(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(secret_hash) = 64", name=op.f("ck_ended_session_secret_hash_whole")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_ended_session_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ended_session")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_ended_session_tenant_id_id")),
        sa.UniqueConstraint("tenant_id", "secret_hash", name=op.f("uq_ended_session_tenant_id_secret_hash")),
    )
    op.create_index("ix_ended_session_ended_at", "ended_session", ["ended_at"], unique=False)
    op.create_table(
        "kept_form",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("form_key", sa.String(), nullable=False),
        sa.Column("content_encrypted", sa.String(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_kept_form_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_form")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_kept_form_tenant_id_id")),
        sa.UniqueConstraint(
            "tenant_id",
            "person_id",
            "address",
            "form_key",
            name=op.f("uq_kept_form_tenant_id_person_id_address_form_key"),
        ),
    )
    op.create_index("ix_kept_form_expires_at", "kept_form", ["expires_at"], unique=False)
    for table in ("ended_session", "kept_form"):
        protect(table)
    allow_tenants()
