"""Service clients of a tenant over the API."""

from __future__ import annotations

from uuid import UUID

from admin.core.guard import requires
from admin.features.clients.entry_points import ENTRY_POINTS
from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.paging import Page, paginate
from governance.kernel.database import db
from governance.permissions import Permission
from tenancy.clients import queries as clients
from tenancy.clients.models import ServiceClientDetails

routes = ApiRoutes(Tag.PEOPLE, ENTRY_POINTS)


class ServiceClientPage(Page[ServiceClientDetails]):
    """Service clients in the order they were registered."""


@routes.query_route("/tenants/<tenant>/service-clients")
@requires(Permission.CLIENT_READ)
def list_service_clients(tenant: UUID, query: PageQuery) -> ServiceClientPage:
    """List the service clients of a tenant, stopped ones too."""
    found = clients.service_clients(db.session(), tenant, also_stopped=True)
    return paginate(ServiceClientPage, found, lambda row: str(row.id), query)


@routes.query_route("/tenants/<tenant>/service-clients/<client>")
@requires(Permission.CLIENT_READ)
def get_service_client(tenant: UUID, client: UUID) -> ServiceClientDetails:
    """Show one service client of a tenant."""
    return clients.service_client(db.session(), tenant, client)
