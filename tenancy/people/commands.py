"""The commands of people: add a member with roles, disable, resume or remove one, decide about one who waits."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from sqlalchemy import select

from governance import grants
from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, Invalid, NotAllowed, message
from governance.kernel.field_types import Id, LongLine, MailAddress, PlainLine
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.sorted_unique import SORTED_UNIQUE
from governance.outbox import INPUT_ENTERED
from governance.permissions import (
    Permission,
    Role,
    SecondPerson,
)
from tenancy.people import queries
from tenancy.people.operators import refuse_naming_from_command_line
from tenancy.people.rights import ROLE_ABOVE_OWN, require_grantable
from tenancy.people.rows import member_row
from tenancy.people.second_person import announce_owner, second_person_for
from tenancy.people.states import MemberState, SyncDecision, SyncProblem
from tenancy.people.tables import Member
from tenancy.people.withdrawal import remove, suspend
from tenancy.quotas.limits import enforce_quota
from tenancy.tenants.models import TenantDetails
from tenancy.tenants.queries import lock_tenant
from tenancy.tenants.states import TenantState

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
NOT_PRESENT = message(
    "member.not_present",
    ja="この利用者はすでに「{state}」です。",
    en="This member is already {state}.",
)
NOT_SUSPENDED = message(
    "member.not_suspended",
    ja="停止中の利用者ではありません（状態: {state}）。",
    en="Only a suspended member can be resumed; this one is {state}.",
)
ADDRESS_RELEASED = message(
    "member.address_released",
    ja="停止中にメールアドレスが解放されました。新しいメールアドレスを指定してください。",
    en="The address was released while the member was suspended; give a new one.",
)
ADDRESS_KEPT = message(
    "member.address_kept",
    ja="メールアドレスは今のまま使えます。新しいメールアドレスは指定できません。",
    en="The member keeps the present address; a new one cannot be given.",
)
NOT_OF_THE_OPERATOR = message(
    "member.operator_not_resumed",
    ja="運営者の利用者は再開できません。削除してから、もう一度追加してください。",
    en="People of the operator are not resumed; remove the person and add them again.",
)
SHARED_ACCOUNT_RELEASED = message(
    "member.shared_account_released",
    ja="この利用者のアカウントは別の団体でも使われていたため、再開できません。",
    en="Another tenant's person had the same account; this one is not resumed.",
    hint_ja="削除してから、もう一度追加してください。",
    hint_en="Remove the person and add them again.",
)
NOT_WAITING = message(
    "member.not_waiting",
    ja="この利用者は認証サービスへの登録を待っていません。",
    en="This member is not waiting to be created in the identity server.",
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


class ResumeMember(Command):
    """A suspended person to come back, with roles given anew, because the former ones ended."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    member_id: Annotated[
        Id, Input("利用者", "Member", Label("", "The id that `member list` prints, or the username in Keycloak."))
    ]
    email: Annotated[
        MailAddress | None,
        Input(
            "新しいメールアドレス",
            "New email address",
            Label(
                "停止中に今のアドレスが解放されたときだけ指定します。",
                "Only where the present one was released while the member was suspended.",
            ),
        ),
    ] = None
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
    reason: Annotated[LongLine, Input("理由", "Reason")]


class MemberResumed(Result):
    """The member who is invited again, and whether the address is a new one."""

    member_id: UUID
    has_new_address: bool


class RemoveMember(Command):
    """A person to remove for good, and why."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    member_id: Annotated[
        Id, Input("利用者", "Member", Label("", "The id that `member list` prints, or the username in Keycloak."))
    ]
    reason: Annotated[LongLine, Input("理由", "Reason")]


class MemberRemoved(Result):
    """How many grants ended; `job_id` is the job that closes the account in Keycloak and releases the address."""

    grants_ended: int
    job_id: UUID


class DecideMemberSync(Command):
    """What to do about a person who is not in Keycloak yet, and why."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    member_id: Annotated[
        Id, Input("利用者", "Member", Label("", "The id that `member list` prints, or the username in Keycloak."))
    ]
    choice: Annotated[SyncDecision, Input("対応", "Action")]
    reason: Annotated[LongLine, Input("理由", "Reason")]


class MemberSyncDecided(Result):
    """The member, and what keeps them out of Keycloak now."""

    member_id: UUID
    sync_problem: SyncProblem | None


def _who_decides(ctx: CommandContext, command: AddMember) -> SecondPerson | None:
    return second_person_for(ctx, command.tenant_id, command.roles)


@handles(Permission.MEMBER_ADD, Event.MEMBER_ADDED, approval=_who_decides)
def add_member(ctx: CommandContext, command: AddMember) -> MemberAdded:
    """Add a person and grant the roles; onboarding creates the person in Keycloak.

    Roles of the operator, and an owner who is added from outside to a tenant that takes part, need a second person.

    Raises NotFound for the tenant, NotAllowed for a role the actor may not grant and where the machine's command line
    names no more operators, Invalid for a name, address or role that cannot be used, Conflict for an address in use, a
    tenant that leaves or left, and a full quota of users.
    """
    # Lock the tenant row: it serialises the quota check on its people.
    tenant = lock_tenant(ctx.session, command.tenant_id)
    if tenant.state in (TenantState.LEAVING, TenantState.LEFT):
        raise Conflict(TENANT_GONE, field="tenant_id", name=tenant.name, state=TenantState(tenant.state))
    require_grantable(ctx, tenant, command.roles)
    if tenant.is_operator and not command.roles:
        raise Invalid(ROLES_MISSING, field="roles")
    if tenant.is_operator:
        refuse_naming_from_command_line(ctx.session, ctx.actor, tenant.id, ctx.now)
    require_free_address(ctx, tenant, command.email)
    _enforce_user_quota(ctx, tenant)
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
        roles_synced_at=ctx.now,
    )
    ctx.session.add(member)
    ctx.session.flush()
    given = _grant(ctx, tenant, member, command.roles)
    announce_owner(ctx, tenant.id, member.person_id)
    if Role.TENANT_OWNER in command.roles and tenant.state is TenantState.PROVISIONING:
        ctx.enqueue(INPUT_ENTERED, {"tenant_id": str(tenant.id)}, tenant_id=tenant.id)
    ctx.audit(subject=member.person_id, tenant_id=tenant.id, roles=given)
    return MemberAdded(member_id=member.id, person_id=member.person_id)


@handles(Permission.MEMBER_DISABLE, Event.MEMBER_DISABLED, edits="member {member_id}")
def disable_member(ctx: CommandContext, command: DisableMember) -> MemberDisabled:
    """Suspend a person and the clients they own: the next request is refused; a job does the same in Keycloak.

    Raises NotFound, NotAllowed for a person above the actor's own rights, Conflict when the person is suspended or
    removed already, and when no owner would be left.
    """
    tenant = lock_tenant(ctx.session, command.tenant_id)
    member = member_row(ctx.session, tenant.id, command.member_id)
    if member.state not in queries.PRESENT_STATES:
        raise Conflict(NOT_PRESENT, field="member_id", state=MemberState(member.state))
    ended, job_id = suspend(ctx, tenant, member, command.reason)
    return MemberDisabled(grants_ended=ended, job_id=job_id)


@handles(Permission.MEMBER_RESUME, Event.MEMBER_RESUMED, edits="member {member_id}")
def resume_member(ctx: CommandContext, command: ResumeMember) -> MemberResumed:
    """Invite a suspended person again; the worker enables the account in Keycloak.

    Raises NotFound, Conflict where the person is not suspended, Invalid where the address was released and none is
    given, or is kept and another is given, and what adding a member raises for roles, address and quota.
    """
    tenant = lock_tenant(ctx.session, command.tenant_id)
    member = member_row(ctx.session, tenant.id, command.member_id)
    if member.state != MemberState.SUSPENDED:
        raise Conflict(NOT_SUSPENDED, field="member_id", state=MemberState(member.state))
    if tenant.is_operator:
        # A person of the operator is added anew: who is one of two people is decided there.
        raise Conflict(NOT_OF_THE_OPERATOR, field="tenant_id")
    require_grantable(ctx, tenant, command.roles)
    if ctx.actor.is_operator and Role.TENANT_OWNER in command.roles:
        # Who becomes an owner from outside is added, which the tenant's own owners decide.
        raise NotAllowed(ROLE_ABOVE_OWN, field="roles", role=Role.TENANT_OWNER)
    was_released = member.address_released_at is not None
    if was_released and member.is_shared:
        # A new address would be that of an account which is another tenant's person's, too.
        raise Conflict(SHARED_ACCOUNT_RELEASED, field="member_id")
    if command.email is None and was_released:
        raise Invalid(ADDRESS_RELEASED, field="email")
    if command.email is not None:
        if not was_released:
            raise Invalid(ADDRESS_KEPT, field="email")
        require_free_address(ctx, tenant, command.email)
        member.email, member.email_key = command.email, command.email.lower()
        member.password_mail_sent_at = None
    _enforce_user_quota(ctx, tenant)
    member.state = MemberState.INVITED.value
    # Not in Keycloak as wanted: whoever is looks the account up by its username and brings it in line.
    member.keycloak_id = member.sync_problem = member.sync_retry_at = member.address_released_at = None
    member.roles_synced_at = ctx.now
    ctx.session.flush()
    given = _grant(ctx, tenant, member, command.roles)
    ctx.audit(subject=member.person_id, tenant_id=tenant.id, roles=given, has_new_address=was_released)
    return MemberResumed(member_id=member.id, has_new_address=was_released)


@handles(Permission.MEMBER_REMOVE, Event.MEMBER_REMOVED, edits="member {member_id}")
def remove_member(ctx: CommandContext, command: RemoveMember) -> MemberRemoved:
    """Remove a person for good: every grant ends now, and a job closes the account and releases the address.

    Raises NotFound, NotAllowed for a person above the actor's own rights, Conflict when the person is removed already,
    and when no owner would be left.
    """
    tenant = lock_tenant(ctx.session, command.tenant_id)
    member = member_row(ctx.session, tenant.id, command.member_id)
    if member.state == MemberState.REMOVED:
        raise Conflict(NOT_PRESENT, field="member_id", state=MemberState.REMOVED)
    ended, job_id = remove(ctx, tenant, member, command.reason)
    return MemberRemoved(grants_ended=ended, job_id=job_id)


@handles(Permission.MEMBER_DECIDE_SYNC, Event.MEMBER_SYNC_DECIDED, edits="member {member_id}")
def decide_member_sync(ctx: CommandContext, command: DecideMemberSync) -> MemberSyncDecided:
    """Retry or skip a person who is not in Keycloak yet; the audit event names the reason.

    Raises NotFound, and Conflict where the person is in Keycloak, suspended or removed, or nothing is to be retried.
    """
    member = member_row(ctx.session, command.tenant_id, command.member_id)
    waits = member.keycloak_id is None and member.state == MemberState.INVITED
    if not waits or (command.choice is SyncDecision.RETRY and member.sync_problem is None):
        raise Conflict(NOT_WAITING, field="member_id")
    before = member.sync_problem
    member.sync_problem = SyncProblem.SKIPPED.value if command.choice is SyncDecision.SKIP else None
    member.sync_retry_at = None
    ctx.audit(
        subject=member.person_id,
        tenant_id=member.tenant_id,
        choice=command.choice.value,
        before=before,
        reason=command.reason,
    )
    return MemberSyncDecided(
        member_id=member.id, sync_problem=None if member.sync_problem is None else SyncProblem(member.sync_problem)
    )


def require_free_address(ctx: CommandContext, tenant: TenantDetails, email: str) -> None:
    """Raise Conflict where another of this tenant's people has the address.

    Where else it is used is nobody's business here.
    """
    same = ctx.session.scalars(
        select(Member).where(
            Member.tenant_id == tenant.id,
            Member.email_key == email.lower(),
            Member.state != MemberState.REMOVED,
        )
    ).first()
    if same is not None:
        raise Conflict(ADDRESS_TAKEN, field="email", state=MemberState(same.state))


def _enforce_user_quota(ctx: CommandContext, tenant: TenantDetails) -> None:
    if not tenant.is_operator:
        enforce_quota(
            ctx.session, tenant.id, "users", queries.count_present(ctx.session, tenant.id) + 1, today=ctx.today
        )


def _grant(ctx: CommandContext, tenant: TenantDetails, member: Member, roles: Roles) -> list[str]:
    """Grant the roles, and that of a plain member; returns their names."""
    given = sorted(set(roles) | (set() if tenant.is_operator else {Role.TENANT_MEMBER}))
    for role in given:
        grants.grant(ctx.session, tenant.id, member.person_id, role, ctx.now, ctx.actor.id)
    return [role.value for role in given]
