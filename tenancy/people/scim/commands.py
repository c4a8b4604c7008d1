"""What a municipality's directory writes, one command a request: each is made of the commands of people.

So a person who is added, edited, suspended or resumed by SCIM passes the same rules, and leaves the same audit events,
as one whom an administrator enters; and a request counts as a whole or not at all.
"""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from pydantic import StringConstraints
from sqlalchemy import delete, select

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, NotAllowed, message, not_found, require_found
from governance.kernel.field_types import Flag, Id, MailAddress, PlainLine
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.permissions import SCIM_ROLES, TENANT_ROLES, Permission, Role
from tenancy.people.commands import (
    AddMember,
    DisableMember,
    MemberAdded,
    ResumeMember,
    add_member,
    disable_member,
    resume_member,
)
from tenancy.people.editing import EditMember, edit_member
from tenancy.people.queries import PRESENT_STATES
from tenancy.people.role_changes import EndRole, GrantRole, end_role, grant_role
from tenancy.people.rows import member_row
from tenancy.people.scim.queries import holders_of
from tenancy.people.scim.tables import ScimGroup, ScimUser
from tenancy.people.states import MemberState
from tenancy.people.tables import Member
from tenancy.tenants.queries import lock_tenant

BY_DIRECTORY: Final = "ディレクトリ連携（SCIM） / SCIM"
"""The reason that the audit log shows: the directory gives none."""

NAME_TAKEN = message(
    "scim.user_name_taken",
    ja="ディレクトリでの名前が「{given}」の利用者が、すでにいます。",
    en="Another user has the userName {given}.",
)
GROUP_NAME_TAKEN = message(
    "scim.group_name_taken",
    ja="グループ「{given}」は、すでにあります。",
    en="There is a group {given} already.",
)
NOT_BY_GROUP = message(
    "scim.role_not_by_group",
    ja="役割「{role}」は、ディレクトリのグループでは付与も終了もできません。",
    en="The role {role} is neither granted nor ended by a group of the directory.",
    hint_ja="団体管理者が画面で行ってください。",
    hint_en="An owner does it in the console.",
)

DirectoryName = Annotated[PlainLine, Input("ディレクトリでの名前", "Name in the directory")]
ExternalId = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=200)] | None,
    Input("ディレクトリでの ID", "Id in the directory"),
]
FamilyName = Annotated[PlainLine, Input("姓", "Family name")]
GivenName = Annotated[PlainLine, Input("名", "Given name")]
Address = Annotated[MailAddress, Input("メールアドレス", "Email address")]
Active = Annotated[Flag, Input("利用できる", "Active")]
GroupName = Annotated[PlainLine, Input("グループの名称", "Name of the group")]
Members = Annotated[tuple[UUID, ...], Input("グループの利用者", "Members of the group")]


class AddScimUser(Command):
    """A person of the directory who is to become a member."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    user_name: DirectoryName
    external_id: ExternalId = None
    family_name: FamilyName
    given_name: GivenName
    email: Address
    active: Active = True


class ChangeScimUser(Command):
    """A person as the directory has them now."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    member_id: Annotated[Id, Input("利用者", "Member")]
    user_name: DirectoryName
    external_id: ExternalId = None
    family_name: FamilyName
    given_name: GivenName
    email: Address
    active: Active


class ScimUserWritten(Result):
    member_id: UUID


class SetScimRoleMembers(Command):
    """Who is to hold a role, by a group of the directory."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    role: Annotated[Role, Input("役割", "Role")]
    member_ids: Members


class AddScimGroup(Command):
    """A group of the directory's own. It gives no right."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    name: GroupName
    external_id: ExternalId = None
    member_ids: Members = ()


class ChangeScimGroup(Command):
    """A group of the directory's own as it is there now."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    group_id: Annotated[Id, Input("グループ", "Group")]
    name: GroupName
    external_id: ExternalId = None
    member_ids: Members = ()


class RemoveScimGroup(Command):
    """A group of the directory's own that is there no more."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    group_id: Annotated[Id, Input("グループ", "Group")]


class ScimGroupWritten(Result):
    """The group's id: of a role's group the role."""

    group_id: str


@handles(Permission.SCIM_WRITE, Event.MEMBER_LINKED)
def add_scim_user(ctx: CommandContext, command: AddScimUser) -> ScimUserWritten:
    """Add the person as a plain member, known by the directory's names. One who is not active is suspended at once.

    Raises what adding a member raises, and Conflict for a name that another person has.
    """
    tenant = lock_tenant(ctx.session, command.tenant_id)
    added = add_member.run_within(
        ctx,
        AddMember(
            tenant_id=tenant.id,
            family_name=command.family_name,
            given_name=command.given_name,
            email=command.email,
        ),
    )
    if not isinstance(added, MemberAdded):
        raise RuntimeError("a plain member waits for nobody's approval")
    member = member_row(ctx.session, tenant.id, added.member_id)
    _link(ctx, member, command.user_name, command.external_id)
    if not command.active:
        _disable(ctx, member)
    return ScimUserWritten(member_id=member.id)


@handles(Permission.SCIM_WRITE, Event.MEMBER_LINKED, edits="member {member_id}")
def change_scim_user(ctx: CommandContext, command: ChangeScimUser) -> ScimUserWritten:
    """Bring the person to what the directory says: names, address, and whether they may sign in.

    Raises NotFound, also for a removed person, Conflict for a name or an address that another has and for the last
    owner, and NotAllowed where the address of an administrator would change.
    """
    tenant = lock_tenant(ctx.session, command.tenant_id)
    member = _present_row(ctx, tenant.id, command.member_id)
    linked = _link(ctx, member, command.user_name, command.external_id)
    former = (member.family_name, member.given_name, member.email)
    is_edited = former != (command.family_name, command.given_name, command.email)
    if is_edited:
        edit_member.run_within(
            ctx,
            EditMember(
                tenant_id=tenant.id,
                member_id=member.id,
                family_name=command.family_name,
                given_name=command.given_name,
                email=command.email,
            ),
        )
    is_present = member.state in PRESENT_STATES
    if is_present and not command.active:
        _disable(ctx, member)
    elif command.active and not is_present:
        resume_member.run_within(
            ctx,
            ResumeMember(
                tenant_id=tenant.id,
                member_id=member.id,
                email=command.email if member.address_released_at is not None else None,
                reason=BY_DIRECTORY,
            ),
        )
    elif not linked and not is_edited:
        ctx.mark_noop()
    return ScimUserWritten(member_id=member.id)


@handles(Permission.SCIM_WRITE, Event.MEMBER_ROLE_GRANTED, edits="role {role} of {tenant_id}")
def set_scim_role_members(ctx: CommandContext, command: SetScimRoleMembers) -> ScimGroupWritten:
    """Have exactly these people hold the role: the others lose it.

    Raises NotAllowed for a role that administers, NotFound for somebody who is not of the tenant, and what granting
    and ending a role raise.
    """
    tenant = lock_tenant(ctx.session, command.tenant_id)
    held = holders_of(ctx.session, tenant.id, command.role, ctx.now)
    wanted = frozenset(command.member_ids)
    if wanted == held:
        ctx.mark_noop()
        return ScimGroupWritten(group_id=command.role.value)
    if command.role not in SCIM_ROLES:
        raise NotAllowed(NOT_BY_GROUP, field="role", role=command.role)
    for member_id in sorted(wanted - held):
        _present_row(ctx, tenant.id, member_id)
        grant_role.run_within(
            ctx, GrantRole(tenant_id=tenant.id, member_id=member_id, role=command.role, reason=BY_DIRECTORY)
        )
    for member_id in sorted(held - wanted):
        end_role.run_within(
            ctx, EndRole(tenant_id=tenant.id, member_id=member_id, role=command.role, reason=BY_DIRECTORY)
        )
    return ScimGroupWritten(group_id=command.role.value)


@handles(Permission.SCIM_WRITE, Event.SCIM_GROUP_ADDED)
def add_scim_group(ctx: CommandContext, command: AddScimGroup) -> ScimGroupWritten:
    """Keep a group of the directory. Raises NotFound for a member, Conflict for a name in use."""
    tenant = lock_tenant(ctx.session, command.tenant_id)
    _require_members(ctx, tenant.id, command.member_ids)
    group = ScimGroup(
        id=new_id(),
        tenant_id=tenant.id,
        name=command.name,
        name_key=_free_name(ctx, tenant.id, command.name, None),
        external_id=command.external_id,
        member_ids=sorted(set(command.member_ids)),
        added_at=ctx.now,
        changed_at=ctx.now,
    )
    ctx.session.add(group)
    ctx.session.flush()
    ctx.audit(subject=group.id, tenant_id=tenant.id, group=group.name, members=len(group.member_ids))
    return ScimGroupWritten(group_id=str(group.id))


@handles(Permission.SCIM_WRITE, Event.SCIM_GROUP_CHANGED, edits="scim group {group_id}")
def change_scim_group(ctx: CommandContext, command: ChangeScimGroup) -> ScimGroupWritten:
    """Bring a group to what the directory says. Raises NotFound, also for a member, Conflict for a name in use."""
    tenant = lock_tenant(ctx.session, command.tenant_id)
    group = _group_row(ctx, tenant.id, command.group_id)
    members = sorted(set(command.member_ids))
    if (group.name, group.external_id, sorted(group.member_ids)) == (command.name, command.external_id, members):
        ctx.mark_noop()
        return ScimGroupWritten(group_id=str(group.id))
    _require_members(ctx, tenant.id, set(members) - set(group.member_ids))
    group.name, group.name_key = command.name, _free_name(ctx, tenant.id, command.name, group.id)
    group.external_id, group.member_ids, group.changed_at = command.external_id, members, ctx.now
    ctx.session.flush()
    ctx.audit(subject=group.id, tenant_id=tenant.id, group=group.name, members=len(members))
    return ScimGroupWritten(group_id=str(group.id))


@handles(Permission.SCIM_WRITE, Event.SCIM_GROUP_REMOVED, edits="scim group {group_id}")
def remove_scim_group(ctx: CommandContext, command: RemoveScimGroup) -> ScimGroupWritten:
    """Forget a group of the directory. Its people stay. Raises NotFound."""
    lock_tenant(ctx.session, command.tenant_id)
    group = _group_row(ctx, command.tenant_id, command.group_id)
    ctx.session.delete(group)
    ctx.session.flush()
    ctx.audit(subject=group.id, tenant_id=command.tenant_id, group=group.name)
    return ScimGroupWritten(group_id=str(group.id))


def name_key(name: str) -> str:
    """A name as names are compared: by lower-case letters (RFC 7643, 2.2)."""
    return name.lower()


def _disable(ctx: CommandContext, member: Member) -> None:
    disable_member.run_within(ctx, DisableMember(tenant_id=member.tenant_id, member_id=member.id, reason=BY_DIRECTORY))


def _link(ctx: CommandContext, member: Member, user_name: str, external_id: str | None) -> bool:
    """Store what the directory knows the person by; False where it is so already. Raises Conflict for a taken name."""
    key = name_key(user_name)
    row = ctx.session.scalars(
        select(ScimUser).where(ScimUser.tenant_id == member.tenant_id, ScimUser.member_id == member.id)
    ).first()
    known = (member.email, None) if row is None else (row.user_name, row.external_id)
    if known == (user_name, external_id):
        return False
    # Whoever was removed frees the name, as they do the address.
    gone = select(Member.id).where(Member.tenant_id == member.tenant_id, Member.state == MemberState.REMOVED)
    of_name = (ScimUser.tenant_id == member.tenant_id, ScimUser.user_name_key == key)
    ctx.session.execute(delete(ScimUser).where(*of_name, ScimUser.member_id.in_(gone)))
    if ctx.session.scalars(select(ScimUser.id).where(*of_name, ScimUser.member_id != member.id)).first() is not None:
        raise Conflict(NAME_TAKEN, field="user_name", given=user_name)
    if row is None:
        row = ScimUser(id=new_id(), tenant_id=member.tenant_id, member_id=member.id)
        ctx.session.add(row)
    row.user_name, row.user_name_key, row.external_id, row.changed_at = user_name, key, external_id, ctx.now
    ctx.session.flush()
    ctx.audit(subject=member.person_id, tenant_id=member.tenant_id, event=Event.MEMBER_LINKED)
    return True


def _present_row(ctx: CommandContext, tenant_id: UUID, member_id: UUID) -> Member:
    """The person's row, locked. Raises NotFound, also for one who was removed: the directory sees none of them."""
    member = member_row(ctx.session, tenant_id, member_id)
    if member.state == MemberState.REMOVED:
        raise not_found(what=Label("利用者", "member"), given=member_id, field="member_id")
    return member


def _group_row(ctx: CommandContext, tenant_id: UUID, group_id: UUID) -> ScimGroup:
    found = ctx.session.scalars(
        select(ScimGroup).where(ScimGroup.tenant_id == tenant_id, ScimGroup.id == group_id).with_for_update()
    ).first()
    return require_found(found, what=Label("グループ", "group"), given=group_id, field="group_id")


def _require_members(ctx: CommandContext, tenant_id: UUID, member_ids: tuple[UUID, ...] | set[UUID]) -> None:
    for member_id in sorted(set(member_ids)):
        _present_row(ctx, tenant_id, member_id)


def _free_name(ctx: CommandContext, tenant_id: UUID, name: str, group_id: UUID | None) -> str:
    """The name's key. Raises Conflict where another group has it, that of a role included."""
    key = name_key(name)
    of_roles = {name_key(text) for role in TENANT_ROLES for text in (role.ja, role.en, role.value)}
    other = select(ScimGroup.id).where(ScimGroup.tenant_id == tenant_id, ScimGroup.name_key == key)
    if group_id is not None:
        other = other.where(ScimGroup.id != group_id)
    if key in of_roles or ctx.session.scalars(other).first() is not None:
        raise Conflict(GROUP_NAME_TAKEN, field="name", given=name)
    return key
