"""What each person has chosen for themselves: language, notation of dates, density of tables."""

import sqlalchemy as sa
from alembic import op

from admin.migrations.protection import allow_tenants, protect

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    op.create_table(
        "person_preferences",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("date_notation", sa.String(), nullable=False),
        sa.Column("table_density", sa.String(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("language IN ('ja', 'en')", name=op.f("ck_person_preferences_language_known")),
        sa.CheckConstraint(
            "date_notation IN ('era', 'western')", name=op.f("ck_person_preferences_date_notation_known")
        ),
        sa.CheckConstraint(
            "table_density IN ('comfortable', 'dense')", name=op.f("ck_person_preferences_table_density_known")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_person_preferences_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_preferences")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_person_preferences_tenant_id_id")),
        sa.UniqueConstraint("tenant_id", "person_id", name=op.f("uq_person_preferences_tenant_id_person_id")),
    )
    protect("person_preferences")
    allow_tenants()
