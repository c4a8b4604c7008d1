"""Reads of the audit log. The tenant scope of the session decides: a tenant sees its own events, the operator all."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, TypedDict, Unpack
from uuid import UUID

from pydantic import AfterValidator
from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, bindparam, exists, func, not_, or_, select, union
from sqlalchemy.orm import InstrumentedAttribute, Session

from governance.audit.tables import BY_HAND, AuditEvent, AuditSeal
from governance.former_names import (
    current_command,
    current_event,
    current_facts,
    current_permission,
    stored_events,
)
from governance.kernel.database import OPERATOR, current_scope
from governance.kernel.errors import Invalid
from governance.kernel.keyset import INVALID_CURSOR, KeysetPage, OrderBy, PageRequest, fetch_page
from governance.kernel.models import ReadModel


class AuditEventFacts(ReadModel):
    """What one command did, or why it did nothing. People appear as their uuid.

    `tenant_id` is the tenant concerned, `acting_tenant_id` the actor's own. `facts` depend on the command and hold no
    personal data. Names that version 0.1 stored are given as they are now; the row keeps those it was sealed with.
    """

    id: UUID
    tenant_id: UUID
    recorded_at: datetime
    actor: str
    actor_kind: str
    acting_tenant_id: UUID
    command: Annotated[str, AfterValidator(current_command)]
    event: Annotated[str, AfterValidator(current_event)]
    permission: Annotated[str, AfterValidator(current_permission)]
    outcome: str
    subject: str
    facts: Annotated[dict[str, Any], AfterValidator(current_facts)]
    request_id: str | None


class SealedEventFacts(AuditEventFacts):
    """An event with its place in its tenant's stream: 1, 2, 3, … without a gap."""

    sequence: int


class AuditFeed(ReadModel):
    """Events in the order in which they were sealed. `after` asks for those that follow, also when there are none yet.

    It is short text and stays good.
    """

    events: tuple[SealedEventFacts, ...]
    after: str


@dataclass(frozen=True, slots=True)
class EventSearch:
    """What the words of a search stand for: an event matches by any of these, or where its reason contains `text`."""

    text: str
    events: Collection[str] = ()
    people: Collection[str] = ()
    """As actor or as subject."""
    tenants: Collection[UUID] = ()
    subjects: Collection[str] = ()


class EventFilters(TypedDict, total=False):
    """Which events; each that is given and not None narrows. `since` is included and `until` is not.

    `subjects` are several, any of which will do; `people` are actors or subjects. `by_hand` leaves out what Moyai did
    by itself. `search` is what `EventSearch` says.
    """

    tenant_id: UUID | None
    subject: str | None
    subjects: Collection[str] | None
    outcome: str | None
    event: str | None
    actor: str | None
    since: datetime | None
    until: datetime | None
    people: Collection[str] | None
    by_hand: bool
    search: EventSearch | None


def events(session: Session, *, limit: int = 50, **filters: Unpack[EventFilters]) -> list[AuditEventFacts]:
    """The newest events that the filters let through, at most `limit`."""
    return events_page(session, PageRequest(limit), **filters).items


def events_page(session: Session, part: PageRequest, **filters: Unpack[EventFilters]) -> KeysetPage[AuditEventFacts]:
    """A part of the events that the filters let through, newest first. Raises Invalid for a key of another list."""
    conditions = _conditions(filters)
    query = select(AuditEvent).where(*conditions)
    if search := filters.get("search"):
        query = query.where(AuditEvent.id.in_(_found_by(search, conditions, part)))
    newest_first = [OrderBy(AuditEvent.id, descending=True)]
    return fetch_page(session, query, newest_first, part, AuditEventFacts.model_validate)


def events_of_action(session: Session, event_id: UUID) -> list[AuditEventFacts]:
    """The events that one command recorded together with this one, in their order; none for an unknown id."""
    known = session.scalars(select(AuditEvent).where(AuditEvent.id == event_id)).first()
    if known is None:
        return []
    near = select(AuditEvent).where(
        AuditEvent.id >= _least_id(known.recorded_at - _ACTION_TIME),
        AuditEvent.id < _least_id(known.recorded_at + _ACTION_TIME),
        AuditEvent.actor == known.actor,
        AuditEvent.command == known.command,
    )
    found = map(AuditEventFacts.model_validate, session.scalars(near.order_by(AuditEvent.id)))
    return [event for event in found if is_same_action(event.id, known.id)]


def events_about_people(
    session: Session, person_ids: Collection[UUID], kinds: Collection[str], *, other: tuple[str, str] | None = None
) -> list[AuditEventFacts]:
    """What was done about these people, of these kinds of events, in the order of recording.

    `other` is a kind of event that names a second person in a fact: those in which it is one of these are added.
    """
    people = [str(one) for one in person_ids]
    stored = [name for kind in kinds for name in stored_events(kind)]
    done = AuditEvent.outcome == "done"
    about = select(AuditEvent).where(AuditEvent.subject.in_(people), AuditEvent.event.in_(stored), done)
    found = {row.id: row for row in session.scalars(about)}
    if other is not None:
        kind, fact = other
        named = AuditEvent.event.in_(stored_events(kind)), AuditEvent.facts[fact].astext.in_(people)
        found |= {row.id: row for row in session.scalars(select(AuditEvent).where(*named, done))}
    return [AuditEventFacts.model_validate(found[one]) for one in sorted(found)]


def is_same_action(one: UUID, other: UUID) -> bool:
    """Whether one command recorded these two of its actor's events: their ids count up from one random number.

    `governance.audit.writer` makes them so; the server sets the time in front of it.
    """
    return abs((one.int & _RANDOM) - (other.int & _RANDOM)) <= MAX_EVENTS_OF_ACTION


MAX_EVENTS_OF_ACTION: Final = 10_000
"""More events than one command records."""

_RANDOM: Final = (1 << 62) - 1
"""The part of an id (UUIDv7) behind its time."""

_ACTION_TIME: Final = timedelta(seconds=60)
"""A transaction that records an event commits within this time (`governance.audit.chain`)."""


def _conditions(filters: EventFilters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for name in ("tenant_id", "subject", "outcome", "actor"):
        if filters.get(name) is not None:
            found.append(getattr(AuditEvent, name) == filters.get(name))
    if event := filters.get("event"):
        found.append(AuditEvent.event.in_(stored_events(event)))
    if since := filters.get("since"):
        found.append(AuditEvent.recorded_at >= since)
        found.append(AuditEvent.id >= _least_id(since))
    if until := filters.get("until"):
        found.append(AuditEvent.recorded_at < until)
        found.append(AuditEvent.id < _least_id(until))
    if (subjects := filters.get("subjects")) is not None:
        found.append(AuditEvent.subject.in_(subjects))
    if (people := filters.get("people")) is not None:
        found.append(or_(AuditEvent.actor.in_(people), AuditEvent.subject.in_(people)))
    if filters.get("by_hand"):
        found.append(BY_HAND)
    return found


def _found_by(
    search: EventSearch, conditions: Sequence[ColumnElement[bool]], part: PageRequest
) -> CompoundSelect[tuple[UUID]]:
    """A SELECT of the ids that a search lets through, as many of the newest as a page takes.

    Each way of matching is read by an index of its own, newest first, and no further than one page.
    """
    ways = [and_(AuditEvent.facts.has_key("reason"), _reason().contains(search.text, autoescape=True))]
    if search.events:
        ways.append(AuditEvent.event.in_([name for event in search.events for name in stored_events(event)]))
    for column, values in (
        (AuditEvent.actor, search.people),
        (AuditEvent.subject, [*search.people, *search.subjects]),
        (AuditEvent.tenant_id, search.tenants),
    ):
        if values:
            ways.append(column.in_(values))
    below = [] if (after := part.values(UUID)) is None else [AuditEvent.id < after[0]]
    newest = [
        select(AuditEvent.id)
        .where(way, *conditions, *below)
        .order_by(AuditEvent.id.desc())
        .limit(part.fetch)
        .subquery()
        for way in ways
    ]
    return union(*(select(one.c.id) for one in newest))


def _reason() -> ColumnElement[str]:
    reason: ColumnElement[str] = AuditEvent.facts["reason"].astext
    return reason


def _least_id(instant: datetime) -> UUID:
    """The least id of an event recorded at this time or later: the server begins ids with the milliseconds."""
    return UUID(int=int(instant.timestamp() * 1000) << 80)


def feed(session: Session, *, limit: int, after: str | None = None, tenant_id: UUID | None = None) -> AuditFeed:
    """At most `limit` events in the order in which they were sealed, those after `after` (None: from the beginning).

    Nothing is left out or repeated while others write: one sealer at a time gives each event its place once its
    transaction has committed, and never a place below one given before. What waits for its seal comes later, usually
    within seconds. A tenant's reader gets the tenant's stream, an operator's all, or that of `tenant_id`. Raises
    Invalid for an `after` that was not given to such a reader.
    """
    kind = "p" if current_scope() == OPERATOR else "s"
    found = sealed_after(session, _place(after, kind), limit=limit, tenant_id=tenant_id)
    events = tuple(event for _, event in found)
    return AuditFeed(events=events, after=f"{kind}{found[-1][0]}" if found else after or f"{kind}0")


def sealed_after(
    session: Session, place: int, *, limit: int, tenant_id: UUID | None = None
) -> list[tuple[int, SealedEventFacts]]:
    """At most `limit` events sealed after a place, each with its own, in the order of sealing (see `feed`).

    In the operator's scope a place is a position among all streams, in a tenant's scope a number in its stream.
    """
    scope = current_scope()
    # A tenant's place is the one in its own stream: numbers over all streams would say how much others do.
    column = AuditSeal.position if scope == OPERATOR else AuditSeal.sequence
    query = (
        select(AuditEvent, AuditSeal.sequence, column)
        .join(AuditEvent, (AuditEvent.tenant_id == AuditSeal.tenant_id) & (AuditEvent.id == AuditSeal.event_id))
        .where(column > place)
        .order_by(column)
        .limit(limit)
    )
    for stream in (tenant_id, None if scope == OPERATOR else scope):
        if stream is not None:
            query = query.where(AuditSeal.tenant_id == stream)
    return [
        (
            at,
            SealedEventFacts(sequence=sequence, **{name: getattr(row, name) for name in AuditEventFacts.model_fields}),
        )
        for row, sequence, at in session.execute(query)
    ]


def is_sealed_after(
    place: ColumnElement[int], stream: ColumnElement[UUID], is_every_stream: ColumnElement[bool]
) -> ColumnElement[bool]:
    """A condition for a row of another table: whether something was sealed after its place.

    The place is a position where the row is about every stream, else a number in its stream, as in `sealed_after`.
    """
    anywhere = exists().where(AuditSeal.position > place)
    in_stream = exists().where(AuditSeal.tenant_id == stream, AuditSeal.sequence > place)
    return or_(and_(is_every_stream, anywhere), and_(not_(is_every_stream), in_stream))


def count_sealed_after(session: Session, place: int, *, stream: UUID | None, most: int) -> int:
    """How many events were sealed after a place: a position, or a number in `stream`. Counts no further than `most`."""
    part = select(AuditSeal.id).where(*_beyond(stream, place)).limit(most).subquery()
    return session.execute(select(func.count()).select_from(part)).scalar_one()


def last_place(session: Session, *, stream: UUID | None) -> int:
    """The position of the last seal of all streams, or its number in `stream`; 0 before there is one."""
    column = _column(stream)
    newest = select(column).where(*_beyond(stream, 0)).order_by(column.desc()).limit(1)
    return session.scalars(newest).first() or 0


def place_before(session: Session, since: datetime, *, stream: UUID | None) -> int | None:
    """The place just before the first event recorded at `since` or later; None where none such is sealed."""
    query = select(func.min(_column(stream))).where(
        *_beyond(stream, 0),
        AuditSeal.tenant_id == AuditEvent.tenant_id,
        AuditSeal.event_id == AuditEvent.id,
        AuditEvent.id >= _least_id(since),
    )
    first = session.execute(query).scalar_one()
    return None if first is None else first - 1


def _column(stream: UUID | None) -> InstrumentedAttribute[int]:
    return AuditSeal.position if stream is None else AuditSeal.sequence


def _beyond(stream: UUID | None, place: int) -> list[ColumnElement[bool]]:
    beyond = [_column(stream) > place]
    return beyond if stream is None else [*beyond, AuditSeal.tenant_id == stream]


def _place(after: str | None, kind: str) -> int:
    if after is None:
        return 0
    if not re.fullmatch(rf"{kind}[0-9]{{1,18}}", after):
        raise Invalid(INVALID_CURSOR, field="after")
    return int(after[1:])


def those_who_acted(session: Session, tenant_id: UUID, actors: Collection[str]) -> set[str]:
    """Those of these actors by whom the tenant's stream has an event of something done, a sign-in for instance."""
    found = select(AuditEvent.id).where(
        AuditEvent.tenant_id == tenant_id, AuditEvent.outcome == "done", AuditEvent.actor == bindparam("actor")
    )
    return {actor for actor in actors if session.execute(found.limit(1), {"actor": actor}).first() is not None}


def select_tenants_with_former(events: Collection[str], fields: Collection[str], pattern: str) -> Select[UUID]:
    """A SELECT of the tenants where a command replaced, in one of these fields, a text like the pattern (escaped by !).

    `events` are those of the commands; they record the values as they were under `before`.
    """
    before = AuditEvent.facts["before"]
    return select(AuditEvent.tenant_id).where(
        AuditEvent.event.in_([name for event in events for name in stored_events(event)]),
        or_(*(before[field].astext.ilike(pattern, escape="!") for field in fields)),
    )


def former_texts(
    session: Session, events: Collection[str], fields: Collection[str], pattern: str, tenant_ids: Collection[UUID]
) -> dict[UUID, dict[str, Any]]:
    """What `select_tenants_with_former` found of these tenants: the newest `before` of each, a text by field."""
    before = AuditEvent.facts["before"]
    found = session.execute(
        select_tenants_with_former(events, fields, pattern)
        .add_columns(before.label("before"))
        .where(AuditEvent.tenant_id.in_(tenant_ids))
        .order_by(AuditEvent.id)
    )
    return {row.tenant_id: row.before for row in found}


def events_with_fact(session: Session, key: str) -> Iterator[tuple[UUID, UUID, dict[str, Any]]]:
    """Stream, event id and facts of every event of a done command that has this fact, in no order. Reads all events."""
    found = session.execute(
        select(AuditEvent.tenant_id, AuditEvent.id, AuditEvent.facts)
        .where(AuditEvent.facts.has_key(key), AuditEvent.outcome == "done")
        .execution_options(yield_per=2_000)
    )
    return ((tenant_id, event_id, facts) for tenant_id, event_id, facts in found)
