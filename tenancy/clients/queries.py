"""Reading the service clients of a tenant."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from governance.kernel.errors import require_found
from governance.kernel.labels import Label
from tenancy.clients.models import ClientAccess, ServiceClientDetails
from tenancy.clients.states import ClientState
from tenancy.clients.tables import ServiceClient
from tenancy.keycloak.port import service_client_name
from tenancy.tenants.facts import select_tenant_states


def service_clients(session: Session, tenant_id: UUID, *, also_stopped: bool = False) -> list[ServiceClientDetails]:
    """The tenant's service clients in the order they were registered."""
    query = select(ServiceClient).where(ServiceClient.tenant_id == tenant_id).order_by(ServiceClient.id)
    if not also_stopped:
        query = query.where(ServiceClient.state != ClientState.STOPPED)
    return [_to_details(row) for row in session.scalars(query)]


def service_client(session: Session, tenant_id: UUID, client_id: UUID) -> ServiceClientDetails:
    """One service client of the tenant. Raises NotFound, also for another tenant's."""
    query = select(ServiceClient).where(ServiceClient.tenant_id == tenant_id, ServiceClient.id == client_id)
    found = session.scalars(query).first()
    return _to_details(
        require_found(found, what=Label("API利用者(システム)", "service client"), given=client_id, field="client_id")
    )


def client_access(session: Session, tenant_id: UUID, client_id: UUID, on: date) -> ClientAccess | None:
    """What decides whether the tenant's service client gets in on that day (JST), or None for an unknown one.

    One statement.
    """
    tenant = select_tenant_states().subquery()
    found = session.execute(
        select(ServiceClient, tenant.c.state)
        .join(tenant, tenant.c.id == ServiceClient.tenant_id)
        .where(ServiceClient.tenant_id == tenant_id, ServiceClient.id == client_id)
    ).one_or_none()
    if found is None:
        return None
    row, tenant_state = found
    return ClientAccess(scopes=row.scopes, state=row.state, is_in_force=row.in_force_on(on), tenant_state=tenant_state)


def count_running(session: Session, tenant_id: UUID) -> int:
    """How many service clients are not stopped: what the quota `service_clients` counts."""
    return session.execute(
        select(func.count())
        .select_from(ServiceClient)
        .where(ServiceClient.tenant_id == tenant_id, ServiceClient.state != ClientState.STOPPED)
    ).scalar_one()


def tenants_with_unsynced_clients() -> Select[UUID]:
    """A SELECT of the ids of tenants with clients that are not in Keycloak yet, for a larger statement."""
    return select(ServiceClient.tenant_id).where(ServiceClient.state == ClientState.REGISTERED)


def _to_details(row: ServiceClient) -> ServiceClientDetails:
    return ServiceClientDetails(
        id=row.id,
        client_name=service_client_name(row.tenant_id, row.id),
        name=row.name,
        scopes=tuple(row.scopes),
        state=ClientState(row.state),
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        jwks=row.jwks,
        registered_at=row.registered_at,
    )
