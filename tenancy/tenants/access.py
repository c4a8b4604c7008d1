"""Recording what Keycloak was brought to when a tenant's state let its people and service clients in or out."""

from __future__ import annotations

from uuid import UUID

from governance.commands import Command, CommandContext, Result, handles
from governance.events import Event
from governance.permissions import Permission
from tenancy.tenants.states import TenantState


class RecordTenantSynced(Command):
    """Keycloak follows the tenant's `state`: of so many people and service clients something was written."""

    tenant_id: UUID
    state: TenantState
    people: int
    clients: int


class TenantSynced(Result):
    """Nothing more to say."""


@handles(Permission.TENANT_SYNC, Event.TENANT_SYNCED)
def record_tenant_synced(ctx: CommandContext, command: RecordTenantSynced) -> TenantSynced:
    """Record that Keycloak follows a tenant's state. Only the worker may."""
    ctx.audit(
        subject=command.tenant_id,
        tenant_id=command.tenant_id,
        state=command.state.value,
        people=command.people,
        clients=command.clients,
    )
    return TenantSynced()
