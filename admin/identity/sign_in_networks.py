"""From which networks people of a tenant sign in: the command, and the answer for one address.

A municipality on LGWAN leaves it by few addresses; from elsewhere a password and a factor that were lost open nothing.
The list holds for pages and for tokens of people, at each request. Nobody locks themselves out: a list without the
address of whoever saves it is refused, unless the operator saves it for another tenant.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from flask import has_request_context
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.core.rate_limits import source_address
from admin.identity.tables import SignInNetworks
from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, Invalid, NotAllowed, message
from governance.kernel.field_types import Id, LongLine
from governance.kernel.models import ReadModel
from governance.permissions import Permission
from tenancy import directory
from tenancy.clients.networks import Address, Networks, admits, network_of, read_address, read_networks

ELSEWHERE: Final = message(
    "sign_in.elsewhere",
    ja="この団体は、{address} からのログインを許可していません。",
    en="Your tenant lets nobody sign in from {address}.",
    hint_ja="庁内のネットワークから行ってください。変わったときは、団体管理者または県の担当者に、このアドレスを伝えてください。",
    hint_en="Use your office's network. If it has changed, tell an owner or the prefecture this address.",
)
LOCKED_OUT: Final = message(
    "sign_in_networks.locked_out",
    ja="あなたのいまのアドレス {address} が含まれていないので、保存するとあなたもログインできなくなります。",
    en="Your own address {address} is not among them: you would lock yourself out.",
    hint_ja="このアドレスを含むネットワークを加えるか、県の担当者に設定を依頼してください。",
    hint_en="Add a network that has it, or ask the prefecture to set the list.",
)
SAME: Final = message(
    "sign_in_networks.same", ja="ネットワークは変わっていません。", en="Those are the present networks."
)


class LimitSignInNetworks(Command):
    """The networks from which people of a tenant sign in from now on; any without one."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    networks: Annotated[Networks | None, Input("ログインできるネットワーク", "Networks to sign in from")] = None
    reason: Annotated[LongLine, Input("理由", "Reason")]


class SignInNetworksLimited(Result):
    """The networks in canonical form; empty for any."""

    networks: tuple[str, ...]


class SignInNetworksFacts(ReadModel):
    """The networks in force, empty for any, and who set them when."""

    networks: tuple[str, ...] = ()
    set_at: datetime | None = None
    set_by: str | None = None


class SignInNetworkCheck(ReadModel):
    """Whether people would be let in from an address, and by which network."""

    networks: tuple[str, ...]
    address: str
    is_allowed: bool
    network: str | None


@handles(
    Permission.SIGN_IN_NETWORKS_LIMIT,
    Event.SIGN_IN_NETWORKS_LIMITED,
    edits="sign-in networks {tenant_id}",
    step_up=True,
)
def limit_sign_in_networks(ctx: CommandContext, command: LimitSignInNetworks) -> SignInNetworksLimited:
    """Let people of a tenant sign in from these networks only, from the next request on, also who is signed in.

    Raises NotFound, Invalid for what is no network and for a list that would lock out whoever saves it, and Conflict
    where nothing changes.
    """
    networks = read_networks(command.networks or "")
    tenant = directory.tenant_by_id(ctx.session, command.tenant_id)
    row = ctx.session.get(SignInNetworks, tenant.id, with_for_update=True)
    if tuple(() if row is None else row.networks) == networks:
        raise Conflict(SAME, field="networks")
    if ctx.actor.tenant_id == tenant.id and has_request_context():
        address = source_address()
        if not admits(networks, address):
            raise Invalid(LOCKED_OUT, field="networks", address=str(address or "―"))
    if row is None:
        row = SignInNetworks(tenant_id=tenant.id)
        ctx.session.add(row)
    row.networks, row.set_at, row.set_by = list(networks), ctx.now, ctx.actor.id
    facts: dict[str, Any] = {"networks": ", ".join(networks)} if networks else {}
    ctx.audit(subject=tenant.id, tenant_id=tenant.id, reason=command.reason, **facts)
    return SignInNetworksLimited(networks=networks)


def sign_in_networks(session: Session, tenant_id: UUID) -> SignInNetworksFacts:
    """The networks from which people of the tenant sign in; empty for any."""
    row = session.scalars(select(SignInNetworks).where(SignInNetworks.tenant_id == tenant_id)).first()
    if row is None:
        return SignInNetworksFacts()
    return SignInNetworksFacts(networks=tuple(row.networks), set_at=row.set_at, set_by=row.set_by)


def check_sign_in_network(session: Session, tenant_id: UUID, address: str) -> SignInNetworkCheck:
    """What the tenant's networks say about an address. Raises Invalid for what is no address."""
    networks, asked = sign_in_networks(session, tenant_id).networks, read_address(address)
    return SignInNetworkCheck(
        networks=networks,
        address=str(asked),
        is_allowed=admits(networks, asked),
        network=network_of(networks, asked),
    )


def require_network(session: Session, tenant_id: UUID, address: Address | None) -> None:
    """Raise NotAllowed for a person of the tenant who asks from elsewhere."""
    networks = session.scalar(select(SignInNetworks.networks).where(SignInNetworks.tenant_id == tenant_id))
    if networks and not admits(networks, address):
        raise NotAllowed(ELSEWHERE, address=str(address or "―"))
