"""Reading people of a tenant and the roles Moyai granted them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, literal, literal_column, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, aliased
from sqlalchemy.types import Uuid

from governance.file_imports import ImportColumn, column_facts
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
from tenancy.people.member_file import COLUMNS
from tenancy.people.models import (
    FoundPerson,
    MemberDetails,
    MemberFacts,
    MemberToSync,
    PlannedRoleChange,
    PlannedSectionChange,
)
from tenancy.people.shared_accounts import username_of
from tenancy.people.states import (
    DORMANT_AFTER,
    INVITATION_LIFETIME,
    InvitationState,
    LeavingKind,
    MemberState,
    RoleChangeKind,
    SignIn,
    SyncProblem,
)
from tenancy.people.tables import Member, MemberSection
from tenancy.tenants.facts import select_tenant_states
from tenancy.tenants.states import TenantState

_ESCAPE_LIKE: Final = str.maketrans({"%": "!%", "_": "!_", "!": "!!"})

_RolesOfPeople = dict[UUID, frozenset[Role]]

PRESENT_STATES: Final = (MemberState.INVITED, MemberState.ACTIVE)
"""States of people who are meant to be able to sign in."""


def members(
    session: Session,
    tenant_id: UUID,
    now: datetime,
    *,
    state: MemberState | None = None,
    role: Role | None = None,
    sign_in: SignIn | None = None,
) -> list[MemberDetails]:
    """The tenant's people in the order they were added, with the roles in force at `now`.

    Without `state`, all but the removed ones. `role` and `sign_in` leave only those who hold it and signed in then.
    """
    query = select(Member).where(Member.tenant_id == tenant_id).order_by(Member.id)
    query = query.where(Member.state != MemberState.REMOVED if state is None else Member.state == state)
    if sign_in is not None:
        query = query.where(_signed_in(sign_in, now))
    roles, excluded = _roles(session, tenant_id, now)
    sections = sections_of_people(session, tenant_id, now)
    found = [_to_details(row, roles, excluded, sections, now) for row in session.scalars(query)]
    return [one for one in found if role is None or role in one.roles]


def import_columns() -> tuple[ImportColumn, ...]:
    """The columns that a file of people may have, in the order of the template."""
    return column_facts(COLUMNS)


def member(session: Session, tenant_id: UUID, member_id: UUID, now: datetime) -> MemberDetails:
    """One person of the tenant, by id or username in Keycloak. Raises NotFound, also for another tenant's person."""
    named = or_(Member.id == member_id, Member.person_id == member_id)
    found = session.scalars(select(Member).where(Member.tenant_id == tenant_id, named)).first()
    row = require_found(found, what=Label("利用者", "member"), given=member_id, field="member_id")
    sections = sections_of_people(session, tenant_id, now, member_id=row.id)
    return _to_details(row, *_roles(session, tenant_id, now), sections, now)


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
    return dict(session.execute(query).all())


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


def sections_of_people(
    session: Session, tenant_id: UUID, at: datetime, *, member_id: UUID | None = None
) -> dict[UUID, str | None]:
    """The section of each person of the tenant, or of one, at an instant, by member id; without one they are absent."""
    query = (
        select(MemberSection.member_id, MemberSection.section)
        .ext(distinct_on(MemberSection.member_id))
        .where(MemberSection.tenant_id == tenant_id, MemberSection.valid_from <= at)
        .order_by(MemberSection.member_id, MemberSection.valid_from.desc())
    )
    if member_id is not None:
        query = query.where(MemberSection.member_id == member_id)
    return dict(session.execute(query).all())


def sections_over_time(session: Session, tenant_id: UUID) -> dict[UUID, list[tuple[datetime, str | None]]]:
    """The sections of each person of the tenant with the instant from which each counts, the earliest first."""
    query = (
        select(MemberSection.member_id, MemberSection.valid_from, MemberSection.section)
        .where(MemberSection.tenant_id == tenant_id)
        .order_by(MemberSection.member_id, MemberSection.valid_from)
    )
    found: dict[UUID, list[tuple[datetime, str | None]]] = {}
    for member_id, valid_from, section in session.execute(query):
        found.setdefault(member_id, []).append((valid_from, section))
    return found


def planned_section_changes(
    session: Session, tenant_id: UUID, now: datetime, *, member_id: UUID | None = None
) -> list[PlannedSectionChange]:
    """The changes of section that lie ahead for the tenant's people, or for one of them, the soonest first."""
    query = (
        select(MemberSection, Member.family_name, Member.given_name)
        .join(Member, Member.id == MemberSection.member_id)
        .where(MemberSection.tenant_id == tenant_id, Member.tenant_id == tenant_id, MemberSection.valid_from > now)
        .order_by(MemberSection.valid_from, MemberSection.id)
    )
    if member_id is not None:
        query = query.where(MemberSection.member_id == member_id)
    return [
        PlannedSectionChange(
            id=row.id,
            member_id=row.member_id,
            family_name=family_name,
            given_name=given_name,
            section=row.section,
            takes_effect_at=row.valid_from,
        )
        for row, family_name, given_name in session.execute(query)
    ]


def former_holders(session: Session, wanted: Sequence[MemberToSync]) -> dict[UUID, list[UUID]]:
    """Who has the address of one of these people in Keycloak and gives it up: person_id → usernames of the others.

    Removed people of any tenant, people of a tenant that left, and suspended people of other tenants; not those of whom
    only the tenant is suspended, not those whose account another tenant's person uses, and not the operator's, who are
    in another realm. In a tenant's scope nobody of another is found.
    """
    if not wanted:
        return {}
    tenant = select_tenant_states().subquery()
    left = select(tenant.c.id).where(tenant.c.state == TenantState.LEFT.value)
    other = aliased(Member)
    is_in_use = (
        select(other.id)
        .where(
            username_of(other) == username_of(Member),
            other.id != Member.id,
            other.state.in_(PRESENT_STATES),
            other.tenant_id.not_in(left),
        )
        .exists()
    )
    query = select(username_of(Member), Member.tenant_id, Member.email_key, Member.state).where(
        ~is_in_use,
        Member.email_key.in_({person.email_key for person in wanted}),
        Member.keycloak_id.is_not(None),
        Member.address_released_at.is_(None),
        or_(
            Member.state.in_((MemberState.SUSPENDED, MemberState.REMOVED)),
            Member.tenant_id.in_(left),
        ),
        Member.tenant_id.in_(select(tenant.c.id).where(~tenant.c.is_operator)),
    )
    holders = session.execute(query.order_by(Member.person_id)).all()
    return {
        person.person_id: list(
            dict.fromkeys(
                username
                for username, tenant_id, email_key, state in holders
                if email_key == person.email_key and (state == MemberState.REMOVED or tenant_id != person.tenant_id)
            )
        )
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


def people_without_consent(tenant_id: UUID) -> WaitingSelect:
    """Columns of `governance.kernel.waiting`: the tenant's people whose consent is waited for, and those who declined.

    Two rows at most, told apart by `ending` of the facts: the value of the problem.
    """
    return (
        select(
            *waiting_columns(
                func.count(),
                facts=func.jsonb_build_object("tenant", literal(tenant_id, Uuid), "ending", Member.sync_problem),
                since=func.min(Member.added_at),
                tenants=first_tenants(Member.tenant_id, Member.id),
            )
        )
        .where(
            Member.tenant_id == tenant_id,
            Member.state == MemberState.INVITED,
            Member.sync_problem.in_((SyncProblem.AWAITING_CONSENT.value, SyncProblem.CONSENT_DECLINED.value)),
        )
        .group_by(Member.sync_problem)
    )


def dormant_people(now: datetime, tenant_id: UUID) -> WaitingSelect:
    """Columns of `governance.kernel.waiting`: the tenant's dormant accounts."""
    return select(
        *waiting_columns(
            func.count(),
            facts=func.jsonb_build_object("tenant", literal(tenant_id, Uuid)),
            since=func.min(func.coalesce(Member.last_sign_in_at, Member.added_at)) + DORMANT_AFTER,
            tenants=first_tenants(Member.tenant_id, Member.id),
        )
    ).where(Member.tenant_id == tenant_id, _signed_in(SignIn.DORMANT, now))


def _signed_in(when: SignIn, now: datetime) -> ColumnElement[bool]:
    if when is SignIn.NEVER:
        return Member.last_sign_in_at.is_(None)
    if when is SignIn.RECENT:
        return Member.last_sign_in_at >= now - DORMANT_AFTER
    last = func.coalesce(Member.last_sign_in_at, Member.added_at)
    return and_(Member.state == MemberState.ACTIVE, last < now - DORMANT_AFTER)


def _is_dormant(row: Member, now: datetime) -> bool:
    last = row.last_sign_in_at or row.added_at
    return row.state == MemberState.ACTIVE and last < now - DORMANT_AFTER


def _has_expired(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        # Not a parameter, so that a plan for every value can use the index of those invited.
        Member.state == literal_column(f"'{MemberState.INVITED.value}'"),
        Member.password_mail_sent_at < now - INVITATION_LIFETIME,
        # Whose consent is waited for has a row of their own.
        Member.asked_account_id.is_(None),
    )


def _to_create(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        Member.keycloak_id.is_(None),
        Member.replaced_keycloak_id.is_(None),
        Member.state == MemberState.INVITED,
        or_(Member.sync_problem.is_(None), Member.sync_retry_at <= now),
    )


def person_at(session: Session, tenant_id: UUID, address: str) -> UUID | None:
    """Whose address it is among the tenant's people; None where it is nobody's."""
    wanted = select(Member.person_id).where(Member.tenant_id == tenant_id, func.lower(Member.email) == address.lower())
    return session.scalars(wanted.order_by(Member.id.desc()).limit(1)).first()


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


def name_of_signed_in(session: Session, tenant_id: UUID, actor: str) -> tuple[str | None, bool]:
    """The name of the person who acts, None for who is none; and whether they use another tenant, too."""
    person_id = _person_id(actor)
    row = None
    if person_id is not None:
        own = select(Member.family_name, Member.given_name, Member.is_shared)
        row = session.execute(own.where(Member.tenant_id == tenant_id, Member.person_id == person_id)).first()
    return (None, False) if row is None else (f"{row.family_name} {row.given_name}", row.is_shared)


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


def _to_details(
    row: Member,
    roles: _RolesOfPeople,
    excluded: _RolesOfPeople,
    sections: Mapping[UUID, str | None],
    now: datetime,
) -> MemberDetails:
    return MemberDetails(
        **dict(MemberFacts.model_validate(row)),
        roles=tuple(sorted(roles.get(row.person_id, ()))),
        excluded_roles=tuple(sorted(excluded.get(row.person_id, ()))),
        password_mail_sent_at=row.password_mail_sent_at,
        invitation=_invitation(row, now),
        sync_problem=None if row.sync_problem is None else SyncProblem(row.sync_problem),
        address_released=row.address_released_at is not None,
        added_at=row.added_at,
        last_sign_in_at=row.last_sign_in_at,
        is_dormant=_is_dormant(row, now),
        section=sections.get(row.id),
        valid_until=None if row.leaves_at is None else jst_date(row.leaves_at),
        leaves_as=None if row.leaves_as is None else LeavingKind(row.leaves_as),
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
