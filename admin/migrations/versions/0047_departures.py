"""A tenant's notice that it leaves, with its last day, and the archives of its records that it is handed."""

import sqlalchemy as sa
from alembic import op

from admin.migrations.protection import APP_ROLE, allow_tenants, protect, written_by_operator

revision = "0047"
down_revision = "0046"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "departure",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("notified_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("announced_by", sa.String(), nullable=False),
        sa.Column("announced_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.CheckConstraint("ends_on > notified_on", name=op.f("ck_departure_ends_after_notice")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_departure_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_departure")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_departure_tenant_id_id")),
    )
    op.create_index(
        "uq_departure_open", "departure", ["tenant_id"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_table(
        "hand_back",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("requested_at", moment, nullable=False),
        sa.Column("made_at", moment, nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "(made_at IS NULL) = (content IS NULL) AND (made_at IS NULL) = (sha256 IS NULL)",
            name=op.f("ck_hand_back_made_whole"),
        ),
        sa.CheckConstraint("sha256 = encode(sha256(content), 'hex')", name=op.f("ck_hand_back_hash_of_content")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_hand_back_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hand_back")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_hand_back_tenant_id_id")),
    )
    protect("departure")
    written_by_operator("departure")
    # What was announced never changes; that it is over is added.
    op.execute(f"REVOKE UPDATE, DELETE ON departure FROM {APP_ROLE}")
    op.execute(f"GRANT UPDATE (ended_at) ON departure TO {APP_ROLE}")
    protect("hand_back")
    op.execute(f"REVOKE UPDATE, DELETE ON hand_back FROM {APP_ROLE}")
    op.execute(f"GRANT UPDATE (made_at, sha256, content) ON hand_back TO {APP_ROLE}")
    allow_tenants()
