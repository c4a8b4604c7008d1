"""How many owners a tenant has at any instant from now on: never fewer than it needs."""

from __future__ import annotations

from sqlalchemy import select

from governance import grants
from governance.commands import CommandContext
from governance.kernel.errors import Conflict, message
from governance.permissions import Role
from tenancy.people.queries import PRESENT_STATES
from tenancy.people.tables import Member
from tenancy.tenants.models import TenantDetails

LAST_OWNER = message(
    "member.last_owner",
    ja="最後の団体管理者は停止も削除もできず、その役割も終えられません。",
    en="The last owner of a tenant is not disabled or removed, nor does their role end.",
    hint_ja="先に後任の団体管理者を追加してください。後任の開始日は、この人の最終日の翌日までにします。",
    hint_en="Add a successor first, whose role begins before this one ends.",
)


def require_owners(ctx: CommandContext, tenant: TenantDetails) -> None:
    """Raise Conflict where, as it stands in this transaction, the tenant has too few owners now or on a day to come."""
    ctx.session.flush()
    present = set(
        ctx.session.scalars(
            select(Member.person_id).where(Member.tenant_id == tenant.id, Member.state.in_(PRESENT_STATES))
        )
    )
    held = [one for one in grants.grants_in_tenant(ctx.session, tenant.id) if one.person_id in present]
    if grants.fewest_holders(held, Role.TENANT_OWNER, since=ctx.now) < 1:
        raise Conflict(LAST_OWNER, field="member_id")
