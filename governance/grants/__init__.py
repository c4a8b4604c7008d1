"""Moyai's own grants: which person holds which role in which tenant, from when to when.

A role counts only when the token names it and a grant here is in force; either alone allows nothing. Of two roles that
exclude each other (EXCLUDED_BY) one person's counts once only, from whichever account.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, and_, cast, func, not_, or_, select, update
from sqlalchemy.orm import Session, aliased

from governance.grants.tables import RoleGrant
from governance.kernel.ids import new_id
from governance.kernel.keyset import KeysetPage, OrderBy, PageRequest, fetch_page
from governance.kernel.models import ReadModel
from governance.permissions import EXCLUDED_BY, Role
from governance.persons import is_one_person

INSTANT: Final = timedelta(microseconds=1)
"""The least time between two instants, as the database keeps them."""


class GrantFacts(ReadModel):
    """One grant: in force from `valid_from` until, not including, `valid_until`; None is still open."""

    person_id: UUID
    role: Role
    valid_from: datetime
    valid_until: datetime | None
    granted_by: str

    def in_force_on(self, instant: datetime) -> bool:
        return self.valid_from <= instant and (self.valid_until is None or self.valid_until > instant)

    def ended_at(self, instant: datetime | None) -> GrantFacts:
        """The same grant as it counts where everything of its person ends at an instant; None for never."""
        if instant is None or (self.valid_until is not None and self.valid_until <= instant):
            return self
        return self.model_copy(update={"valid_until": instant})


class RecordedGrant(GrantFacts):
    """A grant with its id and tenant. One that was undone before it began ends where it begins."""

    id: UUID
    tenant_id: UUID

    @property
    def is_empty(self) -> bool:
        return self.valid_until is not None and self.valid_until <= self.valid_from


class HeldGrant(RecordedGrant):
    """A grant in force at an instant; `counts` is false where another role of the same person excluded it then."""

    counts: bool


class PlannedGrant(GrantFacts):
    """A grant of which something lies ahead: its beginning, else its end."""

    id: UUID
    begins_later: bool

    @property
    def takes_effect_at(self) -> datetime:
        """When what lies ahead next comes."""
        if self.begins_later or self.valid_until is None:
            return self.valid_from
        return self.valid_until


def roles_in_force(session: Session, tenant_id: UUID, person_id: UUID, now: datetime) -> frozenset[Role]:
    """The roles Moyai itself has granted the person in this tenant at this instant."""
    query = select_roles_in_force(now).where(RoleGrant.tenant_id == tenant_id, RoleGrant.person_id == person_id)
    return frozenset(Role(row.role) for row in session.execute(query))


def roles_held_from(session: Session, tenant_id: UUID, person_id: UUID, now: datetime) -> frozenset[Role]:
    """The roles the person holds now or is to hold later, whether they count beside others or not."""
    query = select(RoleGrant.role).where(
        RoleGrant.tenant_id == tenant_id,
        RoleGrant.person_id == person_id,
        or_(RoleGrant.is_open(), and_(RoleGrant.valid_until > now, _is_not_empty())),
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


def grant(
    session: Session,
    tenant_id: UUID,
    person_id: UUID,
    role: Role,
    since: datetime,
    granted_by: str,
    *,
    until: datetime | None = None,
) -> UUID | None:
    """Grant the role from an instant on, until another one where given. For use inside a command.

    Returns the grant's id; None where the role is granted already in a part of that time.
    """
    granted = select(RoleGrant.id).where(
        RoleGrant.tenant_id == tenant_id, RoleGrant.person_id == person_id, RoleGrant.role == role.value
    )
    if session.scalars(granted.where(_overlaps(since, until))).first() is not None:
        return None
    grant_id = new_id()
    session.add(
        RoleGrant(
            id=grant_id,
            tenant_id=tenant_id,
            person_id=person_id,
            role=role.value,
            valid_from=since,
            valid_until=until,
            granted_by=granted_by,
        )
    )
    session.flush()
    return grant_id


def grant_to_newcomers(
    session: Session, tenant_id: UUID, wanted: Iterable[tuple[UUID, Role, datetime]], granted_by: str
) -> None:
    """Grant each of these people the role from the instant on, in few statements. For use inside a command.

    Nobody of them holds a role yet, so that nothing is asked before.
    """
    session.add_all(
        RoleGrant(
            id=new_id(),
            tenant_id=tenant_id,
            person_id=person_id,
            role=role.value,
            valid_from=since,
            valid_until=None,
            granted_by=granted_by,
        )
        for person_id, role, since in wanted
    )
    session.flush()


def end(session: Session, tenant_id: UUID, person_id: UUID, role: Role, at: datetime, now: datetime) -> bool:
    """Have the grant of a role that would be in force at this instant, now or later, end then. False for none.

    For use inside a command. One that begins at a later instant, or just then, stays.
    """
    query = (
        update(RoleGrant)
        .where(
            RoleGrant.tenant_id == tenant_id,
            RoleGrant.person_id == person_id,
            RoleGrant.role == role.value,
            or_(RoleGrant.valid_from < at, RoleGrant.valid_from <= now),
            or_(RoleGrant.is_open(), RoleGrant.valid_until > at),
        )
        .values(valid_until=at)
        .returning(RoleGrant.id)
        .execution_options(synchronize_session=False)
    )
    return session.execute(query).first() is not None


def planned_grants(
    session: Session, tenant_id: UUID, now: datetime, *, person_id: UUID | None = None
) -> list[PlannedGrant]:
    """The grants of the tenant, or of one person, that begin or end after this instant, the soonest change first."""
    query = select(RoleGrant).where(
        RoleGrant.tenant_id == tenant_id,
        _is_not_empty(),
        or_(RoleGrant.valid_from > now, RoleGrant.valid_until > now),
    )
    if person_id is not None:
        query = query.where(RoleGrant.person_id == person_id)
    found = [
        PlannedGrant(**dict(GrantFacts.model_validate(row)), id=row.id, begins_later=row.valid_from > now)
        for row in session.scalars(query)
    ]
    return sorted(found, key=lambda one: (one.takes_effect_at, one.id))


def undo_planned(session: Session, planned: PlannedGrant) -> bool:
    """Take the next change of a planned grant back: it never begins, or never ends. For use inside a command.

    False where another grant of the role begins after the end that was to go.
    """
    row = session.get_one(RoleGrant, planned.id)
    if planned.begins_later:
        row.valid_until = row.valid_from
    else:
        others = select(RoleGrant.id).where(
            RoleGrant.tenant_id == row.tenant_id,
            RoleGrant.person_id == row.person_id,
            RoleGrant.role == row.role,
            RoleGrant.id != row.id,
            _overlaps(row.valid_from, None),
        )
        if session.scalars(others).first() is not None:
            return False
        row.valid_until = None
    session.flush()
    return True


def fewest_holders(grants: Iterable[GrantFacts], role: Role, *, since: datetime) -> int:
    """The smallest number of people who hold the role at one instant from `since` on. Pure."""
    held = [one for one in grants if one.role is role]
    # The number of holders falls only where a grant ends.
    falls = {one.valid_until for one in held if one.valid_until is not None and one.valid_until > since}
    return min(len({one.person_id for one in held if one.in_force_on(at)}) for at in {since, *falls})


def has_changed_roles(person: Any, tenant: Any, synced_at: Any, now: datetime) -> ColumnElement[bool]:
    """The condition that a role of this person in this tenant began or ended after `synced_at`, and not after `now`.

    The three are columns of the statement that asks.
    """
    changed = or_(
        and_(RoleGrant.valid_from > synced_at, RoleGrant.valid_from <= now),
        and_(RoleGrant.valid_until > synced_at, RoleGrant.valid_until <= now),
    )
    theirs = select(RoleGrant.id).where(RoleGrant.tenant_id == tenant, RoleGrant.person_id == person)
    return theirs.where(_is_not_empty(), changed).exists()


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


def grants_held(
    session: Session,
    at: datetime,
    part: PageRequest,
    *,
    tenant_id: UUID | None = None,
    role: Role | None = None,
    person_ids: Collection[UUID] | None = None,
) -> KeysetPage[HeldGrant]:
    """A part of the grants that were in force at an instant: of every tenant that the scope sees, or of one.

    By tenant, then by person, each in the order in which they were registered. `role` and `person_ids` narrow. Raises
    Invalid for a key of another list.
    """
    query = select(RoleGrant, not_(_is_excluded(at))).where(RoleGrant.in_force_on(at))
    if tenant_id is not None:
        query = query.where(RoleGrant.tenant_id == tenant_id)
    if role is not None:
        query = query.where(RoleGrant.role == role.value)
    if person_ids is not None:
        query = query.where(RoleGrant.person_id.in_(person_ids))
    order = [OrderBy(RoleGrant.tenant_id), OrderBy(RoleGrant.person_id), OrderBy(RoleGrant.id)]
    return fetch_page(session, query, order, part, _to_held)


def grants_of_people(session: Session, person_ids: Collection[UUID]) -> list[RecordedGrant]:
    """Every grant that these people ever had, also those undone before they began, in the order they were made."""
    found = session.scalars(select(RoleGrant).where(RoleGrant.person_id.in_(person_ids)).order_by(RoleGrant.id))
    return list(map(RecordedGrant.model_validate, found))


def _to_held(row: RoleGrant, counts: bool) -> HeldGrant:
    return HeldGrant(**dict(RecordedGrant.model_validate(row)), counts=counts)


def revoke(session: Session, tenant_id: UUID, person_id: UUID, now: datetime, role: Role | None = None) -> int:
    """End the person's grants in the tenant, or those of one role, now, and have those that were to come never begin.

    Returns how many. For use in a command.
    """
    query = (
        update(RoleGrant)
        .where(
            RoleGrant.tenant_id == tenant_id,
            RoleGrant.person_id == person_id,
            or_(RoleGrant.is_open(), and_(RoleGrant.valid_until > now, _is_not_empty())),
        )
        .values(valid_until=func.greatest(RoleGrant.valid_from, now))
        .returning(RoleGrant.id)
        .execution_options(synchronize_session=False)
    )
    if role is not None:
        query = query.where(RoleGrant.role == role.value)
    return len(session.execute(query).all())


def _is_not_empty() -> ColumnElement[bool]:
    """Whether the grant is in force at any instant: one that was undone before it began is not."""
    return or_(RoleGrant.is_open(), RoleGrant.valid_until > RoleGrant.valid_from)


def _overlaps(since: datetime, until: datetime | None) -> ColumnElement[bool]:
    ends_after = and_(_is_not_empty(), or_(RoleGrant.is_open(), RoleGrant.valid_until > since))
    return ends_after if until is None else and_(ends_after, RoleGrant.valid_from < until)


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
