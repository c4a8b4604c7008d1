"""From where a tenant's service client may call: the command, and the answer for one address."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from sqlalchemy.orm import Session

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, message
from governance.kernel.field_types import Id, LongLine
from governance.kernel.models import ReadModel
from governance.permissions import Permission
from tenancy.clients import queries
from tenancy.clients.commands import lock_client
from tenancy.clients.networks import Networks, admits, network_of, read_address, read_networks
from tenancy.clients.states import ClientState
from tenancy.clients.suspension import ClientId
from tenancy.tenants.queries import lock_tenant

SAME_NETWORKS = message(
    "client.same_networks",
    ja="接続元は変わっていません。",
    en="Those are the present networks.",
)
STOPPED_ALREADY = message(
    "client.no_networks_of_stopped",
    ja="廃止した連携システムの接続元は変えられません。",
    en="The networks of a service client that was stopped for good cannot be changed.",
)


class LimitClientNetworks(Command):
    """The networks from which a system may call from now on; any without one."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    client_id: ClientId
    networks: Annotated[Networks | None, Input("接続元のネットワーク", "Source networks")] = None
    reason: Annotated[LongLine, Input("理由", "Reason")]


class ClientNetworksLimited(Result):
    """The networks in canonical form; empty for any."""

    client_id: UUID
    networks: tuple[str, ...]


class NetworkCheck(ReadModel):
    """Whether a call from an address would be let in, and by which network; null where none was asked about."""

    networks: tuple[str, ...]
    address: str | None
    is_allowed: bool | None
    network: str | None


@handles(Permission.CLIENT_LIMIT_NETWORKS, Event.CLIENT_NETWORKS_LIMITED, edits="client {client_id}")
def limit_client_networks(ctx: CommandContext, command: LimitClientNetworks) -> ClientNetworksLimited:
    """Let a system call from these networks only, from the next call on.

    Raises NotFound, Invalid for what is no network, Conflict where nothing changes and for one that was stopped.
    """
    networks = read_networks(command.networks or "")
    tenant = lock_tenant(ctx.session, command.tenant_id)
    client = lock_client(ctx.session, command.client_id, tenant.id)
    if client.state == ClientState.STOPPED:
        raise Conflict(STOPPED_ALREADY, field="client_id")
    if list(networks) == client.networks:
        raise Conflict(SAME_NETWORKS, field="networks")
    client.networks = list(networks)
    ctx.session.flush()
    facts: dict[str, Any] = {"networks": ", ".join(networks)} if networks else {}
    ctx.audit(subject=client.id, tenant_id=tenant.id, reason=command.reason, **facts)
    return ClientNetworksLimited(client_id=client.id, networks=networks)


def check_network(session: Session, tenant_id: UUID, client_id: UUID, address: str | None) -> NetworkCheck:
    """What the client's networks say about an address. Raises NotFound, Invalid for what is no address."""
    networks = queries.service_client(session, tenant_id, client_id).networks
    if not address:
        return NetworkCheck(networks=networks, address=None, is_allowed=None, network=None)
    asked = read_address(address)
    return NetworkCheck(
        networks=networks,
        address=str(asked),
        is_allowed=admits(networks, asked),
        network=network_of(networks, asked),
    )
