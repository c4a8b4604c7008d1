"""Whether a person may act for a tenant now: read at every request, so that a change counts at the next one."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Select, String, Uuid, and_, bindparam, select
from sqlalchemy.orm import Session

from governance.grants import select_roles_in_force
from governance.kernel.models import ReadModel
from governance.permissions import Role
from tenancy.keycloak.port import Realm
from tenancy.people.states import MemberState
from tenancy.people.tables import Member
from tenancy.tenants.facts import select_tenant_states
from tenancy.tenants.states import STATE_EFFECTS, TenantState


class MembershipStatus(ReadModel):
    """A person in a tenant at one instant, with the roles Moyai granted."""

    person_id: UUID
    tenant_state: TenantState
    is_operator: bool
    member_state: MemberState
    granted: frozenset[Role]
    withdrawn_at: datetime | None

    def is_over(self, since: datetime) -> bool:
        """Whether a session or a token from then ended when the person was last suspended or removed."""
        return self.withdrawn_at is not None and since <= self.withdrawn_at

    def may_sign_in(self, realm: Realm) -> bool:
        """Whether the states of tenant and person allow sign-in, and the realm is the tenant's."""
        return (
            STATE_EFFECTS[self.tenant_state].people_sign_in
            and self.member_state in (MemberState.INVITED, MemberState.ACTIVE)
            and self.is_operator is (realm is Realm.OPERATORS)
        )


def membership_status(session: Session, tenant_id: UUID, keycloak_id: str, now: datetime) -> MembershipStatus | None:
    """The status with the tenant of the person whose user in Keycloak has this id, or None where there is none.

    One statement. Needs a transaction that row-level security lets read the tenant.
    """
    rows = session.execute(_select_status(), {"tenant_id": tenant_id, "keycloak_id": keycloak_id, "now": now}).all()
    if not rows:
        return None
    person_id, state, is_operator, member_state, withdrawn_at, leaves_at, _ = rows[0]
    has_left = leaves_at is not None and leaves_at <= now
    granted = frozenset(Role(role) for *_, role in rows if role is not None and not has_left)
    return MembershipStatus(
        person_id=person_id,
        tenant_state=TenantState(state),
        is_operator=is_operator,
        # Whose last day is over is out at once, also while no worker runs.
        member_state=MemberState.SUSPENDED if has_left else MemberState(member_state),
        granted=granted,
        withdrawn_at=withdrawn_at,
    )


def keycloak_id_of(session: Session, tenant_id: UUID, person_id: UUID) -> str | None:
    """The id of the person's user in Keycloak; None for somebody who is not there, and for nobody."""
    named = select(Member.keycloak_id).where(Member.tenant_id == tenant_id, Member.person_id == person_id)
    return session.scalar(named)


def tenants_of_user(session: Session, keycloak_id: str) -> list[UUID]:
    """The tenants that have a person whose user in Keycloak has this id, removed people included."""
    return list(session.scalars(select(Member.tenant_id).where(Member.keycloak_id == keycloak_id)))


@cache
def _select_status() -> Select[UUID, str, bool, str, datetime | None, datetime | None, str | None]:
    """The statement with parameters tenant_id, keycloak_id and now, built once: every request of a person asks it."""
    tenant_id, keycloak_id = bindparam("tenant_id", type_=Uuid()), bindparam("keycloak_id", type_=String())
    now: Any = bindparam("now", type_=DateTime(timezone=True))
    granted_role = select_roles_in_force(now).subquery()
    tenant = select_tenant_states().subquery()
    return (
        select(
            Member.person_id,
            tenant.c.state,
            tenant.c.is_operator,
            Member.state,
            Member.withdrawn_at,
            Member.leaves_at,
            granted_role.c.role,
        )
        .join(Member, Member.tenant_id == tenant.c.id)
        .outerjoin(
            granted_role,
            and_(granted_role.c.tenant_id == Member.tenant_id, granted_role.c.person_id == Member.person_id),
        )
        .where(tenant.c.id == tenant_id, Member.tenant_id == tenant_id, Member.keycloak_id == keycloak_id)
    )
