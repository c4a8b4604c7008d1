"""The write door of people: add a member with roles, disable one."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BeforeValidator, StringConstraints
from sqlalchemy import select

from governance import grants
from governance.actors import Actor, ActorKind
from governance.commands import Order, Outcome, Work, command
from governance.events import Event
from governance.kernel import clock
from governance.kernel.errors import Conflict, Invalid, NotAllowed, reason
from governance.kernel.ids import new_id
from governance.kernel.plain_text import Line, mail_address, plain_line
from governance.permissions import GRANTABLE_BY, OPERATOR_ROLES, TENANT_ROLES, Permission, Role
from tenancy.people import queries
from tenancy.people.tables import Member, MemberState
from tenancy.quotas.limits import refuse_above
from tenancy.tenants.queries import tenant as tenant_of
from tenancy.tenants.states import TenantState

WITHDRAW: Final = "member.withdraw"
"""The job that takes a disabled person out of Keycloak: disable and log out, both."""

ROLE_OF_ANOTHER_REALM = reason(
    "member.role_of_another_realm",
    ja="役割「{role}」は、{name} の利用者には付与できません。",
    en="The role {role} cannot be given to people of {name}.",
)
ROLE_ABOVE_OWN = reason(
    "member.role_above_own",
    ja="役割「{role}」を付与する権限がありません。",
    en="You may not give the role {role}.",
    hint_ja="その役割を付与できる団体管理者または運営者に依頼してください。",
    hint_en="Ask an owner or the operator, who may.",
)
ROLES_MISSING = reason(
    "member.roles_missing",
    ja="運営者の利用者には、役割を 1 つ以上指定してください。",
    en="People of the operator need at least one role.",
)
ADDRESS_TAKEN = reason(
    "member.address_taken",
    ja="このメールアドレスの利用者が、すでにこの団体にいます（状態: {state}）。",
    en="The tenant has a member of this address already, who is {state}.",
)
TENANT_GONE = reason(
    "member.tenant_gone",
    ja="{name} は「{state}」なので、利用者を追加できません。",
    en="{name} is {state}; nobody can be added.",
)
LAST_OWNER = reason(
    "member.last_owner",
    ja="最後の団体管理者は停止できません。",
    en="The last owner of a tenant cannot be disabled.",
    hint_ja="先に後任の団体管理者を追加してください。",
    hint_en="Add a successor first.",
)
NOT_PRESENT = reason(
    "member.not_present",
    ja="この利用者はすでに「{state}」です。",
    en="This member is {state} already.",
)


def _in_one_order(roles: Any) -> Any:
    return tuple(sorted(set(roles))) if isinstance(roles, list | tuple | set | frozenset) else roles


Roles = Annotated[tuple[Role, ...], BeforeValidator(_in_one_order)]
"""Roles in one order, each once, so that the same order has the same digest."""


class AddMember(Order):
    """A person to become a member. Without roles a plain one, who may read what every member may."""

    tenant_id: UUID
    family_name: Line
    given_name: Line
    email: Line
    roles: Roles = ()


class MemberAdded(Outcome):
    """`person_id` is the username in Keycloak, in a realm that knows no other name for the person."""

    member_id: UUID
    person_id: UUID


class DisableMember(Order):
    tenant_id: UUID
    member_id: UUID
    reason: Annotated[Line, StringConstraints(min_length=1)]


class MemberDisabled(Outcome):
    """How many grants ended; `job_id` is the job that follows in Keycloak."""

    grants_ended: int
    job_id: UUID


@command(Permission.MEMBER_ADD, Event.MEMBER_ADDED)
def add_member(work: Work, order: AddMember) -> MemberAdded:
    """Add a person and grant the roles. Nobody gives a role above the own rights; Keycloak follows by onboarding.

    Raises NotFound for the tenant, NotAllowed for a role the actor may not give, Invalid for a name, address or role
    that cannot be, Conflict for an address in use, a tenant on its way out, and a quota of users that is full.
    """
    family_name = plain_line(order.family_name, field="family_name")
    given_name = plain_line(order.given_name, field="given_name")
    email = mail_address(order.email)
    # The tenant's row is the turn of everybody who counts its people.
    tenant = tenant_of(work.session, order.tenant_id, lock=True)
    if tenant.state in (TenantState.LEAVING, TenantState.LEFT):
        raise Conflict(TENANT_GONE, field="tenant_id", name=tenant.name, state=tenant.state)
    possible = OPERATOR_ROLES if tenant.is_operator else TENANT_ROLES
    for role in order.roles:
        if role not in possible:
            raise Invalid(ROLE_OF_ANOTHER_REALM, field="roles", role=role.value, name=tenant.name)
        # Being added as a plain member is what the permission itself is about.
        if role is not Role.TENANT_MEMBER and role not in grantable_by(work.actor):
            raise NotAllowed(ROLE_ABOVE_OWN, field="roles", role=role.value)
    if tenant.is_operator and not order.roles:
        raise Invalid(ROLES_MISSING, field="roles")
    same = work.session.scalars(
        select(Member).where(
            Member.tenant_id == tenant.id, Member.email_key == email.lower(), Member.state != MemberState.REMOVED
        )
    ).first()
    if same is not None:
        raise Conflict(ADDRESS_TAKEN, field="email", state=same.state)
    if not tenant.is_operator:
        refuse_above(work.session, tenant.id, "users", queries.count_present(work.session, tenant.id) + 1)
    member = Member(
        id=new_id(),
        tenant_id=tenant.id,
        person_id=new_id(),
        family_name=family_name,
        given_name=given_name,
        email=email,
        email_key=email.lower(),
        state=MemberState.INVITED.value,
        added_by=work.actor.id,
        added_at=work.now,
    )
    work.session.add(member)
    work.session.flush()
    given = set(order.roles) | (set() if tenant.is_operator else {Role.TENANT_MEMBER})
    for role in sorted(given):
        grants.give(work.session, tenant.id, member.person_id, role, work.now, work.actor.id)
    work.record(subject=member.person_id, tenant_id=tenant.id, roles=[role.value for role in sorted(given)])
    return MemberAdded(member_id=member.id, person_id=member.person_id)


@command(Permission.MEMBER_DISABLE, Event.MEMBER_DISABLED)
def disable_member(work: Work, order: DisableMember) -> MemberDisabled:
    """Suspend a person: every grant ends now, so the next click is refused; a job does the same in Keycloak.

    Raises NotFound, Conflict when the person is suspended or removed already, and when no owner would be left.
    """
    plain_line(order.reason, field="reason", most=1_000)
    tenant = tenant_of(work.session, order.tenant_id, lock=True)
    member = queries.member(work.session, tenant.id, order.member_id, lock=True)
    if member.state not in queries.PRESENT:
        raise Conflict(NOT_PRESENT, field="member_id", state=member.state)
    if not tenant.is_operator:
        owners = queries.owners(work.session, tenant.id, clock.now())
        if [owner.id for owner in owners] == [member.id]:
            raise Conflict(LAST_OWNER, field="member_id")
    member.state = MemberState.SUSPENDED.value
    ended = grants.end(work.session, tenant.id, member.person_id, work.now)
    job_id = work.enqueue(
        WITHDRAW,
        {"tenant_id": str(tenant.id), "member_id": str(member.id), "person_id": str(member.person_id)},
        tenant_id=tenant.id,
    )
    work.record(subject=member.person_id, tenant_id=tenant.id, grants_ended=ended)
    return MemberDisabled(grants_ended=ended, job_id=job_id)


def grantable_by(actor: Actor) -> frozenset[Role]:
    """The roles this actor may give to others.

    The person at the operator's own machine sets the platform up and so may give any role of a tenant or the operator,
    break-glass excepted; a part of Moyai that works by itself gives none.
    """
    if actor.kind is ActorKind.CLIENT:
        return frozenset()
    return frozenset().union(*(GRANTABLE_BY.get(role, frozenset()) for role in actor.roles))
