"""The tenants' role: in a tenant's scope what the application's role may, in the operator's nothing.

The role itself is made beside the application's, before the migration (docs/OPERATING.md).
"""

from admin.migrations.protection import allow_tenants

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    allow_tenants()
