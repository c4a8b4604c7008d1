"""Writes to a service client's row by the command that records an onboarding step, in that command's transaction."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import case, update
from sqlalchemy.orm import Session

from tenancy.clients.states import ClientState
from tenancy.clients.tables import ServiceClient


def record_keycloak_id(session: Session, tenant_id: UUID, client_id: UUID, keycloak_id: str) -> None:
    """Store the id that Keycloak gave the client, and change the state from registered to active.

    Another state stays as it is; an unknown client is ignored.
    """
    is_registered = ServiceClient.state == ClientState.REGISTERED
    session.execute(
        update(ServiceClient)
        .where(ServiceClient.tenant_id == tenant_id, ServiceClient.id == client_id)
        .values(
            keycloak_id=keycloak_id, state=case((is_registered, ClientState.ACTIVE.value), else_=ServiceClient.state)
        )
    )
