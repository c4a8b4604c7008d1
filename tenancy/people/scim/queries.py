"""A tenant's people and groups as its directory sees them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from governance.grants import roles_of_people
from governance.permissions import TENANT_ROLES, Role
from tenancy.people.queries import PRESENT_STATES
from tenancy.people.scim.models import ScimGroupFacts, ScimUserFacts
from tenancy.people.scim.tables import ScimGroup, ScimUser
from tenancy.people.states import MemberState
from tenancy.people.tables import Member
from tenancy.tenants.queries import tenant as find_tenant

ROLE_GROUPS: Final = tuple(role for role in Role if role in TENANT_ROLES - {Role.TENANT_MEMBER})
"""The roles that are shown as groups. A plain member everybody is."""


def scim_users(
    session: Session,
    tenant_id: UUID,
    now: datetime,
    *,
    member_id: UUID | None = None,
    user_name: str | None = None,
    external_id: str | None = None,
) -> list[ScimUserFacts]:
    """The tenant's people but the removed ones, in the order they were added.

    All, or only the one of this id, of this name (compared by lower-case letters), or those of this external id.
    """
    query = (
        select(Member, ScimUser)
        .outerjoin(ScimUser, and_(ScimUser.tenant_id == Member.tenant_id, ScimUser.member_id == Member.id))
        .where(Member.tenant_id == tenant_id, Member.state != MemberState.REMOVED)
        .order_by(Member.id)
    )
    if member_id is not None:
        query = query.where(Member.id == member_id)
    if user_name is not None:
        key = user_name.lower()
        query = query.where(or_(ScimUser.user_name_key == key, and_(ScimUser.id.is_(None), Member.email_key == key)))
    if external_id is not None:
        query = query.where(ScimUser.external_id == external_id)
    roles = roles_of_people(session, tenant_id, now)
    return [
        ScimUserFacts(
            member_id=member.id,
            user_name=member.email if known is None else known.user_name,
            external_id=None if known is None else known.external_id,
            family_name=member.family_name,
            given_name=member.given_name,
            email=member.email,
            state=MemberState(member.state),
            roles=roles.get(member.person_id, frozenset()),
            added_at=member.added_at,
            changed_at=member.added_at if known is None else known.changed_at,
        )
        for member, known in session.execute(query)
    ]


def holders_of(session: Session, tenant_id: UUID, role: Role, now: datetime) -> frozenset[UUID]:
    """The ids of the people who are meant to be able to sign in and hold the role at this instant."""
    holders = {person for person, roles in roles_of_people(session, tenant_id, now).items() if role in roles}
    found = session.execute(
        select(Member.id, Member.person_id).where(Member.tenant_id == tenant_id, Member.state.in_(PRESENT_STATES))
    )
    return frozenset(member_id for member_id, person_id in found if person_id in holders)


def scim_groups(session: Session, tenant_id: UUID, now: datetime) -> list[ScimGroupFacts]:
    """A group for each role, then those of the directory's own in the order they were added."""
    since = find_tenant(session, tenant_id).registered_at
    people = scim_users(session, tenant_id, now)
    present = {one.member_id for one in people}
    of_roles = [
        ScimGroupFacts(
            id=role.value,
            role=role,
            name=role.ja,
            external_id=None,
            member_ids=_holding(people, role),
            added_at=since,
            changed_at=since,
        )
        for role in ROLE_GROUPS
    ]
    own = session.scalars(select(ScimGroup).where(ScimGroup.tenant_id == tenant_id).order_by(ScimGroup.id))
    return of_roles + [
        ScimGroupFacts(
            id=str(row.id),
            role=None,
            name=row.name,
            external_id=row.external_id,
            # Whoever was removed meanwhile is in no group.
            member_ids=frozenset(row.member_ids) & present,
            added_at=row.added_at,
            changed_at=row.changed_at,
        )
        for row in own
    ]


def count_linked(session: Session, tenant_id: UUID) -> int:
    """How many of the tenant's people its directory has named."""
    return session.execute(
        select(func.count())
        .select_from(ScimUser)
        .join(Member, and_(Member.tenant_id == ScimUser.tenant_id, Member.id == ScimUser.member_id))
        .where(ScimUser.tenant_id == tenant_id, Member.state != MemberState.REMOVED)
    ).scalar_one()


def _holding(people: Iterable[ScimUserFacts], role: Role) -> frozenset[UUID]:
    return frozenset(one.member_id for one in people if role in one.roles and one.state in PRESENT_STATES)
