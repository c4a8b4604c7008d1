"""Reads of access reviews: those there are, the lines of one, who came since, and what waits for a signature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, literal, select
from sqlalchemy.orm import Session, aliased

from governance.kernel.errors import require_found
from governance.kernel.labels import Label
from governance.kernel.waiting import WaitingSelect, first_tenants, waiting_columns
from governance.permissions import Role
from tenancy.access_reviews.models import AccessReviewFacts, AccessReviewLineFacts, AccessSince
from tenancy.access_reviews.states import LineDecision, LineFilter, LineKind, ReviewState
from tenancy.access_reviews.tables import AccessReview, AccessReviewLine, AccessReviewReminder
from tenancy.clients.models import ServiceClientDetails
from tenancy.clients.queries import ADMITTED_STATES, service_clients
from tenancy.people.models import MemberDetails
from tenancy.people.queries import PRESENT_STATES, members
from tenancy.reminders import NotReminded
from tenancy.tenants.facts import select_tenant_states


def access_reviews(
    session: Session, today: date, *, state: ReviewState | None = None, tenant_id: UUID | None = None
) -> list[AccessReviewFacts]:
    """The reviews that the scope shows, the newest day first, of one day by the tenants' codes."""
    tenant = select_tenant_states().subquery()
    query = _select_counted(tenant).order_by(
        AccessReview.as_of.desc(), tenant.c.code.nulls_last(), AccessReview.id.desc()
    )
    if tenant_id is not None:
        query = query.where(AccessReview.tenant_id == tenant_id)
    found = [_facts(row, today) for row in session.execute(query)]
    return [one for one in found if state in (None, one.state)]


def access_review(session: Session, tenant_id: UUID, review_id: UUID, today: date) -> AccessReviewFacts:
    """One review. Raises NotFound, also for another tenant's."""
    query = _select_counted(select_tenant_states().subquery())
    row = session.execute(query.where(AccessReview.tenant_id == tenant_id, AccessReview.id == review_id)).first()
    what = Label("権限の棚卸し", "access review")
    return _facts(require_found(row, what=what, given=review_id, field="review_id"), today)


def review_lines(
    session: Session, tenant_id: UUID, review_id: UUID, now: datetime, *, only: LineFilter | None = None
) -> list[AccessReviewLineFacts]:
    """The lines of a review, people before systems, each in the order in which they were added."""
    query = (
        select(AccessReviewLine)
        .where(AccessReviewLine.tenant_id == tenant_id, AccessReviewLine.review_id == review_id)
        .order_by(AccessReviewLine.kind.desc(), AccessReviewLine.member_id, AccessReviewLine.client_id)
    )
    people = {one.id: one for one in present_people(session, tenant_id, now)}
    clients = {one.id: one for one in running_clients(session, tenant_id)}
    return lines_of([_line(row, people, clients) for row in session.scalars(query)], only)


def lines_of(lines: Sequence[AccessReviewLineFacts], only: LineFilter | None) -> list[AccessReviewLineFacts]:
    """Those of these lines that the filter lets through. Pure."""
    return [one for one in lines if only is None or _is_of(one, only)]


def came_since(session: Session, tenant_id: UUID, review_id: UUID, now: datetime) -> list[AccessSince]:
    """Who has access now and is not on the list of the review, people before systems."""
    lines = select(AccessReviewLine.member_id, AccessReviewLine.client_id).where(
        AccessReviewLine.tenant_id == tenant_id, AccessReviewLine.review_id == review_id
    )
    listed = {one for pair in session.execute(lines) for one in pair}
    found = [
        AccessSince(kind=LineKind.PERSON, id=one.id, name=name_of(one), section=one.section, rights=roles_of(one))
        for one in present_people(session, tenant_id, now)
        if one.id not in listed
    ]
    return found + [
        AccessSince(kind=LineKind.CLIENT, id=one.id, name=one.name, section=None, rights=one.scopes)
        for one in running_clients(session, tenant_id)
        if one.id not in listed
    ]


def has_signed(one: AccessReviewFacts) -> NotReminded | None:
    """Why a tenant that has signed is not reminded; None for one that has not."""
    return NotReminded.SIGNED if one.state is ReviewState.SIGNED else None


def reviews_under_way(session: Session, today: date) -> list[AccessReviewFacts]:
    """The reviews that wait for their signature, of every tenant that the scope shows."""
    return access_reviews(session, today, state=ReviewState.OPEN)


def unsigned_reviews(tenant_id: UUID) -> WaitingSelect:
    """Columns of `governance.kernel.waiting`: the tenant's open review, with how many lines there are and decided."""
    lines, decided = _count_lines(), _count_lines(AccessReviewLine.decision.is_not(None))
    facts = func.jsonb_build_object(
        *("review", AccessReview.id, "as_of", AccessReview.as_of, "due_on", AccessReview.due_on),
        *("lines", lines, "decided", decided),
    )
    return select(*waiting_columns(literal(1), facts=facts, since=AccessReview.started_at)).where(
        AccessReview.tenant_id == tenant_id, *_is_open()
    )


def missing_signatures() -> WaitingSelect:
    """Columns of `governance.kernel.waiting`: for each day of reviews, how many tenants have not signed of how many."""
    other = aliased(AccessReview)
    total = (
        select(func.count(other.tenant_id.distinct()))
        .where(other.as_of == AccessReview.as_of, other.cancelled_at.is_(None))
        .correlate(AccessReview)
        .scalar_subquery()
    )
    facts = func.jsonb_build_object(
        *("as_of", AccessReview.as_of, "due_on", func.min(AccessReview.due_on)),
        *("missing", func.count(), "total", total),
    )
    tenants = first_tenants(AccessReview.tenant_id, AccessReview.tenant_id)
    return (
        select(*waiting_columns(literal(1), facts=facts, since=func.min(AccessReview.started_at), tenants=tenants))
        .where(*_is_open())
        .group_by(AccessReview.as_of)
    )


def present_people(session: Session, tenant_id: UUID, now: datetime) -> list[MemberDetails]:
    """The tenant's people who are meant to be able to sign in."""
    return [one for one in members(session, tenant_id, now) if one.state in PRESENT_STATES]


def running_clients(session: Session, tenant_id: UUID) -> list[ServiceClientDetails]:
    """The tenant's systems that are let in."""
    return [one for one in service_clients(session, tenant_id) if one.state in ADMITTED_STATES]


def name_of(person: MemberDetails) -> str:
    """Family and given name as entered."""
    return f"{person.family_name} {person.given_name}"


def roles_of(person: MemberDetails) -> tuple[Role, ...]:
    """The roles besides that of a plain member, which everybody has."""
    return tuple(role for role in person.roles if role is not Role.TENANT_MEMBER)


def _is_open() -> tuple[Any, ...]:
    return AccessReview.signed_at.is_(None), AccessReview.cancelled_at.is_(None)


def _count_lines(*conditions: Any) -> Any:
    return (
        select(func.count())
        .select_from(AccessReviewLine)
        .where(
            AccessReviewLine.tenant_id == AccessReview.tenant_id,
            AccessReviewLine.review_id == AccessReview.id,
            *conditions,
        )
        .correlate(AccessReview)
        .scalar_subquery()
    )


def _select_counted(tenant: Any) -> Select[Any]:
    reminded_at = (
        select(func.max(AccessReviewReminder.reminded_at))
        .where(
            AccessReviewReminder.tenant_id == AccessReview.tenant_id, AccessReviewReminder.review_id == AccessReview.id
        )
        .correlate(AccessReview)
        .scalar_subquery()
    )
    return select(
        AccessReview,
        tenant.c.code,
        tenant.c.name,
        _count_lines().label("lines"),
        _count_lines(AccessReviewLine.decision.is_not(None)).label("decided"),
        _count_lines(AccessReviewLine.decision != LineDecision.KEEP).label("withdrawn"),
        reminded_at.label("reminded_at"),
    ).join(tenant, tenant.c.id == AccessReview.tenant_id)


def _facts(row: Any, today: date) -> AccessReviewFacts:
    found: AccessReview = row.AccessReview
    state = ReviewState.OPEN
    if found.signed_at is not None:
        state = ReviewState.SIGNED
    elif found.cancelled_at is not None:
        state = ReviewState.CANCELLED
    return AccessReviewFacts(
        id=found.id,
        tenant_id=found.tenant_id,
        code=row.code,
        name=row.name,
        as_of=found.as_of,
        due_on=found.due_on,
        state=state,
        is_overdue=state is ReviewState.OPEN and found.due_on < today,
        lines=row.lines,
        decided=row.decided,
        withdrawn=row.withdrawn,
        started_by=found.started_by,
        started_at=found.started_at,
        signed_by=found.signed_by,
        signed_at=found.signed_at,
        digest=found.digest,
        cancelled_at=found.cancelled_at,
        cancel_reason=found.cancel_reason,
        reminded_at=row.reminded_at,
    )


def _line(
    row: AccessReviewLine, people: Mapping[UUID, MemberDetails], clients: Mapping[UUID, ServiceClientDetails]
) -> AccessReviewLineFacts:
    person = None if row.member_id is None else people.get(row.member_id)
    client = None if row.client_id is None else clients.get(row.client_id)
    present: tuple[str, ...] | None = None
    if person is not None:
        present = roles_of(person)
    elif client is not None:
        present = client.scopes
    section = None if person is None else person.section
    has_moved = person is not None and section != row.section
    return AccessReviewLineFacts(
        id=row.id,
        kind=LineKind(row.kind),
        member_id=row.member_id,
        client_id=row.client_id,
        name=row.name,
        section=row.section,
        rights=tuple(row.rights),
        last_used_on=row.last_used_on,
        present_section=section,
        present_rights=present,
        has_changed=has_moved or present is None or sorted(present) != sorted(row.rights),
        decision=None if row.decision is None else LineDecision(row.decision),
        ended_roles=tuple(map(Role, row.ended_roles)),
        reason=row.reason,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )


def _is_of(one: AccessReviewLineFacts, only: LineFilter) -> bool:
    if only is LineFilter.CHANGED:
        return one.has_changed
    if only is LineFilter.WITHDRAWN:
        return one.decision not in (None, LineDecision.KEEP)
    return (one.decision is None) is (only is LineFilter.UNDECIDED)
