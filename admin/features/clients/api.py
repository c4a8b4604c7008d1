"""Service clients of a tenant over the API and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from pydantic import Field

from admin.core.rate_limits import RateLimit
from admin.features.clients.entry_points import ENTRY_POINTS
from admin.identity.client_uses import CLIENT_USES
from admin.interface.api_requests import Query
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from governance.declaration import Input
from governance.kernel import clock
from governance.kernel.database import db
from governance.permissions import Permission
from tenancy.clients import queries as clients
from tenancy.clients.access import AccessDecision, ClientName, decide_access
from tenancy.clients.models import ServiceClientDetails
from tenancy.clients.sources import NetworkCheck, check_network

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


class NetworkCheckQuery(Query):
    """The address to ask about."""

    address: Annotated[str, Field(max_length=64), Input("IPアドレス", "IP address")] | None = None


@routes.query("/tenants/<tenant>/service-clients/<client>/network-check", Permission.CLIENT_READ)
@cli_query("service-client check-network", "連携システムの接続元を確かめる")
def check_client_network(tenant: UUID, client: UUID, query: NetworkCheckQuery) -> NetworkCheck:
    """Say whether a service client may call from an address, and because of which of its networks."""
    return check_network(db.session(), tenant, client, query.address)


class AccessQuery(Query):
    """Which client calls, what for, and from where."""

    client: Annotated[ClientName, Input("連携システムのクライアントID", "Client ID")]
    scope: Annotated[str, Field(min_length=1, max_length=64), Input("許可する操作", "Scope")]
    address: Annotated[str, Field(min_length=1, max_length=64), Input("接続元のIPアドレス", "Source address")]


@routes.query("/access-decisions", Permission.ACCESS_READ, limit=RateLimit.ACCESS)
@cli_query(
    "service-client decide-access",
    "連携システムの利用可否を確かめる",
    arguments=["client", "scope", "address"],
    holds=lambda found: found.is_allowed,
)
def get_access_decision(query: AccessQuery) -> AccessDecision:
    """Say whether a service client may call for a scope from an address now, and if not, why.

    The platform's gateway asks on each call. An unknown client is refused like any other. The command's exit code is 0
    where it may, 1 where it may not.
    """
    today = clock.today()
    found = decide_access(db.session(), query.client, query.scope, query.address, today)
    if found.is_allowed and found.tenant_id is not None and found.client_id is not None:
        CLIENT_USES.note(found.tenant_id, found.client_id, today)
    return found
