"""Reading the service clients of a tenant."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from governance.kernel.errors import require_found
from tenancy.clients.states import ClientState
from tenancy.clients.tables import ServiceClient


def service_clients(session: Session, tenant_id: UUID, *, also_stopped: bool = False) -> list[ServiceClient]:
    """The tenant's service clients in the order they were registered."""
    query = select(ServiceClient).where(ServiceClient.tenant_id == tenant_id).order_by(ServiceClient.id)
    if not also_stopped:
        query = query.where(ServiceClient.state != ClientState.STOPPED.value)
    return list(session.scalars(query))


def service_client(session: Session, tenant_id: UUID, client_id: UUID) -> ServiceClient:
    """One service client of the tenant. Raises NotFound, also for another tenant's."""
    return require_found(
        session.scalars(
            select(ServiceClient).where(ServiceClient.tenant_id == tenant_id, ServiceClient.id == client_id)
        ).first(),
        what="service client",
        given=client_id,
        field="client_id",
    )


def count_running(session: Session, tenant_id: UUID) -> int:
    """How many service clients are not stopped: what the quota `service_clients` counts."""
    return session.execute(
        select(func.count())
        .select_from(ServiceClient)
        .where(ServiceClient.tenant_id == tenant_id, ServiceClient.state != ClientState.STOPPED.value)
    ).scalar_one()
