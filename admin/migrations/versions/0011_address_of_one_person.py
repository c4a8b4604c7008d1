"""Members: why a person is not in Keycloak yet, when to try again, and since when the address is released."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("member", sa.Column("sync_problem", sa.String(), nullable=True))
    op.add_column("member", sa.Column("sync_retry_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("member", sa.Column("address_released_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(
        op.f("ck_member_sync_problem_known"), "member", "sync_problem IN ('address-in-use', 'refused', 'skipped')"
    )
    op.create_check_constraint(
        op.f("ck_member_sync_retry_of_problem"), "member", "sync_retry_at IS NULL OR sync_problem IS NOT NULL"
    )
    op.create_index("ix_member_email_key", "member", ["email_key"], unique=False)
