"""Moyai's own grants: which person holds which role in which tenant, from when to when.

A role counts only when the token names it and a grant here is in force; either alone allows nothing.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from governance.kernel.database import TableBase
from governance.kernel.effective_dates import EffectiveDated, interval_check
from governance.kernel.ids import new_id
from governance.permissions import Role


class RoleGrant(EffectiveDated, TableBase):
    """A role given to a person in a tenant; in force from `valid_from` until, not including, `valid_until`."""

    __tablename__ = "role_grant"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        interval_check(),
        Index(
            "uq_role_grant_open", "tenant_id", "person_id", "role", unique=True, postgresql_where="valid_until IS NULL"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    person_id: Mapped[UUID]
    role: Mapped[str]
    valid_from: Mapped[datetime] = mapped_column()
    valid_until: Mapped[datetime | None] = mapped_column()
    granted_by: Mapped[str]


def roles_in_force(session: Session, tenant_id: UUID, person_id: UUID, now: datetime) -> frozenset[Role]:
    """The roles Moyai itself has granted the person in this tenant at this instant."""
    granted = session.scalars(
        select(RoleGrant.role).where(
            RoleGrant.tenant_id == tenant_id,
            RoleGrant.person_id == person_id,
            RoleGrant.in_force_on(now),
        )
    )
    return frozenset(Role(role) for role in granted)


def grant(session: Session, tenant_id: UUID, person_id: UUID, role: Role, now: datetime, granted_by: str) -> bool:
    """Grant the role from now on. False when it is in force already. For use inside a command."""
    if role in roles_in_force(session, tenant_id, person_id, now):
        return False
    session.add(
        RoleGrant(
            id=new_id(),
            tenant_id=tenant_id,
            person_id=person_id,
            role=role.value,
            valid_from=now,
            granted_by=granted_by,
        )
    )
    session.flush()
    return True


def revoke(session: Session, tenant_id: UUID, person_id: UUID, now: datetime, role: Role | None = None) -> int:
    """End the person's open grants in the tenant, or that of one role, now. Returns how many. For use in a command."""
    query = (
        update(RoleGrant)
        .where(RoleGrant.tenant_id == tenant_id, RoleGrant.person_id == person_id, RoleGrant.is_open())
        .values(valid_until=now)
        .returning(RoleGrant.id)
        .execution_options(synchronize_session=False)
    )
    if role is not None:
        query = query.where(RoleGrant.role == role.value)
    return len(session.execute(query).all())
