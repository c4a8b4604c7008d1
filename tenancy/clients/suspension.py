"""Suspending and resuming a tenant's service client, and whose it is: the tenant's own, or a person's of the tenant.

The row decides: a token that Keycloak issued before is refused at the next request. A job then disables the client in
Keycloak, so that it gets no new one.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, message
from governance.kernel.field_types import Id, LongLine
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy.clients.commands import OWNER, lock_client, require_own_rights
from tenancy.clients.ownership import enqueue_sync, possible_owner, suspend_row
from tenancy.clients.queries import ADMITTED_STATES
from tenancy.clients.states import ClientState, OwnerKind, SuspensionCause
from tenancy.clients.tables import ServiceClient
from tenancy.people.queries import PRESENT_STATES, member
from tenancy.tenants.models import TenantDetails
from tenancy.tenants.queries import lock_tenant

OF_THE_OPERATOR = message(
    "client.of_the_operator",
    ja="運営者の連携システムは、停止・再開の切替えと所有者の指定ができません。",
    en="Service clients of the operator are not suspended, resumed or owned by a person.",
    hint_ja="運営者の連携システムは、元に戻せない「廃止」だけができます。再び使うときは、登録し直してください。",
    hint_en="They can be stopped for good; register a new one to go on.",
)
NOT_RUNNING = message(
    "client.not_running",
    ja="この連携システムは、すでに「{state}」です。",
    en="This service client is already {state}.",
)
NOT_SUSPENDED = message(
    "client.not_suspended",
    ja="停止中の連携システムではありません（状態: {state}）。",
    en="Only a suspended service client can be resumed; this one is {state}.",
)
OWNER_NOT_PRESENT = message(
    "client.owner_not_present",
    ja="所有者の{name}さんが「{state}」なので、再開できません。",
    en="It cannot be resumed: its owner {name} is {state}.",
    hint_ja="先に、所有者を別の利用者か団体に変えてください。",
    hint_en="Make another person, or the tenant, its owner first.",
)
SAME_OWNER = message(
    "client.same_owner",
    ja="所有者は変わっていません。",
    en="That is the present owner.",
)

ClientId = Annotated[
    Id, Input("連携システム", "Service client", Label("", "The id that `service-client list` prints."))
]


class SuspendClient(Command):
    """A system of a tenant to suspend, and why."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    client_id: ClientId
    reason: Annotated[LongLine, Input("理由", "Reason")]


class ClientSuspended(Result):
    """`job_id` is the job that disables the client in Keycloak."""

    client_id: UUID
    job_id: UUID


class ResumeClient(Command):
    """A suspended system of a tenant to let in again, and why."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    client_id: ClientId
    reason: Annotated[LongLine, Input("理由", "Reason")]


class ClientResumed(Result):
    """`job_id` is the job that enables the client in Keycloak."""

    client_id: UUID
    job_id: UUID


class SetClientOwner(Command):
    """Whose a system is from now on: a person's of the tenant, or the tenant's own."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    client_id: ClientId
    owner_member_id: Annotated[Id | None, OWNER] = None


class ClientOwnerSet(Result):
    """Whose it was and is; None stands for the tenant."""

    client_id: UUID
    before: UUID | None
    owner_member_id: UUID | None


@handles(Permission.CLIENT_SUSPEND, Event.CLIENT_SUSPENDED, edits="client {client_id}")
def suspend_client(ctx: CommandContext, command: SuspendClient) -> ClientSuspended:
    """Suspend a system: its tokens are refused from now on, and a job disables it in Keycloak.

    Raises NotFound, Conflict for one that is suspended or stopped already and for the operator's.
    """
    tenant, client = _lock(ctx, command.tenant_id, command.client_id)
    if ClientState(client.state) not in ADMITTED_STATES:
        raise Conflict(NOT_RUNNING, field="client_id", state=ClientState(client.state))
    job_id = suspend_row(ctx, client, SuspensionCause.DECIDED)
    ctx.audit(subject=client.id, tenant_id=tenant.id, reason=command.reason)
    return ClientSuspended(client_id=client.id, job_id=job_id)


def suspend_if_running(ctx: CommandContext, tenant_id: UUID, client_id: UUID, reason: str) -> bool:
    """Suspend the system unless it is let in no more; returns whether it was done. For use inside a command.

    Raises NotFound, and Conflict for the operator's.
    """
    tenant, client = _lock(ctx, tenant_id, client_id)
    if ClientState(client.state) not in ADMITTED_STATES:
        return False
    suspend_row(ctx, client, SuspensionCause.DECIDED)
    ctx.audit(event=Event.CLIENT_SUSPENDED, subject=client.id, tenant_id=tenant.id, reason=reason)
    return True


@handles(Permission.CLIENT_RESUME, Event.CLIENT_RESUMED, edits="client {client_id}")
def resume_client(ctx: CommandContext, command: ResumeClient) -> ClientResumed:
    """Let a suspended system in again, with the keys and scopes it had.

    Raises NotFound, NotAllowed where it may do what the actor may not, Conflict for one that is not suspended, whose
    owner is suspended or removed, and for the operator's.
    """
    tenant, client = _lock(ctx, command.tenant_id, command.client_id)
    if client.state != ClientState.SUSPENDED:
        raise Conflict(NOT_SUSPENDED, field="client_id", state=ClientState(client.state))
    require_own_rights(ctx, client.scopes)
    if client.owner_member_id is not None:
        owner = member(ctx.session, tenant.id, client.owner_member_id, ctx.now)
        if owner.state not in PRESENT_STATES:
            name = f"{owner.family_name} {owner.given_name}"
            raise Conflict(OWNER_NOT_PRESENT, field="client_id", name=name, state=owner.state)
    client.state = (ClientState.ACTIVE if client.keycloak_id is not None else ClientState.REGISTERED).value
    client.suspension_cause = None
    ctx.session.flush()
    job_id = enqueue_sync(ctx, client)
    ctx.audit(subject=client.id, tenant_id=tenant.id, reason=command.reason)
    return ClientResumed(client_id=client.id, job_id=job_id)


@handles(Permission.CLIENT_SET_OWNER, Event.CLIENT_OWNER_SET, edits="client {client_id}")
def set_client_owner(ctx: CommandContext, command: SetClientOwner) -> ClientOwnerSet:
    """Make a person of the tenant, or the tenant itself, the owner of a system. A suspended one stays suspended.

    Raises NotFound, Invalid for a person who is suspended or removed, Conflict for the present owner and for a
    system of the operator's.
    """
    tenant, client = _lock(ctx, command.tenant_id, command.client_id)
    before = client.owner_member_id
    given = command.owner_member_id
    owner_id = None if given is None else possible_owner(ctx, tenant.id, given)
    if owner_id == before:
        raise Conflict(SAME_OWNER, field="owner_member_id")
    client.owner_member_id = owner_id
    ctx.session.flush()
    ctx.audit(
        subject=client.id,
        tenant_id=tenant.id,
        owner=(OwnerKind.TENANT if owner_id is None else OwnerKind.PERSON).value,
        owner_member_id=None if owner_id is None else str(owner_id),
        owner_member_id_before=None if before is None else str(before),
    )
    return ClientOwnerSet(client_id=client.id, before=before, owner_member_id=owner_id)


def _lock(ctx: CommandContext, tenant_id: UUID, client_id: UUID) -> tuple[TenantDetails, ServiceClient]:
    """The tenant and its client, both locked. Raises NotFound, also for another tenant's; Conflict (the operator's)."""
    # The tenant first, as whoever suspends a person does.
    tenant = lock_tenant(ctx.session, tenant_id)
    client = lock_client(ctx.session, client_id, tenant.id)
    if tenant.is_operator:
        raise Conflict(OF_THE_OPERATOR, field="client_id")
    return tenant, client
