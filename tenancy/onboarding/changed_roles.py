"""People whose roles began or ended since Keycloak was told: brought there by the worker.

What a person may do is decided by the grants at every request, so that nothing here is in time's way: a role that ended
allows nothing, whatever Keycloak says. One that began counts from the first sign-in after Keycloak has it.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from governance.commands import Command, CommandContext, Result, handles
from governance.events import Event
from governance.grants import roles_in_force
from governance.kernel.models import ReadModel
from governance.permissions import Permission
from tenancy.people.queries import with_changed_roles
from tenancy.people.rows import member_row
from tenancy.tenants.facts import select_tenant_states
from tenancy.tenants.states import TenantState

_IN_KEYCLOAK = (TenantState.TRIAL.value, TenantState.ACTIVE.value, TenantState.LEAVING.value)


class ChangedRoles(ReadModel):
    """A person whose roles differ from those Keycloak had as of `synced_at`."""

    tenant_id: UUID
    person_id: UUID
    synced_at: datetime
    is_operator: bool


def people_with_changed_roles(session: Session, now: datetime, limit: int = 50) -> list[ChangedRoles]:
    """At most `limit` of those who are in Keycloak and whose roles changed until this instant, of every tenant."""
    tenant = select_tenant_states().subquery()
    changed = with_changed_roles(now).subquery()
    query = (
        select(changed.c.tenant_id, changed.c.person_id, changed.c.roles_synced_at, tenant.c.is_operator)
        .join(tenant, tenant.c.id == changed.c.tenant_id)
        .where(or_(tenant.c.is_operator, tenant.c.state.in_(_IN_KEYCLOAK)))
        .order_by(changed.c.roles_synced_at, changed.c.person_id)
        .limit(limit)
    )
    return [
        ChangedRoles(tenant_id=tenant_id, person_id=person_id, synced_at=synced_at, is_operator=is_operator)
        for tenant_id, person_id, synced_at, is_operator in session.execute(query)
    ]


class RecordRolesSynced(Command):
    """Keycloak has the roles that a person held at `as_of`; before, it had those of `synced_at`."""

    tenant_id: UUID
    person_id: UUID
    synced_at: datetime
    as_of: datetime


class RolesSynced(Result):
    """Whether it counts: not where the roles were changed meanwhile, so that they are brought there once more."""

    is_current: bool


@handles(Permission.MEMBER_SYNC, Event.MEMBER_ROLES_SYNCED)
def record_roles_synced(ctx: CommandContext, command: RecordRolesSynced) -> RolesSynced:
    """Record as of when Keycloak has a person's roles. Only the worker may. Raises NotFound."""
    member = member_row(ctx.session, command.tenant_id, command.person_id)
    if member.roles_synced_at != command.synced_at:
        ctx.mark_noop()
        return RolesSynced(is_current=False)
    member.roles_synced_at = command.as_of
    roles = roles_in_force(ctx.session, member.tenant_id, member.person_id, command.as_of)
    ctx.audit(subject=member.person_id, tenant_id=member.tenant_id, roles=sorted(role.value for role in roles))
    return RolesSynced(is_current=True)
