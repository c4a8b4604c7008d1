"""Scopes of service clients that allow nothing go: `moyai:usage.write` and `moyai:authorize`.

Keycloak may keep them on the clients it has; Moyai reads them nowhere (`tenancy.keycloak.port.FORMER_SCOPES`).
"""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.execute("SELECT set_config('moyai.scope', 'operator', true)")
    op.execute(
        """
        UPDATE service_client
            SET scopes = scopes - 'moyai:usage.write' - 'moyai:authorize'
            WHERE scopes ?| array['moyai:usage.write', 'moyai:authorize']
        """
    )
