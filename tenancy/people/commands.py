"""The commands of people: add a member with roles, disable one."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from sqlalchemy import select

from governance import grants
from governance.actors import Actor, ActorKind
from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel import clock
from governance.kernel.errors import Conflict, Invalid, NotAllowed, message
from governance.kernel.field_types import Id, LongLine, MailAddress, PlainLine
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.sorted_unique import SORTED_UNIQUE
from governance.permissions import GRANTABLE_BY, OPERATOR_ROLES, TENANT_ROLES, Permission, Role
from tenancy.people import queries
from tenancy.people.operators import refuse_naming_from_command_line
from tenancy.people.rows import member_row
from tenancy.people.states import MemberState
from tenancy.people.tables import Member
from tenancy.quotas.limits import enforce_quota
from tenancy.tenants.queries import lock_tenant
from tenancy.tenants.states import TenantState

WITHDRAW: Final = "member.withdraw"
"""The job that disables a suspended person in Keycloak and logs them out."""

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
ROLES_MISSING = message(
    "member.roles_missing",
    ja="運営者の利用者には、役割を 1 つ以上指定してください。",
    en="People of the operator need at least one role.",
)
ADDRESS_TAKEN = message(
    "member.address_taken",
    ja="このメールアドレスの利用者が、すでにこの団体にいます（状態: {state}）。",
    en="The tenant already has a member with this address, who is {state}.",
)
TENANT_GONE = message(
    "member.tenant_gone",
    ja="{name} は「{state}」なので、利用者を追加できません。",
    en="{name} is {state}; nobody can be added.",
)
LAST_OWNER = message(
    "member.last_owner",
    ja="最後の団体管理者は停止できません。",
    en="The last owner of a tenant cannot be disabled.",
    hint_ja="先に後任の団体管理者を追加してください。",
    hint_en="Add a successor first.",
)
NOT_PRESENT = message(
    "member.not_present",
    ja="この利用者はすでに「{state}」です。",
    en="This member is already {state}.",
)


Roles = Annotated[tuple[Role, ...], SORTED_UNIQUE]
"""Roles sorted, each once, so that equal commands have equal digests."""


class AddMember(Command):
    """A person to become a member. Without roles, one who may read what every member may."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    family_name: Annotated[PlainLine, Input("姓", "Family name")]
    given_name: Annotated[PlainLine, Input("名", "Given name")]
    email: Annotated[MailAddress, Input("メールアドレス", "Email address")]
    roles: Annotated[
        Roles,
        Input(
            "役割",
            "Roles",
            Label("付与できる役割だけ", "Only roles you may grant."),
            empty=Label("閲覧のみ", "read only"),
            option="role",
        ),
    ] = ()


class MemberAdded(Result):
    """`person_id` is the username in Keycloak, in a realm that knows no other name for the person."""

    member_id: UUID
    person_id: UUID


class DisableMember(Command):
    """A person to suspend, and why."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    member_id: Annotated[
        Id, Input("利用者", "Member", Label("", "The id that `member list` prints, or the username in Keycloak."))
    ]
    reason: Annotated[LongLine, Input("理由", "Reason")]


class MemberDisabled(Result):
    """How many grants ended; `job_id` is the job that disables the person in Keycloak."""

    grants_ended: int
    job_id: UUID


@handles(Permission.MEMBER_ADD, Event.MEMBER_ADDED)
def add_member(ctx: CommandContext, command: AddMember) -> MemberAdded:
    """Add a person and grant the roles; onboarding creates the person in Keycloak.

    Raises NotFound for the tenant, NotAllowed for a role the actor may not grant and where the machine's command line
    names no more operators, Invalid for a name, address or role that cannot be used, Conflict for an address in use, a
    tenant that leaves or left, and a full quota of users.
    """
    # Lock the tenant row: it serialises the quota check on its people.
    tenant = lock_tenant(ctx.session, command.tenant_id)
    if tenant.state in (TenantState.LEAVING, TenantState.LEFT):
        raise Conflict(TENANT_GONE, field="tenant_id", name=tenant.name, state=TenantState(tenant.state))
    possible = OPERATOR_ROLES if tenant.is_operator else TENANT_ROLES
    for role in command.roles:
        if role not in possible:
            raise Invalid(ROLE_OF_ANOTHER_REALM, field="roles", role=role, name=tenant.name)
        # Being added as a plain member is what the permission itself is about.
        if role is not Role.TENANT_MEMBER and role not in grantable_by(ctx.actor):
            raise NotAllowed(ROLE_ABOVE_OWN, field="roles", role=role)
    if tenant.is_operator:
        if not command.roles:
            raise Invalid(ROLES_MISSING, field="roles")
        refuse_naming_from_command_line(ctx.session, ctx.actor, tenant.id, ctx.now)
    same = ctx.session.scalars(
        select(Member).where(
            Member.tenant_id == tenant.id,
            Member.email_key == command.email.lower(),
            Member.state != MemberState.REMOVED,
        )
    ).first()
    if same is not None:
        raise Conflict(ADDRESS_TAKEN, field="email", state=MemberState(same.state))
    if not tenant.is_operator:
        enforce_quota(
            ctx.session, tenant.id, "users", queries.count_present(ctx.session, tenant.id) + 1, today=ctx.today
        )
    member = Member(
        id=new_id(),
        tenant_id=tenant.id,
        person_id=new_id(),
        family_name=command.family_name,
        given_name=command.given_name,
        email=command.email,
        email_key=command.email.lower(),
        state=MemberState.INVITED.value,
        added_by=ctx.actor.id,
        added_at=ctx.now,
    )
    ctx.session.add(member)
    ctx.session.flush()
    given = set(command.roles) | (set() if tenant.is_operator else {Role.TENANT_MEMBER})
    for role in sorted(given):
        grants.grant(ctx.session, tenant.id, member.person_id, role, ctx.now, ctx.actor.id)
    ctx.audit(subject=member.person_id, tenant_id=tenant.id, roles=[role.value for role in sorted(given)])
    return MemberAdded(member_id=member.id, person_id=member.person_id)


@handles(Permission.MEMBER_DISABLE, Event.MEMBER_DISABLED)
def disable_member(ctx: CommandContext, command: DisableMember) -> MemberDisabled:
    """Suspend a person: every grant ends now, so the next request is refused; a job does the same in Keycloak.

    Raises NotFound, Conflict when the person is suspended or removed already, and when no owner would be left.
    """
    tenant = lock_tenant(ctx.session, command.tenant_id)
    member = member_row(ctx.session, tenant.id, command.member_id)
    if member.state not in queries.PRESENT_STATES:
        raise Conflict(NOT_PRESENT, field="member_id", state=MemberState(member.state))
    if not tenant.is_operator:
        owners = queries.owners(ctx.session, tenant.id, clock.now())
        if [owner.id for owner in owners] == [member.id]:
            raise Conflict(LAST_OWNER, field="member_id")
    member.state = MemberState.SUSPENDED.value
    ended = grants.revoke(ctx.session, tenant.id, member.person_id, ctx.now)
    job_id = ctx.enqueue(
        WITHDRAW,
        {"tenant_id": str(tenant.id), "member_id": str(member.id), "person_id": str(member.person_id)},
        tenant_id=tenant.id,
    )
    ctx.audit(subject=member.person_id, tenant_id=tenant.id, grants_ended=ended)
    return MemberDisabled(grants_ended=ended, job_id=job_id)


def grantable_by(actor: Actor) -> frozenset[Role]:
    """The roles this actor may grant to others.

    The person at the operator's own machine sets the platform up and so may grant any role of a tenant or the
    operator but break-glass. A service client grants none.
    """
    if actor.kind is ActorKind.CLIENT:
        return frozenset()
    return frozenset().union(*(GRANTABLE_BY.get(role, frozenset()) for role in actor.roles))
