"""What ends with a person's access, for each command that ends it: the grants here, then the account in Keycloak."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from governance import grants
from governance.commands import CommandContext
from governance.kernel.errors import Conflict, message
from tenancy.clients.ownership import suspend_clients_of
from tenancy.people import queries
from tenancy.people.rights import require_within_rights
from tenancy.people.states import MemberState
from tenancy.people.tables import Member
from tenancy.tenants.models import TenantDetails

WITHDRAW: Final = "member.withdraw"
"""The job that disables a suspended or removed person in Keycloak and logs them out; of a removed one it also releases
the address.
"""

LAST_OWNER = message(
    "member.last_owner",
    ja="最後の団体管理者は停止も削除もできません。",
    en="The last owner of a tenant cannot be disabled or removed.",
    hint_ja="先に後任の団体管理者を追加してください。",
    hint_en="Add a successor first.",
)


def withdraw(ctx: CommandContext, tenant: TenantDetails, member: Member, state: MemberState) -> tuple[int, UUID]:
    """End every grant, suspend the person's clients and enqueue the job for Keycloak; returns how many grants ended.

    The caller has locked the tenant and the person. Raises NotAllowed for a person above the actor's own rights, and
    Conflict for the last owner.
    """
    require_within_rights(ctx, member)
    if not tenant.is_operator:
        owners = queries.owners(ctx.session, tenant.id, ctx.now)
        if [owner.id for owner in owners] == [member.id]:
            raise Conflict(LAST_OWNER, field="member_id")
    member.state = state.value
    member.sync_problem = member.sync_retry_at = None
    suspend_clients_of(ctx, tenant.id, member.id)
    ended = grants.revoke(ctx.session, tenant.id, member.person_id, ctx.now)
    job_id = ctx.enqueue(
        WITHDRAW,
        {"tenant_id": str(tenant.id), "member_id": str(member.id), "person_id": str(member.person_id)},
        tenant_id=tenant.id,
    )
    return ended, job_id
