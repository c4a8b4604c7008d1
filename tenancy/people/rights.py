"""Who may give and take which roles: nobody above their own rights, and nobody to themselves."""

from __future__ import annotations

from collections.abc import Collection

from governance.actors import Actor, ActorKind
from governance.commands import CommandContext
from governance.grants import roles_held_from
from governance.kernel.errors import Invalid, NotAllowed, message
from governance.permissions import EXCLUDED_BY, GRANTABLE_BY, OPERATOR_ROLES, SCIM_ROLES, TENANT_ROLES, Role
from tenancy.people.tables import Member
from tenancy.tenants.models import TenantDetails

ROLE_OF_ANOTHER_REALM = message(
    "member.role_of_another_realm",
    ja="役割「{role}」は、{name} の利用者には付与できません。",
    en="The role {role} cannot be granted to people of {name}.",
)
ROLE_ABOVE_OWN = message(
    "member.role_above_own",
    ja="役割「{role}」を付与する権限がありません。",
    en="You may not grant the role {role}.",
    hint_ja="その役割を付与できる団体管理者または運営者に依頼してください。",
    hint_en="Ask an owner or the operator to grant it.",
)
ROLES_EXCLUDE_EACH_OTHER = message(
    "member.roles_exclude_each_other",
    ja="「{role}」と「{other}」は、1 人の人が兼ねることはできません。",
    en="One person cannot be {role} and {other}.",
    hint_ja="別の人に付与してください。",
    hint_en="Grant one of them to somebody else.",
)
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
    operator but break-glass. A service client grants none, a municipality's directory those of its groups.
    """
    if actor.is_directory:
        return SCIM_ROLES
    if actor.kind is ActorKind.CLIENT:
        return frozenset()
    return frozenset().union(*(GRANTABLE_BY.get(role, frozenset()) for role in actor.roles))


def require_grantable(ctx: CommandContext, tenant: TenantDetails, roles: Collection[Role]) -> None:
    """Raise Invalid for a role of another realm or two that exclude each other, NotAllowed for one above the own."""
    possible = OPERATOR_ROLES if tenant.is_operator else TENANT_ROLES
    for role in roles:
        if role not in possible:
            raise Invalid(ROLE_OF_ANOTHER_REALM, field="roles", role=role, name=tenant.name)
        # Being added as a plain member is what the permission itself is about.
        # Whoever approves it need not be one who grants: the requester was, when the request was made.
        is_grantable = ctx.approval is not None or role in grantable_by(ctx.actor)
        if role is not Role.TENANT_MEMBER and not is_grantable:
            raise NotAllowed(ROLE_ABOVE_OWN, field="roles", role=role)
    for role, other in EXCLUDED_BY.items():
        if role in roles and other in roles:
            raise Invalid(ROLES_EXCLUDE_EACH_OTHER, field="roles", role=role, other=other)


def may_withdraw(actor: Actor, roles: Collection[Role]) -> bool:
    """Whether this actor may take these roles from somebody: those they may grant. Break glass stops anybody.

    A plain member everybody is, and break-glass nobody grants: whoever names the operator's people ends it.
    """
    above = set(roles) - grantable_by(actor) - {Role.TENANT_MEMBER, Role.BREAK_GLASS}
    return not above or Role.BREAK_GLASS in actor.roles


def require_within_rights(ctx: CommandContext, member: Member) -> None:
    """Raise NotAllowed where the person holds, or is to get, a role that the actor may not take away.

    A municipality's directory stops whoever leaves, administrators too: who has gone must not keep access. That an
    owner stays is seen to elsewhere.
    """
    if ctx.actor.is_directory:
        return
    require_roles_within_rights(ctx, member)


def require_roles_within_rights(ctx: CommandContext, member: Member) -> None:
    """As `require_within_rights`, of a directory too: for what would let it act through the person."""
    require_reach(ctx.actor, roles_held_from(ctx.session, member.tenant_id, member.person_id, ctx.now))


def require_reach(actor: Actor, held: Collection[Role]) -> None:
    """Raise NotAllowed for the roles of somebody whom the actor may not stop."""
    if not may_withdraw(actor, held):
        above = min(role for role in held if not may_withdraw(actor, {role}))
        raise NotAllowed(PERSON_ABOVE_OWN, field="member_id", role=above)
