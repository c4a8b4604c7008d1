"""What ends with a person's access, for each command that ends it: the grants here, then the account in Keycloak."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from governance import grants
from governance.commands import CommandContext
from governance.permissions import Role
from tenancy.clients.ownership import suspend_clients_of
from tenancy.people.owners import require_owners
from tenancy.people.queries import PRESENT_STATES
from tenancy.people.rights import require_within_rights
from tenancy.people.states import MemberState
from tenancy.people.tables import Member
from tenancy.tenants.models import TenantDetails

WITHDRAW: Final = "member.withdraw"
"""The job that disables a suspended or removed person in Keycloak and logs them out; of a removed one it also releases
the address.
"""


def withdraw(ctx: CommandContext, tenant: TenantDetails, member: Member, state: MemberState) -> tuple[int, UUID]:
    """End every grant, suspend the person's clients and enqueue the job for Keycloak; returns how many grants ended.

    The caller has locked the tenant and the person. Raises NotAllowed for a person above the actor's own rights, and
    Conflict for the last owner.
    """
    require_within_rights(ctx, member)
    held = grants.roles_held_from(ctx.session, tenant.id, member.person_id, ctx.now)
    is_owner = Role.TENANT_OWNER in held and member.state in PRESENT_STATES
    member.state = state.value
    member.sync_problem = member.sync_retry_at = None
    suspend_clients_of(ctx, tenant.id, member.id)
    ended = grants.revoke(ctx.session, tenant.id, member.person_id, ctx.now)
    if is_owner:
        require_owners(ctx, tenant)
    job_id = ctx.enqueue(
        WITHDRAW,
        {"tenant_id": str(tenant.id), "member_id": str(member.id), "person_id": str(member.person_id)},
        tenant_id=tenant.id,
    )
    return ended, job_id
