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
from tenancy.tenants.states import FewestOwners

LAST_OWNER = message(
    "member.last_owner",
    ja="最後の団体管理者は停止も削除もできず、その役割も終えられません。",
    en="The last owner of a tenant is not disabled or removed, nor does their role end.",
    hint_ja="先に後任の団体管理者を追加してください。後任の開始日は、この人の最終日の翌日までにします。",
    hint_en="Add a successor first, whose role begins before this one ends.",
)
ONE_OF_TWO_OWNERS = message(
    "member.one_of_two_owners",
    ja="この団体は、団体管理者を常に2人以上置くことにしています。このままでは1人になります。",
    en="This tenant always has two owners at least; there would be one.",
    hint_ja="先に後任の団体管理者を追加するか、団体管理者の最少人数を1人に変えてください。",
    hint_en="Add a successor first, or have an owner of the tenant set the fewest owners to one.",
)


def fewest_owners_ahead(ctx: CommandContext, tenant: TenantDetails) -> int:
    """The smallest number of owners at one instant from now on, as it stands in this transaction."""
    ctx.session.flush()
    leaving = dict(
        ctx.session.execute(
            select(Member.person_id, Member.leaves_at).where(
                Member.tenant_id == tenant.id, Member.state.in_(PRESENT_STATES)
            )
        ).all()
    )
    held = [
        # The grants of somebody who is to leave end then, without a row that says so yet.
        one.ended_at(leaving[one.person_id])
        for one in grants.grants_in_tenant(ctx.session, tenant.id)
        if one.person_id in leaving
    ]
    return grants.fewest_holders(held, Role.TENANT_OWNER, since=ctx.now)


def require_owners(ctx: CommandContext, tenant: TenantDetails) -> None:
    """Raise Conflict where, as it stands in this transaction, the tenant has too few owners now or on a day to come."""
    fewest = fewest_owners_ahead(ctx, tenant)
    if fewest < FewestOwners.ONE.number:
        raise Conflict(LAST_OWNER, field="member_id")
    if fewest < tenant.fewest_owners.number:
        raise Conflict(ONE_OF_TWO_OWNERS, field="member_id")
