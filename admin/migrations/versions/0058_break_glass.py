"""The emergency role is given for one hour, by two people."""

import sqlalchemy as sa
from alembic import op

from admin.migrations.protection import allow_tenants, protect, written_by_operator

revision = "0058"
down_revision = "0057"

_KNOWN = (
    "second_person IN ('money', 'rules', 'settings', 'roles', 'second-factors', 'applications', 'emergency',"
    " 'owners', 'owners-absent')"
)


def upgrade() -> None:
    name = op.f("ck_approval_request_second_person_known")
    op.drop_constraint(name, "approval_request", type_="check")
    op.create_check_constraint(name, "approval_request", _KNOWN)
    op.create_table(
        "break_glass_hour",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.Column("approved_by", sa.String(), nullable=False),
        sa.CheckConstraint(
            "ends_at > opened_at AND ends_at <= opened_at + interval '1 hour'",
            name=op.f("ck_break_glass_hour_one_hour"),
        ),
        sa.CheckConstraint(
            "closed_at IS NULL OR closed_at <= ends_at", name=op.f("ck_break_glass_hour_closed_in_time")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_break_glass_hour_tenant_id")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"], ["member.tenant_id", "member.id"], name=op.f("fk_break_glass_hour_member_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_break_glass_hour")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_break_glass_hour_tenant_id_id")),
    )
    op.create_index(
        "ix_break_glass_hour_ends_at", "break_glass_hour", ["ends_at"], postgresql_where=sa.text("closed_at IS NULL")
    )
    protect("break_glass_hour")
    written_by_operator("break_glass_hour")
    allow_tenants()
