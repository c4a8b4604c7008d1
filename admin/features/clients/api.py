"""Service clients of a tenant over the API."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from admin.core.guard import requires
from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.paging import Page, paginate
from governance.kernel.database import db
from governance.permissions import Permission
from tenancy.clients import queries as clients
from tenancy.clients.commands import register_client
from tenancy.clients.states import ClientState

routes = ApiRoutes(Tag.PEOPLE)


class ServiceClientResponse(BaseModel):
    """A system of a tenant; `jwks` holds its public keys as they were given."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    scopes: list[str]
    state: ClientState
    valid_from: date
    valid_until: date | None
    jwks: str
    registered_at: datetime


class ServiceClientPage(Page[ServiceClientResponse]):
    """Service clients in the order they were registered."""


@routes.query_route("/tenants/<tenant>/service-clients")
@requires(Permission.CLIENT_READ)
def list_service_clients(tenant: UUID, query: PageQuery) -> ServiceClientPage:
    """List the service clients of a tenant, stopped ones too."""
    found = clients.service_clients(db.session(), tenant, also_stopped=True)
    return paginate(ServiceClientPage, found, lambda row: str(row.id), query)


@routes.query_route("/tenants/<tenant>/service-clients/<client>")
@requires(Permission.CLIENT_READ)
def get_service_client(tenant: UUID, client: UUID) -> ServiceClientResponse:
    """Show one service client of a tenant."""
    return ServiceClientResponse.model_validate(clients.service_client(db.session(), tenant, client))


routes.command_route("POST", "/tenants/<tenant>/service-clients", register_client, {"tenant": "tenant_id"})
