"""Who may give and take which roles: nobody above their own rights, and nobody to themselves."""

from __future__ import annotations

from collections.abc import Collection

from governance.actors import Actor, ActorKind
from governance.commands import CommandContext
from governance.grants import roles_held_from
from governance.kernel.errors import NotAllowed, message
from governance.permissions import GRANTABLE_BY, Role
from tenancy.people.tables import Member

PERSON_ABOVE_OWN = message(
    "member.person_above_own",
    ja="この利用者は「{role}」なので、あなたの権限では変更できません。",
    en="This person is {role}; your own rights do not reach as far.",
    hint_ja="その役割を付与できる団体管理者または運営者に依頼してください。",
    hint_en="Ask an owner or the operator, who may grant that role.",
)


def grantable_by(actor: Actor) -> frozenset[Role]:
    """The roles this actor may grant to others.

    The person at the operator's own machine sets the platform up and so may grant any role of a tenant or the
    operator but break-glass. A service client grants none.
    """
    if actor.kind is ActorKind.CLIENT:
        return frozenset()
    return frozenset().union(*(GRANTABLE_BY.get(role, frozenset()) for role in actor.roles))


def may_withdraw(actor: Actor, roles: Collection[Role]) -> bool:
    """Whether this actor may take these roles from somebody: those they may grant. Break glass stops anybody.

    A plain member everybody is, and break-glass nobody grants: whoever names the operator's people ends it.
    """
    above = set(roles) - grantable_by(actor) - {Role.TENANT_MEMBER, Role.BREAK_GLASS}
    return not above or Role.BREAK_GLASS in actor.roles


def require_within_rights(ctx: CommandContext, member: Member) -> None:
    """Raise NotAllowed where the person holds, or is to get, a role that the actor may not take away."""
    held = roles_held_from(ctx.session, member.tenant_id, member.person_id, ctx.now)
    if not may_withdraw(ctx.actor, held):
        above = min(role for role in held if not may_withdraw(ctx.actor, {role}))
        raise NotAllowed(PERSON_ABOVE_OWN, field="member_id", role=above)
