"""Reading people of a tenant and the roles Moyai granted them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, literal, literal_column, or_, select
from sqlalchemy.orm import Session, aliased
from sqlalchemy.types import Uuid

from governance.grants import (
    excluded_roles_of_people,
    has_changed_roles,
    planned_grants,
    roles_of_people,
    select_roles_in_force,
)
from governance.kernel.clock import jst_date
from governance.kernel.errors import require_found
from governance.kernel.keyset import KeysetPage, OrderBy, PageRequest, fetch_page
from governance.kernel.labels import Label
from governance.kernel.waiting import WaitingSelect, first_tenants, waiting_columns
from governance.permissions import Role
from tenancy.people.models import FoundPerson, MemberDetails, MemberFacts, MemberToSync, PlannedRoleChange
from tenancy.people.states import INVITATION_LIFETIME, InvitationState, MemberState, RoleChangeKind, SyncProblem
from tenancy.people.tables import Member
from tenancy.tenants.facts import select_tenant_states

_ESCAPE_LIKE: Final = str.maketrans({"%": "!%", "_": "!_", "!": "!!"})

_RolesOfPeople = dict[UUID, frozenset[Role]]

PRESENT_STATES: Final = (MemberState.INVITED, MemberState.ACTIVE)
"""States of people who are meant to be able to sign in."""


def members(
    session: Session, tenant_id: UUID, now: datetime, *, state: MemberState | None = None
) -> list[MemberDetails]:
    """The tenant's people in the order they were added, with the roles in force at `now`.

    Without `state`, all but the removed ones.
    """
    query = select(Member).where(Member.tenant_id == tenant_id).order_by(Member.id)
    query = query.where(Member.state != MemberState.REMOVED if state is None else Member.state == state)
    roles, excluded = _roles(session, tenant_id, now)
    return [_to_details(row, roles, excluded, now) for row in session.scalars(query)]


def member(session: Session, tenant_id: UUID, member_id: UUID, now: datetime) -> MemberDetails:
    """One person of the tenant, by id or username in Keycloak. Raises NotFound, also for another tenant's person."""
    named = or_(Member.id == member_id, Member.person_id == member_id)
    found = session.scalars(select(Member).where(Member.tenant_id == tenant_id, named)).first()
    row = require_found(found, what=Label("利用者", "member"), given=member_id, field="member_id")
    return _to_details(row, *_roles(session, tenant_id, now), now)


def find_people(session: Session, words: str, part: PageRequest) -> KeysetPage[FoundPerson]:
    """A part of the people, of every tenant that this scope sees, whose name or address has these words, by address.

    Removed people are left out. The space between family and given name does not count, nor does one inside a name in
    Latin letters. Raises Invalid for a key of another list.
    """
    looked_for = "".join(words.split()).translate(_ESCAPE_LIKE)
    pattern = f"%{looked_for}%"
    found = [Member.email_key.like(pattern.lower(), escape="!")]
    # ILIKE and replace() cost most of a search through 50,000 people, and few names have letters with two cases.
    name = Member.family_name + Member.given_name
    if looked_for.lower() == looked_for.upper():
        found.append(name.like(pattern, escape="!"))
    elif "@" not in looked_for:
        found.append(func.replace(name, " ", "").ilike(pattern, escape="!"))
    query = select(Member).where(Member.state != MemberState.REMOVED, or_(*found))
    return fetch_page(session, query, [OrderBy(Member.email_key), OrderBy(Member.id)], part, FoundPerson.model_validate)


def count_present(session: Session, tenant_id: UUID) -> int:
    """How many people of the tenant are meant to be able to sign in: what the quota `users` counts."""
    return session.execute(
        select(func.count()).select_from(Member).where(Member.tenant_id == tenant_id, Member.state.in_(PRESENT_STATES))
    ).scalar_one()


def owners(session: Session, tenant_id: UUID, now: datetime) -> list[MemberDetails]:
    """The tenant's owners who are meant to be able to sign in."""
    return [
        member
        for member in members(session, tenant_id, now)
        if member.state in PRESENT_STATES and Role.TENANT_OWNER in member.roles
    ]


def count_owners(session: Session, now: datetime) -> dict[UUID, int]:
    """How many such owners each tenant has; tenants without any are absent."""
    granted = select_roles_in_force(now).subquery()
    is_theirs = and_(granted.c.tenant_id == Member.tenant_id, granted.c.person_id == Member.person_id)
    query = (
        select(Member.tenant_id, func.count())
        .join(granted, is_theirs)
        .where(granted.c.role == Role.TENANT_OWNER.value, Member.state.in_(PRESENT_STATES))
        .group_by(Member.tenant_id)
    )
    return dict(session.execute(query).tuples().all())


def members_in_keycloak(session: Session, tenant_id: UUID) -> list[MemberToSync]:
    """The people whom Keycloak has or is to have, by person_id: those present, and suspended ones created there."""
    query = (
        select(Member)
        .where(
            Member.tenant_id == tenant_id,
            or_(
                Member.state.in_(PRESENT_STATES),
                and_(Member.state == MemberState.SUSPENDED, Member.keycloak_id.is_not(None)),
            ),
        )
        .order_by(Member.person_id)
        .execution_options(populate_existing=True)
    )
    return list(map(MemberToSync.model_validate, session.scalars(query)))


def unsynced_members(session: Session, tenant_id: UUID, now: datetime, limit: int) -> list[MemberToSync]:
    """The tenant's invited people to be created in Keycloak now, in the order they were added."""
    query = select(Member).where(Member.tenant_id == tenant_id, *_to_create(now)).order_by(Member.id).limit(limit)
    return list(map(MemberToSync.model_validate, session.scalars(query)))


def tenants_with_unsynced_members(now: datetime) -> Select[UUID]:
    """A SELECT of the ids of tenants with invited people to be created in Keycloak now, for a larger statement."""
    return select(Member.tenant_id).where(*_to_create(now))


def with_changed_roles(now: datetime) -> Select[UUID, UUID, datetime]:
    """A SELECT of tenant_id, person_id and roles_synced_at of those present whose roles changed since, until now."""
    return select(Member.tenant_id, Member.person_id, Member.roles_synced_at).where(
        Member.state.in_(PRESENT_STATES),
        Member.keycloak_id.is_not(None),
        has_changed_roles(Member.person_id, Member.tenant_id, Member.roles_synced_at, now),
    )


def planned_role_changes(
    session: Session, tenant_id: UUID, now: datetime, *, member_id: UUID | None = None
) -> list[PlannedRoleChange]:
    """What lies ahead for the roles of the tenant's people, or of one of them, the soonest first."""
    people = {row.person_id: row for row in session.scalars(select(Member).where(Member.tenant_id == tenant_id))}
    return [
        PlannedRoleChange(
            id=one.id,
            member_id=people[one.person_id].id,
            family_name=people[one.person_id].family_name,
            given_name=people[one.person_id].given_name,
            role=one.role,
            kind=RoleChangeKind.START if one.begins_later else RoleChangeKind.END,
            takes_effect_at=one.takes_effect_at,
            valid_until=None if one.valid_until is None else jst_date(one.valid_until),
        )
        for one in planned_grants(session, tenant_id, now)
        if one.person_id in people and (member_id is None or people[one.person_id].id == member_id)
    ]


def former_holders(session: Session, wanted: Sequence[MemberToSync]) -> dict[UUID, list[UUID]]:
    """Who has the address of one of these people in Keycloak and gives it up: person_id → person_ids of the others.

    Removed people of any tenant, and suspended people of other tenants; not those of whom only the tenant is suspended,
    and not the operator's, who are in another realm. In a tenant's scope nobody of another tenant is found.
    """
    if not wanted:
        return {}
    tenant = select_tenant_states().subquery()
    query = select(Member.person_id, Member.tenant_id, Member.email_key, Member.state).where(
        Member.email_key.in_({person.email_key for person in wanted}),
        Member.keycloak_id.is_not(None),
        Member.address_released_at.is_(None),
        Member.state.in_((MemberState.SUSPENDED, MemberState.REMOVED)),
        Member.tenant_id.in_(select(tenant.c.id).where(~tenant.c.is_operator)),
    )
    holders = session.execute(query.order_by(Member.person_id)).all()
    return {
        person.person_id: [
            person_id
            for person_id, tenant_id, email_key, state in holders
            if email_key == person.email_key and (state == MemberState.REMOVED or tenant_id != person.tenant_id)
        ]
        for person in wanted
    }


def expired_invitations(now: datetime, *, tenant_id: UUID | None = None) -> WaitingSelect:
    """Columns of `governance.kernel.waiting`: people who set no password before their link ran out.

    Of one tenant where given. Else of the tenants in which nobody is active yet, so that nobody there can see to it;
    the operator's own people are not among them.
    """
    tenant = select_tenant_states().subquery()
    other = aliased(Member)
    is_active = other.state == MemberState.ACTIVE.value
    query = (
        select(
            *waiting_columns(
                func.count(),
                facts=None if tenant_id is None else func.jsonb_build_object("tenant", literal(tenant_id, Uuid)),
                since=func.min(Member.password_mail_sent_at) + INVITATION_LIFETIME,
                tenants=first_tenants(Member.tenant_id, Member.id),
            )
        )
        .join(tenant, tenant.c.id == Member.tenant_id)
        .where(*_has_expired(now))
    )
    if tenant_id is not None:
        return query.where(Member.tenant_id == tenant_id)
    active = select(other.id).where(other.tenant_id == Member.tenant_id, is_active).exists()
    return query.where(~tenant.c.is_operator, ~active)


def refused_people() -> WaitingSelect:
    """Columns of `governance.kernel.waiting`: people whom the identity server did not take, until somebody decides."""
    return select(
        *waiting_columns(
            func.count(), since=func.min(Member.added_at), tenants=first_tenants(Member.tenant_id, Member.id)
        )
    ).where(
        Member.state == MemberState.INVITED,
        Member.keycloak_id.is_(None),
        Member.sync_problem.in_((SyncProblem.ADDRESS_IN_USE.value, SyncProblem.REFUSED.value)),
    )


def _has_expired(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        # Not a parameter, so that a plan for every value can use the index of those invited.
        Member.state == literal_column(f"'{MemberState.INVITED.value}'"),
        Member.password_mail_sent_at < now - INVITATION_LIFETIME,
    )


def _to_create(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        Member.keycloak_id.is_(None),
        Member.replaced_keycloak_id.is_(None),
        Member.state == MemberState.INVITED,
        or_(Member.sync_problem.is_(None), Member.sync_retry_at <= now),
    )


def names_of_people(session: Session, person_ids: Collection[str]) -> dict[str, str]:
    """Family and given name of those of these people whom row-level security shows, by person_id as text.

    What is not a person's id (`cli:…`, `system:…`) is left out.
    """
    ids = [found for found in map(_person_id, person_ids) if found is not None]
    if not ids:
        return {}
    found = session.execute(
        select(Member.person_id, Member.family_name, Member.given_name).where(Member.person_id.in_(ids))
    )
    return {str(person_id): f"{family_name} {given_name}" for person_id, family_name, given_name in found}


def people_called(session: Session, text: str, *, limit: int = 200) -> list[str]:
    """The ids (person_id) of those whose name or address contains the text, as row-level security shows them.

    A name is compared without the spaces in it: 山田太郎 finds 山田 太郎.
    """
    words = "".join(text.split())
    if not words:
        return []
    name = Member.family_name.concat(Member.given_name)
    query = select(Member.person_id).where(
        or_(
            func.replace(name, " ", "").icontains(words, autoescape=True),
            Member.email_key.contains(words.lower(), autoescape=True),
        )
    )
    return [str(person_id) for person_id in session.scalars(query.limit(limit))]


def _roles(session: Session, tenant_id: UUID, now: datetime) -> tuple[_RolesOfPeople, _RolesOfPeople]:
    return roles_of_people(session, tenant_id, now), excluded_roles_of_people(session, tenant_id, now)


def _to_details(row: Member, roles: _RolesOfPeople, excluded: _RolesOfPeople, now: datetime) -> MemberDetails:
    return MemberDetails(
        **dict(MemberFacts.model_validate(row)),
        roles=tuple(sorted(roles.get(row.person_id, ()))),
        excluded_roles=tuple(sorted(excluded.get(row.person_id, ()))),
        password_mail_sent_at=row.password_mail_sent_at,
        invitation=_invitation(row, now),
        sync_problem=None if row.sync_problem is None else SyncProblem(row.sync_problem),
        address_released=row.address_released_at is not None,
        added_at=row.added_at,
    )


def _invitation(row: Member, now: datetime) -> InvitationState | None:
    if row.invitation_cancelled_at is not None:
        return InvitationState.CANCELLED
    if row.state != MemberState.INVITED:
        return None
    if row.password_mail_sent_at is None:
        return InvitationState.WAITING
    has_expired = row.password_mail_sent_at + INVITATION_LIFETIME < now
    return InvitationState.EXPIRED if has_expired else InvitationState.SENT


def _person_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
