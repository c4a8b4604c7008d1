"""Writes to a service client's row by what is no command about it: an onboarding step, and that it called."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import case, or_, update
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


def record_use(session: Session, tenant_id: UUID, client_id: UUID, today: date) -> None:
    """Store that the client called on this day (JST); an earlier day does not replace a later one."""
    session.execute(
        update(ServiceClient)
        .where(
            ServiceClient.tenant_id == tenant_id,
            ServiceClient.id == client_id,
            or_(ServiceClient.last_used_on.is_(None), ServiceClient.last_used_on < today),
        )
        .values(last_used_on=today)
    )
