"""What onboarding records about a service client, inside its own command."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import case, update
from sqlalchemy.orm import Session

from tenancy.clients.states import ClientState
from tenancy.clients.tables import ServiceClient


def record_keycloak_id(session: Session, tenant_id: UUID, client_id: UUID, keycloak_id: str) -> None:
    """Record Keycloak's id of the client; a registered one is active from now on."""
    is_registered = ServiceClient.state == ClientState.REGISTERED
    session.execute(
        update(ServiceClient)
        .where(ServiceClient.tenant_id == tenant_id, ServiceClient.id == client_id)
        .values(
            keycloak_id=keycloak_id, state=case((is_registered, ClientState.ACTIVE.value), else_=ServiceClient.state)
        )
    )
