"""How long a login lasts is a setting of the operator, with versions. Without one it lasts as before."""

import sqlalchemy as sa
from alembic import op

from admin.migrations.protection import allow_tenants, protect_shared

revision = "0057"
down_revision = "0056"


def upgrade() -> None:
    op.create_table(
        "sign_in_limits",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("idle_minutes", sa.Integer(), nullable=False),
        sa.Column("longest_hours", sa.Integer(), nullable=False),
        sa.Column("step_up_minutes", sa.Integer(), nullable=False),
        sa.Column("set_by", sa.String(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("number > 0", name=op.f("ck_sign_in_limits_number_positive")),
        sa.CheckConstraint("idle_minutes BETWEEN 5 AND 120", name=op.f("ck_sign_in_limits_idle_within")),
        sa.CheckConstraint("longest_hours BETWEEN 1 AND 24", name=op.f("ck_sign_in_limits_longest_within")),
        sa.CheckConstraint("step_up_minutes BETWEEN 1 AND 60", name=op.f("ck_sign_in_limits_step_up_within")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_limits")),
        sa.UniqueConstraint("number", name=op.f("uq_sign_in_limits_number")),
    )
    protect_shared("sign_in_limits", append_only=True)
    allow_tenants()
