"""Stopping a tenant's service client for good: it does not come back, and its place in the quota is free.

The row stays, for the record; a job deletes the client in Keycloak.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, message
from governance.kernel.field_types import Id, LongLine
from governance.permissions import Permission
from tenancy.clients.commands import STOPPED_ALREADY, lock_client
from tenancy.clients.ownership import enqueue_sync
from tenancy.clients.states import ClientState
from tenancy.clients.suspension import ClientId
from tenancy.tenants.queries import lock_tenant

STOPPED_ELSEWHERE = message(
    "client.stopped_elsewhere",
    ja="運営者の連携システムは、ここでは廃止できません。",
    en="Service clients of the operator are not stopped here.",
    hint_ja="運営者の連携システムの画面から廃止してください。",
    hint_en="Stop it on its own page.",
)


class StopClient(Command):
    """A system of a tenant to stop for good, and why."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    client_id: ClientId
    reason: Annotated[LongLine, Input("理由", "Reason")]


class ClientStopped(Result):
    """`job_id` is the job that deletes the client in Keycloak."""

    client_id: UUID
    job_id: UUID


@handles(Permission.CLIENT_STOP_FOR_GOOD, Event.CLIENT_STOPPED, edits="client {client_id}")
def stop_client(ctx: CommandContext, command: StopClient) -> ClientStopped:
    """Stop a system for good: its tokens are refused from now on, and another may take its name and its place.

    Raises NotFound, Conflict for one that is stopped already and for the operator's.
    """
    # The tenant first: it serialises the quota check on its clients.
    tenant = lock_tenant(ctx.session, command.tenant_id)
    client = lock_client(ctx.session, command.client_id, tenant.id)
    if tenant.is_operator:
        raise Conflict(STOPPED_ELSEWHERE, field="client_id")
    if client.state == ClientState.STOPPED:
        raise Conflict(STOPPED_ALREADY, field="client_id")
    client.state, client.suspension_cause = ClientState.STOPPED.value, None
    secrets = [int(number) for number in client.secret_ends]
    client.secret_ends = {}
    ctx.session.flush()
    job_id = enqueue_sync(ctx, client, secrets)
    ctx.audit(subject=client.id, tenant_id=tenant.id, reason=command.reason)
    return ClientStopped(client_id=client.id, job_id=job_id)
