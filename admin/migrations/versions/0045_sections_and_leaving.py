"""The section a person works in, now and from a day to come; and people who leave on a day.

The version before this one knows of neither: who is to leave stays there until the worker of this one runs.
"""

import sqlalchemy as sa
from alembic import op

from admin.migrations.protection import allow_tenants, protect

revision = "0045"
down_revision = "0044"


def upgrade() -> None:
    op.add_column("member", sa.Column("leaves_at", sa.DateTime(timezone=True)))
    op.add_column("member", sa.Column("leaves_as", sa.String()))
    op.create_check_constraint(op.f("ck_member_leaves_as_known"), "member", "leaves_as IN ('suspended', 'removed')")
    op.create_check_constraint(op.f("ck_member_leaving_whole"), "member", "(leaves_at IS NULL) = (leaves_as IS NULL)")
    op.create_index("ix_member_leaves_at", "member", ["leaves_at"], postgresql_where=sa.text("leaves_at IS NOT NULL"))
    op.create_table(
        "member_section",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("section", sa.String()),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_member_section_tenant_id")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"],
            ["member.tenant_id", "member.id"],
            name=op.f("fk_member_section_tenant_id_member_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member_section")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_member_section_tenant_id_id")),
        sa.UniqueConstraint(
            "tenant_id", "member_id", "valid_from", name=op.f("uq_member_section_tenant_id_member_id_valid_from")
        ),
    )
    protect("member_section")
    allow_tenants()
