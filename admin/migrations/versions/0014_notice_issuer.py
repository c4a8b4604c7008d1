"""Who issues the notices and where they are paid: versions that are only added."""

import sqlalchemy as sa
from alembic import op

from admin.migrations.protection import allow_tenants, protect, written_by_operator

revision = "0014"
down_revision = "0013"

_TEXTS = (
    "office",
    "holder",
    "seal",
    "addressee_form",
    "document_symbol",
    "budget_title",
    "budget_chapter",
    "budget_item",
    "budget_subitem",
    "payee",
    "payable_at",
    "contact",
)


def upgrade() -> None:
    op.create_table(
        "notice_issuer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in _TEXTS),
        sa.Column("set_by", sa.String(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_notice_issuer_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_issuer")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_notice_issuer_tenant_id_id")),
        sa.UniqueConstraint("tenant_id", "number", name=op.f("uq_notice_issuer_tenant_id_number")),
        sa.CheckConstraint("number > 0", name=op.f("ck_notice_issuer_number_positive")),
        sa.CheckConstraint("seal IN ('omitted', 'affixed')", name=op.f("ck_notice_issuer_seal_known")),
        sa.CheckConstraint(
            "addressee_form IN ('head', 'organization')", name=op.f("ck_notice_issuer_addressee_form_known")
        ),
    )
    protect("notice_issuer", append_only=True)
    written_by_operator("notice_issuer")
    allow_tenants()
