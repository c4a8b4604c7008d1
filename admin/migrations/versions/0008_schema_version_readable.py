"""The application may read which version the schema has, for `/readyz`."""

from alembic import op

from admin.migrations.protection import APP_ROLE

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute(f"GRANT SELECT ON alembic_version TO {APP_ROLE}")
