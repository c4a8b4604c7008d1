"""The status of a person in a tenant, read at every request, so that a change takes effect at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from governance.grants import RoleGrant
from governance.permissions import Role
from tenancy.keycloak.port import Realm
from tenancy.people.states import MemberState
from tenancy.people.tables import Member
from tenancy.tenants.states import STATE_EFFECTS, TenantState
from tenancy.tenants.tables import Tenant


@dataclass(frozen=True, slots=True)
class MembershipStatus:
    """A person in a tenant at one instant."""

    tenant_state: TenantState
    is_operator: bool
    member_state: MemberState
    granted: frozenset[Role]

    def may_sign_in(self, realm: Realm) -> bool:
        """Whether the states of tenant and person allow sign-in, and the realm is the tenant's."""
        return (
            STATE_EFFECTS[self.tenant_state].people_sign_in
            and self.member_state in (MemberState.INVITED, MemberState.ACTIVE)
            and self.is_operator is (realm is Realm.OPERATORS)
        )


def membership_status(session: Session, tenant_id: UUID, person_id: UUID, now: datetime) -> MembershipStatus | None:
    """The status, or None when the tenant has no such person. One statement, in the tenant's scope."""
    in_force = and_(
        RoleGrant.tenant_id == Member.tenant_id,
        RoleGrant.person_id == Member.person_id,
        RoleGrant.valid_from <= now,
        or_(RoleGrant.valid_until.is_(None), RoleGrant.valid_until > now),
    )
    rows = session.execute(
        select(Tenant.state, Tenant.is_operator, Member.state, RoleGrant.role)
        .join(Member, Member.tenant_id == Tenant.id)
        .outerjoin(RoleGrant, in_force)
        .where(Tenant.id == tenant_id, Member.person_id == person_id)
    ).all()
    if not rows:
        return None
    state, is_operator, member, _ = rows[0]
    granted = frozenset(Role(role) for *_, role in rows if role is not None)
    return MembershipStatus(TenantState(state), is_operator, MemberState(member), granted)


def operator_tenant(session: Session) -> UUID | None:
    """The id of the prefecture's own tenant. Needs the operator's scope."""
    return session.scalar(select(Tenant.id).where(Tenant.is_operator))
