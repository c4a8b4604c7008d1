"""Service clients of a tenant over the API and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from admin.features.clients.entry_points import ENTRY_POINTS
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from governance.kernel.database import db
from governance.permissions import Permission
from tenancy.clients import queries as clients
from tenancy.clients.models import ServiceClientDetails

routes = ApiRoutes(Tag.PEOPLE, ENTRY_POINTS)


def _line(row: ServiceClientDetails) -> str:
    return f"{row.id}  {row.state:<10}  {row.valid_from}–{row.valid_until or ''}  {row.name}"


@routes.list("/tenants/<tenant>/service-clients", Permission.CLIENT_READ, "ServiceClientPage")
@cli_query("service-client list", "連携システムの一覧", "clients", _line, repeats=["code"])
def list_service_clients(tenant: UUID) -> Sequence[ServiceClientDetails]:
    """List the service clients of a tenant in the order they were registered, stopped ones too."""
    return clients.service_clients(db.session(), tenant, also_stopped=True)


@routes.query("/tenants/<tenant>/service-clients/<client>", Permission.CLIENT_READ)
@cli_query("service-client show", "連携システムを 1 つ見る")
def get_service_client(tenant: UUID, client: UUID) -> ServiceClientDetails:
    """Show one service client of a tenant with its public keys."""
    return clients.service_client(db.session(), tenant, client)
