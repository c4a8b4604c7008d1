"""役割の保有記録: who held which role at a moment, from when to when, given and ended by whom, and why.

The grants say who held what, from when to when, and who gave it. Who ended it, and the reasons, stand in the audit log
only: `trace_grants` joins the two. What it cannot tell with certainty it leaves out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.audit.queries import AuditEventFacts, events_about_people
from governance.events import Event
from governance.grants import INSTANT, HeldGrant, RecordedGrant, grants_held, grants_of_people
from governance.kernel.clock import JST
from governance.kernel.errors import Invalid, message
from governance.kernel.keyset import KeysetPage, PageRequest
from governance.kernel.models import ReadModel
from governance.permissions import Role
from tenancy.people.queries import sections_of_people
from tenancy.people.tables import Member
from tenancy.tenants.queries import names_of_tenants

MOMENT_TO_COME = message(
    "member.roles_held_in_future",
    ja="{given} はまだ来ていません。",
    en="{given} is still to come.",
    hint_ja="今日までの日時を指定してください。予定されている変更は、利用者のページにあります。",
    hint_en="Give a moment up to now. What is prepared stands on the pages of the people.",
)

_ADDED: Final = (Event.MEMBER_ADDED, Event.MEMBER_RESUMED)
_ENDED_ALL: Final = (Event.MEMBER_DISABLED, Event.MEMBER_REMOVED, Event.MEMBER_INVITATION_CANCELLED)
_KINDS: Final = (
    *_ADDED,
    *_ENDED_ALL,
    *(Event.MEMBER_ROLE_GRANTED, Event.MEMBER_ROLE_ENDED, Event.MEMBER_ROLE_CHANGE_UNDONE),
    *(Event.MEMBER_OWNER_HANDED_OVER, Event.MEMBER_LEAVING_PLANNED, Event.MEMBER_LEAVING_UNDONE),
)
_PEOPLE_AT_ONCE: Final = 1_000
"""People whose events are read at once."""

_Person = tuple[UUID, UUID]
"""Tenant and person."""


class RoleHeld(ReadModel):
    """A role that a person held at a moment: in force from `valid_from` until, not including, `valid_until`.

    `valid_until` is as known today, null for no end. `counts` is false where another role of the same person excluded
    this one at that moment. `granted_by` and `ended_by` are accounts as the audit log names them. `ended_by` and both
    reasons are null where the audit log does not have them.
    """

    id: UUID
    tenant_id: UUID
    tenant_name: str
    member_id: UUID
    person_id: UUID
    family_name: str
    given_name: str
    email: str
    role: Role
    counts: bool
    valid_from: datetime
    valid_until: datetime | None
    granted_by: str
    grant_reason: str | None
    ended_by: str | None
    end_reason: str | None


@dataclass(frozen=True, slots=True)
class GrantTrace:
    """The audit events that began and ended a grant; None for one that is not known."""

    granted: AuditEventFacts | None = None
    ended: AuditEventFacts | None = None


def moment_of(day: date | None, clock_time: time | None, now: datetime) -> datetime:
    """The moment that a day and a time in Japan name: without a time the end of the day, without a day now.

    Raises Invalid for one that is still to come; of today without a time it is now.
    """
    if day is None:
        return now
    if clock_time is not None:
        asked = datetime.combine(day, clock_time, JST)
    else:
        asked = datetime.combine(day + timedelta(days=1), time(), JST) - INSTANT
        if datetime.combine(day, time(), JST) <= now < asked:
            return now
    if asked > now:
        given = day.isoformat() if clock_time is None else f"{day.isoformat()} {clock_time:%H:%M}"
        raise Invalid(MOMENT_TO_COME, field="on", given=given)
    return asked


def roles_held(
    session: Session,
    at: datetime,
    part: PageRequest,
    *,
    tenant_id: UUID | None = None,
    role: Role | None = None,
    person_ids: Collection[UUID] | None = None,
) -> KeysetPage[RoleHeld]:
    """A part of the roles held at a moment, by tenant and person: of every tenant that the scope sees, or of one.

    A role that a person lost by leaving ended at 0:00 of the day after the last one, also where the worker came later.
    A page may have fewer rows than asked for. Raises Invalid for a key of another list.
    """
    found = grants_held(session, at, part, tenant_id=tenant_id, role=role, person_ids=person_ids)
    tenants = names_of_tenants(session, {one.tenant_id for one in found.items})
    items: list[RoleHeld] = []
    for some in _in_portions(found.items):
        items += _described(session, some, at, tenants)
    return KeysetPage(items, found.next_key)


class PersonAsOf(ReadModel):
    """A person who had access at a moment: roles and section then, the last sign-in as known now."""

    member_id: UUID
    family_name: str
    given_name: str
    section: str | None
    roles: tuple[Role, ...]
    last_sign_in_at: datetime | None


def people_as_of(session: Session, tenant_id: UUID, at: datetime) -> list[PersonAsOf]:
    """The tenant's people who held a role at a moment, in the order in which they were added."""
    roles: defaultdict[UUID, set[Role]] = defaultdict(set)
    for one in grants_held(session, at, PageRequest(), tenant_id=tenant_id).items:
        if one.counts:
            roles[one.person_id].add(one.role)
    sections = sections_of_people(session, tenant_id, at)
    query = select(Member).where(Member.tenant_id == tenant_id, Member.person_id.in_(roles)).order_by(Member.id)
    return [
        PersonAsOf(
            member_id=row.id,
            family_name=row.family_name,
            given_name=row.given_name,
            section=sections.get(row.id),
            roles=tuple(sorted(roles[row.person_id])),
            last_sign_in_at=row.last_sign_in_at,
        )
        for row in session.scalars(query)
        if row.leaves_at is None or row.leaves_at > at
    ]


def _described(
    session: Session, held: Sequence[HeldGrant], at: datetime, tenants: Mapping[UUID, str]
) -> Iterator[RoleHeld]:
    people = _people(session, {one.person_id for one in held})
    traces = _traces(session, people)
    for one in held:
        person = people.get((one.tenant_id, one.person_id))
        if person is None:
            continue
        known = one.ended_at(person.leaves_at)
        if not known.in_force_on(at):
            continue
        trace = traces.get(one.id, GrantTrace())
        yield RoleHeld(
            **known.model_dump(exclude={"id", "tenant_id", "person_id"}),
            id=one.id,
            tenant_id=one.tenant_id,
            tenant_name=tenants.get(one.tenant_id, ""),
            member_id=person.id,
            person_id=one.person_id,
            family_name=person.family_name,
            given_name=person.given_name,
            email=person.email,
            grant_reason=_reason(trace.granted),
            ended_by=None if trace.ended is None else trace.ended.actor,
            end_reason=_reason(trace.ended),
        )


def _people(session: Session, person_ids: Collection[UUID]) -> dict[_Person, Member]:
    query = select(Member).where(Member.person_id.in_(person_ids))
    return {(row.tenant_id, row.person_id): row for row in session.scalars(query)}


def _traces(session: Session, people: Mapping[_Person, Member]) -> dict[UUID, GrantTrace]:
    ids = {person_id for _, person_id in people}
    granted: defaultdict[_Person, list[RecordedGrant]] = defaultdict(list)
    for one in grants_of_people(session, ids):
        if (one.tenant_id, one.person_id) in people:
            leaves_at = people[one.tenant_id, one.person_id].leaves_at
            granted[one.tenant_id, one.person_id].append(
                RecordedGrant(**dict(one) | {"valid_until": one.ended_at(leaves_at).valid_until})
            )
    about: defaultdict[_Person, list[AuditEventFacts]] = defaultdict(list)
    handed_over = (Event.MEMBER_OWNER_HANDED_OVER.value, "successor")
    for event in events_about_people(session, ids, _KINDS, other=handed_over):
        for person_id in {event.subject, str(event.facts.get("successor", event.subject))}:
            about[event.tenant_id, UUID(person_id)].append(event)
    found: dict[UUID, GrantTrace] = {}
    for person, theirs in granted.items():
        found |= trace_grants(theirs, about[person])
    return found


def trace_grants(grants: Sequence[RecordedGrant], events: Iterable[AuditEventFacts]) -> dict[UUID, GrantTrace]:
    """Which events began and ended each grant of one person in one tenant, by the grant's id. Pure.

    Both in the order in which they were recorded. An event is no grant's where the grant's days or giver differ.
    """
    recorded = list(events)
    begun: dict[UUID, AuditEventFacts] = {}
    found: dict[UUID, GrantTrace] = {one.id: GrantTrace() for one in grants}
    for event in recorded:
        for role in _roles_begun(event, grants):
            first = next((one for one in grants if one.id not in begun and _may_begin(one, role, event)), None)
            if first is not None:
                begun[first.id] = event
    over: set[UUID] = set()
    for event in recorded:
        # One whose beginning no event tells of may have been there all the time.
        there = [one for one in grants if one.id not in begun or begun[one.id].id <= event.id]
        for one in there:
            if begun.get(one.id) is event:
                ends = _day(event, "valid_until") == one.valid_until is not None
                found[one.id] = GrantTrace(event, event if ends else None)
            elif one.id not in over and _takes_back(event, one, found[one.id].ended):
                found[one.id] = GrantTrace(found[one.id].granted, None)
        for one in _ended(event, there, found, over):
            found[one.id] = GrantTrace(found[one.id].granted, event)
    return found


def _roles_begun(event: AuditEventFacts, grants: Sequence[RecordedGrant]) -> list[Role]:
    """The roles that the event gave to the person whose grants these are."""
    if event.event in _ADDED:
        return [Role(name) for name in event.facts.get("roles", ())]
    if event.event == Event.MEMBER_ROLE_GRANTED:
        return [Role(event.facts["role"])]
    is_successor = grants and event.facts.get("successor") == str(grants[0].person_id)
    return [Role.TENANT_OWNER] if event.event == Event.MEMBER_OWNER_HANDED_OVER and is_successor else []


def _may_begin(one: RecordedGrant, role: Role, event: AuditEventFacts) -> bool:
    if one.role is not role or one.granted_by != event.actor:
        return False
    first = _day(event, "valid_from")
    return first is None or one.valid_from == first or role is Role.TENANT_MEMBER


def _ended(
    event: AuditEventFacts, there: Sequence[RecordedGrant], found: Mapping[UUID, GrantTrace], over: set[UUID]
) -> list[RecordedGrant]:
    """The grants that the event ended, now or on a day; those that are over for good are added to `over`."""
    is_handed_over = event.event == Event.MEMBER_OWNER_HANDED_OVER
    if is_handed_over and any(str(one.person_id) != event.subject for one in there):
        return []
    if not (is_handed_over or event.event in (*_ENDED_ALL, Event.MEMBER_ROLE_ENDED, Event.MEMBER_LEAVING_PLANNED)):
        return []
    day = _day(event, "valid_from" if is_handed_over else "valid_until")
    unended = [one for one in there if one.id not in over and not one.is_empty and _concerns(event, one)]
    if day is not None:
        return [one for one in unended if one.valid_until == day]
    ended: dict[Role, RecordedGrant] = {}
    for one in unended:
        is_of_a_day = one.valid_until is not None and one.valid_until.astimezone(JST).time() == time()
        if one.valid_until is not None and not (is_of_a_day and found[one.id].ended is not None):
            ended.setdefault(one.role, one)
    over |= {one.id for one in ended.values()}
    return list(ended.values())


def _takes_back(event: AuditEventFacts, one: RecordedGrant, ended: AuditEventFacts | None) -> bool:
    """Whether the event takes back the end that was prepared for the grant."""
    taking_back = (Event.MEMBER_ROLE_CHANGE_UNDONE, Event.MEMBER_LEAVING_UNDONE)
    if ended is None or event.event not in taking_back or _day(event, "valid_until") is None:
        return False
    is_of_leaving = ended.event == Event.MEMBER_LEAVING_PLANNED
    return _concerns(event, one) and is_of_leaving is (event.event == Event.MEMBER_LEAVING_UNDONE)


def _concerns(event: AuditEventFacts, one: RecordedGrant) -> bool:
    """Whether the event is about this role: of one that names none, about every role."""
    if event.event == Event.MEMBER_OWNER_HANDED_OVER:
        return one.role is Role.TENANT_OWNER
    return bool(event.facts.get("role", one.role.value) == one.role.value)


def _day(event: AuditEventFacts, fact: str) -> datetime | None:
    """0:00 in Japan of a day among the event's facts; None without one."""
    day = event.facts.get(fact)
    return None if day is None else datetime.combine(date.fromisoformat(day), time(), JST)


def _reason(event: AuditEventFacts | None) -> str | None:
    reason = None if event is None else event.facts.get("reason")
    return None if reason is None else str(reason)


def _in_portions(held: Sequence[HeldGrant]) -> Iterator[Sequence[HeldGrant]]:
    for start in range(0, len(held), _PEOPLE_AT_ONCE):
        yield held[start : start + _PEOPLE_AT_ONCE]
