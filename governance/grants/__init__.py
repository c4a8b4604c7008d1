"""Moyai's own grants: which person holds which role in which tenant, from when to when.

A role counts only when the token names it and a grant here is in force; either alone allows nothing. Of two roles that
exclude each other (EXCLUDED_BY) one person's counts once only, from whichever account.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, and_, cast, not_, or_, select, update
from sqlalchemy.orm import Session, aliased

from governance.grants.tables import RoleGrant
from governance.kernel.ids import new_id
from governance.kernel.models import ReadModel
from governance.permissions import EXCLUDED_BY, Role
from governance.persons import is_one_person


class GrantFacts(ReadModel):
    """One grant: in force from `valid_from` until, not including, `valid_until`; None is still open."""

    person_id: UUID
    role: Role
    valid_from: datetime
    valid_until: datetime | None
    granted_by: str

    def in_force_on(self, instant: datetime) -> bool:
        return self.valid_from <= instant and (self.valid_until is None or self.valid_until > instant)


def roles_in_force(session: Session, tenant_id: UUID, person_id: UUID, now: datetime) -> frozenset[Role]:
    """The roles Moyai itself has granted the person in this tenant at this instant."""
    query = select_roles_in_force(now).where(RoleGrant.tenant_id == tenant_id, RoleGrant.person_id == person_id)
    return frozenset(Role(row.role) for row in session.execute(query))


def roles_held_from(session: Session, tenant_id: UUID, person_id: UUID, now: datetime) -> frozenset[Role]:
    """The roles the person holds now or is to hold later, whether they count beside others or not."""
    query = select(RoleGrant.role).where(
        RoleGrant.tenant_id == tenant_id,
        RoleGrant.person_id == person_id,
        or_(RoleGrant.is_open(), RoleGrant.valid_until > now),
    )
    return frozenset(map(Role, session.scalars(query)))


def select_roles_in_force(now: datetime) -> Select[UUID, UUID, str]:
    """The roles granted at this instant as rows of tenant_id, person_id and role: for a join with what is theirs.

    `now` may also be a bind parameter, for a statement that is built once.
    """
    granted = select(RoleGrant.tenant_id, RoleGrant.person_id, RoleGrant.role)
    return granted.where(RoleGrant.in_force_on(now), not_(_is_excluded(now)))


def roles_of_people(session: Session, tenant_id: UUID, now: datetime) -> dict[UUID, frozenset[Role]]:
    """The roles granted to everybody of the tenant at this instant, by person_id; people without any are absent."""
    granted: dict[UUID, set[Role]] = {}
    for row in session.execute(select_roles_in_force(now).where(RoleGrant.tenant_id == tenant_id)):
        granted.setdefault(row.person_id, set()).add(Role(row.role))
    return {person_id: frozenset(roles) for person_id, roles in granted.items()}


def excluded_roles_of_people(session: Session, tenant_id: UUID, now: datetime) -> dict[UUID, frozenset[Role]]:
    """The roles that do not count beside another one of the same person, by person_id; people without are absent."""
    query = select(RoleGrant.person_id, RoleGrant.role).where(RoleGrant.tenant_id == tenant_id)
    excluded: dict[UUID, set[Role]] = {}
    for row in session.execute(query.where(RoleGrant.in_force_on(now), _is_excluded(now))):
        excluded.setdefault(row.person_id, set()).add(Role(row.role))
    return {person_id: frozenset(roles) for person_id, roles in excluded.items()}


def grant(session: Session, tenant_id: UUID, person_id: UUID, role: Role, now: datetime, granted_by: str) -> bool:
    """Grant the role from now on. False when it is in force already. For use inside a command."""
    granted = select(RoleGrant.id).where(
        RoleGrant.tenant_id == tenant_id, RoleGrant.person_id == person_id, RoleGrant.role == role.value
    )
    if session.scalars(granted.where(RoleGrant.in_force_on(now))).first() is not None:
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


def were_held_at_once(grants: Iterable[GrantFacts], holders: Mapping[Role, int]) -> bool:
    """Whether there was an instant at which each of these roles had at least so many holders. Pure."""
    known = [one for one in grants if one.role in holders]

    def holding(role: Role, at: datetime) -> int:
        return len({one.person_id for one in known if one.role is role and one.in_force_on(at)})

    # The number of holders only rises when a grant begins.
    return any(all(holding(role, one.valid_from) >= n for role, n in holders.items()) for one in known)


def grants_in_tenant(session: Session, tenant_id: UUID) -> list[GrantFacts]:
    """Every grant there was in the tenant, in force or ended, in the order they were made."""
    found = session.scalars(select(RoleGrant).where(RoleGrant.tenant_id == tenant_id).order_by(RoleGrant.id))
    return list(map(GrantFacts.model_validate, found))


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


def _is_excluded(now: datetime) -> ColumnElement[bool]:
    """Whether the same person holds a role beside which this one does not count."""
    other = aliased(RoleGrant)
    person, other_person = cast(RoleGrant.person_id, String), cast(other.person_id, String)
    beside = select(other.id).where(other.tenant_id == RoleGrant.tenant_id, other.in_force_on(now))
    beside = beside.where(is_one_person(other_person, person)).correlate(RoleGrant)
    return or_(
        *(
            and_(RoleGrant.role == role.value, beside.where(other.role == by.value).exists())
            for role, by in EXCLUDED_BY.items()
        )
    )
