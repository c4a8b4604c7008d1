"""The owners of a tenant as a whole: how many it always has at least, and one who hands over to another."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from governance import grants
from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, Invalid, NotAllowed, message
from governance.kernel.field_types import Id, JstDate, LongLine
from governance.kernel.labels import Label
from governance.permissions import Permission, Role
from tenancy.people.owners import fewest_owners_ahead, require_owners
from tenancy.people.role_changes import (
    ROLE_HELD,
    ROLE_NOT_HELD,
    beginning,
    day_ahead,
    mark_roles_changed,
    require_somebody_else,
    tell_of_role,
)
from tenancy.people.rows import member_row
from tenancy.people.states import MemberState
from tenancy.tenants.fewest_owners import record_fewest_owners
from tenancy.tenants.queries import lock_tenant
from tenancy.tenants.states import FewestOwners

MAIL_FEWEST_OWNERS: Final = "tenant.mail-fewest-owners"
"""The job that tells a tenant's owners how many of them there always are from now on."""

NO_OWNERS_OF_THE_OPERATOR = message(
    "tenant.operator_has_no_owners",
    ja="運営者には団体管理者を置きません。",
    en="The operator has no owners.",
)
NOT_TWO_YET = message(
    "tenant.not_two_owners_yet",
    ja="団体管理者が2人いないか、いなくなる日が予定されているので、2人以上とは定められません。",
    en="There are no two owners, now or on a day to come, so that two cannot be required.",
    hint_ja="先に団体管理者をもう1人追加してください。",
    hint_en="Add another owner first.",
)
LOWERED_FROM_OUTSIDE = message(
    "tenant.fewest_owners_lowered_from_outside",
    ja="最少人数を1人に戻せるのは、その団体の団体管理者だけです。",
    en="Only an owner of the tenant itself goes back to one.",
    hint_ja="その団体の団体管理者に依頼してください。",
    hint_en="Ask an owner of the tenant.",
)
SUCCESSOR_NOT_ACTIVE = message(
    "member.successor_not_active",
    ja="後任の利用者は「{state}」です。引き継げるのは、利用中の利用者だけです。",
    en="The successor is {state}; only somebody who is active takes over.",
    hint_ja="招待した人がパスワードを設定し、ログインしてから引き継いでください。",
    hint_en="Hand over once the person has set a password and signed in.",
)
TO_THE_SAME = message(
    "member.handed_over_to_the_same",
    ja="引き継ぐ人と後任が同じです。",
    en="The successor is the same person.",
)


class SetFewestOwners(Command):
    """How many owners a tenant is always to have at least, and why."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    fewest_owners: Annotated[
        FewestOwners,
        Input(
            "団体管理者の最少人数",
            "Fewest owners",
            Label(
                "2人とすると、1人になる停止、削除、役割の終了はできません。",
                "With two, nobody is disabled or removed, nor does a role end, where one owner would be left.",
            ),
        ),
    ]
    reason: Annotated[LongLine, Input("理由", "Reason")]


class FewestOwnersSet(Result):
    """What holds from now on."""

    fewest_owners: FewestOwners


@handles(Permission.TENANT_SET_FEWEST_OWNERS, Event.TENANT_FEWEST_OWNERS_SET, edits="tenant {tenant_id}")
def set_fewest_owners(ctx: CommandContext, command: SetFewestOwners) -> FewestOwnersSet:
    """Set how many owners a tenant always has at least; its owners are mailed.

    Raises NotFound, NotAllowed for going back to one from outside, Conflict for the operator and where there are not
    two owners at every instant to come.
    """
    tenant = lock_tenant(ctx.session, command.tenant_id)
    if tenant.is_operator:
        raise Conflict(NO_OWNERS_OF_THE_OPERATOR, field="tenant_id")
    wanted, before = command.fewest_owners, tenant.fewest_owners
    if wanted.number < before.number and ctx.actor.tenant_id != tenant.id:
        raise NotAllowed(LOWERED_FROM_OUTSIDE, field="fewest_owners")
    if wanted.number > before.number and fewest_owners_ahead(ctx, tenant) < wanted.number:
        raise Conflict(NOT_TWO_YET, field="fewest_owners")
    if wanted is before:
        ctx.mark_noop()
        return FewestOwnersSet(fewest_owners=wanted)
    record_fewest_owners(ctx.session, tenant.id, wanted)
    payload = {"tenant_id": str(tenant.id), "fewest_owners": wanted.value}
    ctx.enqueue(MAIL_FEWEST_OWNERS, payload, tenant_id=tenant.id)
    ctx.audit(subject=tenant.id, tenant_id=tenant.id, fewest_owners=wanted.value, reason=command.reason)
    return FewestOwnersSet(fewest_owners=wanted)


class HandOverOwner(Command):
    """An owner who hands over to another person of the tenant, from when on, and why."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    member_id: Annotated[
        Id, Input("引き継ぐ人", "Owner", Label("", "The id that `member list` prints, or the username in Keycloak."))
    ]
    successor_id: Annotated[
        Id,
        Input(
            "後任",
            "Successor",
            Label("利用中で、まだ団体管理者でない人", "somebody who is active and no owner yet"),
            option="successor",
            none=Label(
                "引き継げる利用者がいません。後任を追加し、その人が一度ログインしてから引き継いでください。",
                "There is nobody to hand over to. Add a successor, and hand over once they have signed in.",
            ),
        ),
    ]
    valid_from: Annotated[
        JstDate | None,
        Input(
            "引継日",
            "Day",
            Label("その日の 0:00 から。空欄ならただちに", "from 0:00 of that day; at once if empty"),
            option="day",
        ),
    ] = None
    reason: Annotated[LongLine, Input("理由", "Reason")]


class OwnerHandedOver(Result):
    """Who was the owner, who is it next, and from when on."""

    person_id: UUID
    successor_id: UUID
    takes_effect_at: datetime


@handles(Permission.MEMBER_HAND_OVER_OWNER, Event.MEMBER_OWNER_HANDED_OVER, edits="member {member_id}")
def hand_over_owner(ctx: CommandContext, command: HandOverOwner) -> OwnerHandedOver:
    """Make one person an owner at the instant at which another one's role ends. Both are mailed.

    Raises NotFound, NotAllowed for handing over to oneself, Invalid for a day that is over and for the same person,
    Conflict where the successor is not active, is an owner then or is to be one, where the other is none then, and
    when too few owners would be left.
    """
    tenant = lock_tenant(ctx.session, command.tenant_id)
    former = member_row(ctx.session, tenant.id, command.member_id)
    successor = member_row(ctx.session, tenant.id, command.successor_id)
    if successor.id == former.id:
        raise Invalid(TO_THE_SAME, field="successor_id")
    if successor.state != MemberState.ACTIVE:
        raise Conflict(SUCCESSOR_NOT_ACTIVE, field="successor_id", state=MemberState(successor.state))
    require_somebody_else(ctx, successor)
    at = beginning(ctx, command.valid_from)
    role = Role.TENANT_OWNER
    if not grants.end(ctx.session, tenant.id, former.person_id, role, at, ctx.now):
        raise Conflict(ROLE_NOT_HELD, field="member_id", role=role)
    if grants.grant(ctx.session, tenant.id, successor.person_id, role, at, ctx.actor.id) is None:
        raise Conflict(ROLE_HELD, field="successor_id", role=role)
    require_owners(ctx, tenant)
    for member in (former, successor):
        mark_roles_changed(ctx, member)
    tell_of_role(ctx, former, "ended", role, until=at)
    tell_of_role(ctx, successor, "granted", role, since=at)
    ctx.audit(
        subject=former.person_id,
        tenant_id=tenant.id,
        successor=str(successor.person_id),
        valid_from=day_ahead(ctx, at),
        reason=command.reason,
    )
    return OwnerHandedOver(person_id=former.person_id, successor_id=successor.person_id, takes_effect_at=at)
