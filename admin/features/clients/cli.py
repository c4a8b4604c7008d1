"""`moyai service-client`: the systems of a tenant, registered by their public keys. Keycloak follows by the worker."""

from __future__ import annotations

from uuid import UUID

import click
from sqlalchemy.orm import Session

from admin.features.clients.entry_points import ENTRY_POINTS
from admin.interface.command_line import command_group
from admin.interface.output import Answer
from admin.interface.param_types import find_tenant
from governance.permissions import Permission
from tenancy.clients import queries
from tenancy.clients.models import ServiceClientDetails

service_client = command_group("service-client", "API利用者（システム） / Service clients of a tenant.", ENTRY_POINTS)


@service_client.query("list", Permission.CLIENT_READ)
@click.argument("code")
def list_clients(session: Session, code: str) -> Answer:
    """API利用者の一覧 / The systems of a tenant in the order they were registered, stopped ones too."""
    tenant = find_tenant(session, code)
    found = queries.service_clients(session, tenant.id, also_stopped=True)
    return Answer(
        {"code": tenant.code, "clients": found},
        (f"{row.id}  {row.state:<10}  {row.valid_from}–{row.valid_until or ''}  {row.name}" for row in found),
    )


@service_client.query("show", Permission.CLIENT_READ)
@click.argument("code")
@click.argument("client_id", type=click.UUID)
def show_client(session: Session, code: str, client_id: UUID) -> ServiceClientDetails:
    """API利用者を 1 つ見る / One system of a tenant with its public keys, by its id."""
    return queries.service_client(session, find_tenant(session, code).id, client_id)
