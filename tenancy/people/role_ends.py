"""Ending one role of a person of the operator, such as one of two that exclude each other."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from governance import grants
from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, message
from governance.kernel.field_types import Id, LongLine
from governance.kernel.labels import Label
from governance.permissions import Permission, Role, SecondPerson
from tenancy.people.rows import member_row
from tenancy.tenants.queries import lock_tenant

ROLE_NOT_HELD = message(
    "member.role_not_held",
    ja="この利用者は、役割「{role}」を持っていません。",
    en="This person does not hold the role {role}.",
)
ROLES_OF_OPERATOR_ONLY = message(
    "member.roles_of_operator_only",
    ja="役割を 1 つずつ終えられるのは、運営者の利用者だけです。",
    en="Only people of the operator have single roles ended.",
    hint_ja="団体の利用者は、停止してください。",
    hint_en="Disable the person instead.",
)


class EndRole(Command):
    """A role that a person of the operator is to lose, and why."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    member_id: Annotated[
        Id, Input("利用者", "Member", Label("", "The id that `member list` prints, or the username in Keycloak."))
    ]
    role: Annotated[Role, Input("役割", "Role")]
    reason: Annotated[LongLine, Input("理由", "Reason")]


class RoleEnded(Result):
    """Whose role it was."""

    person_id: UUID


@handles(Permission.MEMBER_END_ROLE, Event.MEMBER_ROLE_ENDED, approval=SecondPerson.ROLES, edits="member {member_id}")
def end_role(ctx: CommandContext, command: EndRole) -> RoleEnded:
    """End a role now. What it excluded counts from then on, so that two people decide this, too.

    The role stays in Keycloak, where it allows nothing without a grant here. Raises NotFound, and Conflict for a person
    of a tenant and for a role that the person does not hold.
    """
    tenant = lock_tenant(ctx.session, command.tenant_id)
    if not tenant.is_operator:
        raise Conflict(ROLES_OF_OPERATOR_ONLY, field="tenant_id")
    member = member_row(ctx.session, tenant.id, command.member_id)
    if not grants.revoke(ctx.session, tenant.id, member.person_id, ctx.now, command.role):
        raise Conflict(ROLE_NOT_HELD, field="role", role=command.role)
    ctx.audit(subject=member.person_id, tenant_id=tenant.id, role=command.role.value, reason=command.reason)
    return RoleEnded(person_id=member.person_id)
