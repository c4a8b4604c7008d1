"""Reading people of a tenant and the roles Moyai granted them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from governance.grants import RoleGrant
from governance.kernel.errors import require_found
from governance.permissions import Role
from tenancy.people.states import MemberState
from tenancy.people.tables import Member

PRESENT_STATES = (MemberState.INVITED.value, MemberState.ACTIVE.value)
"""States of people who are meant to be able to sign in."""


def members(session: Session, tenant_id: UUID, *, state: MemberState | None = None) -> list[Member]:
    """The tenant's people in the order they were added; removed ones only where asked for."""
    query = select(Member).where(Member.tenant_id == tenant_id).order_by(Member.id)
    query = query.where(Member.state != MemberState.REMOVED if state is None else Member.state == state.value)
    return list(session.scalars(query))


def member(session: Session, tenant_id: UUID, member_id: UUID, *, lock: bool = False) -> Member:
    """One person of the tenant; with `lock`, the row is held. Raises NotFound, also for another tenant's person."""
    query = select(Member).where(Member.tenant_id == tenant_id, Member.id == member_id)
    return require_found(
        session.scalars(query.with_for_update() if lock else query).first(),
        what="member",
        given=member_id,
        field="member_id",
    )


def member_of_person(session: Session, tenant_id: UUID, person_id: UUID) -> Member | None:
    """The person with this username in Keycloak, as a member of the tenant; None where it is no member of it."""
    return session.scalars(select(Member).where(Member.tenant_id == tenant_id, Member.person_id == person_id)).first()


def count_present(session: Session, tenant_id: UUID) -> int:
    """How many people of the tenant are meant to be able to sign in: what the quota `users` counts."""
    return session.execute(
        select(func.count()).select_from(Member).where(Member.tenant_id == tenant_id, Member.state.in_(PRESENT_STATES))
    ).scalar_one()


def roles_of_members(session: Session, tenant_id: UUID, now: datetime) -> dict[UUID, frozenset[Role]]:
    """The roles in force of everybody of the tenant, by person_id; people without any are absent."""
    found: dict[UUID, set[Role]] = {}
    for person_id, role in session.execute(
        select(RoleGrant.person_id, RoleGrant.role).where(
            RoleGrant.tenant_id == tenant_id,
            RoleGrant.valid_from <= now,
            or_(RoleGrant.valid_until.is_(None), RoleGrant.valid_until > now),
        )
    ):
        found.setdefault(person_id, set()).add(Role(role))
    return {person_id: frozenset(roles) for person_id, roles in found.items()}


def owners(session: Session, tenant_id: UUID, now: datetime) -> list[Member]:
    """The tenant's owners who are meant to be able to sign in."""
    roles = roles_of_members(session, tenant_id, now)
    return [
        member
        for member in members(session, tenant_id)
        if member.state in PRESENT_STATES and Role.TENANT_OWNER in roles.get(member.person_id, frozenset())
    ]


def names_of_people(session: Session, person_ids: Collection[str]) -> dict[str, str]:
    """Family and given name of those of these people whom the scope shows, by person_id as text.

    Whatever is no person's id (`cli:…`, `system:…`) is left out.
    """
    ids = [found for found in map(_person_id, person_ids) if found is not None]
    if not ids:
        return {}
    found = session.execute(
        select(Member.person_id, Member.family_name, Member.given_name).where(Member.person_id.in_(ids))
    )
    return {str(person_id): f"{family_name} {given_name}" for person_id, family_name, given_name in found}


def _person_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
