"""The public keys of Keycloak's realms as it last gave them, for hosts that start while it is unreachable.

No tenant's content. Whoever can write a row can name no signer: the application believes a row by a signature whose key
is not in the database (`admin.identity.kept_keys`).
"""

import sqlalchemy as sa
from alembic import op

from admin.migrations.protection import protect_machine

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_table(
        "realm_keys",
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("jwks", sa.String(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_realm_keys")),
    )
    protect_machine("realm_keys")
