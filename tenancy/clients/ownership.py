"""Whose a service client is, and what becomes of it with the person who owns it.

Used by commands, in their transaction.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from governance.commands import CommandContext
from governance.events import Event
from governance.kernel.errors import Invalid, message
from tenancy.clients.queries import ADMITTED_STATES
from tenancy.clients.states import ClientState, SuspensionCause
from tenancy.clients.tables import ServiceClient
from tenancy.people.queries import PRESENT_STATES, member

SYNC_CLIENT: Final = "client.sync"
"""The job that brings what was changed of one service client to Keycloak."""

OWNER_CANNOT_BE = message(
    "client.owner_cannot_be",
    ja="{name}さんは「{state}」なので、所有者にできません。",
    en="{name} is {state} and cannot own a service client.",
)


def possible_owner(ctx: CommandContext, tenant_id: UUID, member_id: UUID) -> UUID:
    """The id of the person who is to own a client. The tenant's row is locked, so that nobody is suspended meanwhile.

    Raises NotFound for nobody of this tenant's, Invalid for a person who is suspended or removed.
    """
    owner = member(ctx.session, tenant_id, member_id, ctx.now)
    if owner.state not in PRESENT_STATES:
        name = f"{owner.family_name} {owner.given_name}"
        raise Invalid(OWNER_CANNOT_BE, field="owner_member_id", name=name, state=owner.state)
    return owner.id


def suspend_clients_of(ctx: CommandContext, tenant_id: UUID, member_id: UUID) -> None:
    """Suspend the service clients that this person owns, each with an audit event of its own.

    They stay suspended when the person is resumed: each is resumed by itself.
    """
    owned = ctx.session.scalars(
        select(ServiceClient)
        .where(
            ServiceClient.tenant_id == tenant_id,
            ServiceClient.owner_member_id == member_id,
            ServiceClient.state.in_(ADMITTED_STATES),
        )
        .order_by(ServiceClient.id)
        .with_for_update()
    ).all()
    for client in owned:
        suspend_row(ctx, client, SuspensionCause.WITH_OWNER)
        ctx.audit(
            subject=client.id,
            tenant_id=tenant_id,
            event=Event.CLIENT_SUSPENDED,
            cause=SuspensionCause.WITH_OWNER.value,
        )


def suspend_row(ctx: CommandContext, client: ServiceClient, cause: SuspensionCause) -> UUID:
    """Suspend one client, whose row is locked; returns the job that disables it in Keycloak."""
    client.state, client.suspension_cause = ClientState.SUSPENDED.value, cause.value
    ctx.session.flush()
    return enqueue_sync(ctx, client)


def enqueue_sync(ctx: CommandContext, client: ServiceClient, removed_secrets: Collection[int] = ()) -> UUID:
    """Have Keycloak follow what was changed of the client, and forget the secrets of these numbers."""
    payload: dict[str, Any] = {"tenant_id": str(client.tenant_id), "client_id": str(client.id)}
    if removed_secrets:
        payload["removed_secrets"] = sorted(removed_secrets)
    return ctx.enqueue(SYNC_CLIENT, payload, tenant_id=client.tenant_id)
