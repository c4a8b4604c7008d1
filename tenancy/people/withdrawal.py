"""What ends with a person's access, for each command that ends it: the grants here, then the account in Keycloak."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from governance import grants
from governance.commands import CommandContext
from governance.events import Event
from governance.permissions import Role
from tenancy.clients.ownership import suspend_clients_of
from tenancy.people.owners import require_owners
from tenancy.people.queries import PRESENT_STATES
from tenancy.people.rights import require_within_rights
from tenancy.people.rows import member_row
from tenancy.people.states import MemberState
from tenancy.people.tables import Member
from tenancy.preferences.filters import forget_filters
from tenancy.tenants.models import TenantDetails

WITHDRAW: Final = "member.withdraw"
"""The job that disables a suspended or removed person in Keycloak and logs them out; of a removed one it also releases
the address.
"""


def suspend(ctx: CommandContext, tenant: TenantDetails, member: Member, reason: str) -> tuple[int, UUID]:
    """Suspend the person and record it; returns how many grants ended and the job. Raises as `withdraw`."""
    ended, job_id = withdraw(ctx, tenant, member, MemberState.SUSPENDED)
    ctx.audit(
        event=Event.MEMBER_DISABLED, subject=member.person_id, tenant_id=tenant.id, reason=reason, grants_ended=ended
    )
    return ended, job_id


def suspend_if_present(ctx: CommandContext, tenant: TenantDetails, member_id: UUID, reason: str) -> bool:
    """Suspend the person unless that was done already, or they were removed; returns whether it was done.

    The caller has locked the tenant. Raises NotFound, and as `withdraw`.
    """
    member = member_row(ctx.session, tenant.id, member_id)
    if member.state not in PRESENT_STATES:
        return False
    suspend(ctx, tenant, member, reason)
    return True


def remove(ctx: CommandContext, tenant: TenantDetails, member: Member, reason: str) -> tuple[int, UUID]:
    """Remove the person for good and record it; returns as `suspend`. Raises as `withdraw`."""
    ended, job_id = withdraw(ctx, tenant, member, MemberState.REMOVED)
    forget_filters(ctx.session, tenant.id, member.person_id)
    ctx.audit(
        event=Event.MEMBER_REMOVED, subject=member.person_id, tenant_id=tenant.id, reason=reason, grants_ended=ended
    )
    return ended, job_id


def withdraw(
    ctx: CommandContext,
    tenant: TenantDetails,
    member: Member,
    state: MemberState,
    *,
    planned_for: datetime | None = None,
) -> tuple[int, UUID]:
    """End every grant, suspend the person's clients and enqueue the job for Keycloak; returns how many grants ended.

    The caller has locked the tenant and the person. With `planned_for` the grants end as of then, and whose right it is
    was decided when it was planned. Raises NotAllowed for a person above the actor's own rights, and Conflict for the
    last owner.
    """
    if planned_for is None:
        require_within_rights(ctx, member)
    held = grants.roles_held_from(ctx.session, tenant.id, member.person_id, ctx.now)
    is_owner = Role.TENANT_OWNER in held and member.state in PRESENT_STATES
    member.state = state.value
    member.withdrawn_at = ctx.now
    member.sync_problem = member.sync_retry_at = None
    member.asked_account_id = member.consent_code_hash = None
    member.leaves_at = member.leaves_as = None
    suspend_clients_of(ctx, tenant.id, member.id)
    ended = grants.revoke(ctx.session, tenant.id, member.person_id, planned_for or ctx.now)
    if is_owner:
        require_owners(ctx, tenant)
    job_id = ctx.enqueue(
        WITHDRAW,
        {"tenant_id": str(tenant.id), "member_id": str(member.id), "person_id": str(member.person_id)},
        tenant_id=tenant.id,
    )
    return ended, job_id
