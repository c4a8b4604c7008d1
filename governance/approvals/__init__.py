"""Approval by a second person (four eyes): one table for all kinds of requests, with a CHECK that they are two.

A request names its subject and the digest of what was shown; the decision is bound to that digest.
Not here: what happens after the decision, which belongs to the package whose subject it is.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from governance.actors import Actor, refuse_command_line
from governance.approvals.states import Decision
from governance.approvals.tables import ApprovalRequest
from governance.kernel.errors import Conflict, NotAllowed, Stale, message, require_found
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.models import ReadModel

OWN_REQUEST = message(
    "approval.own_request",
    ja="自分が申請したものを、自分で承認・却下することはできません。",
    en="You cannot decide your own request.",
    hint_ja="承認の権限を持つ別の担当者に依頼してください。",
    hint_en="Ask another person who may approve it.",
)
ALREADY_DECIDED = message(
    "approval.already_decided",
    ja="この申請は {decided_at} にすでに決定されています（{decision}）。",
    en="This request was already decided on {decided_at} ({decision}).",
)
DIGEST_STALE = message(
    "approval.stale",
    ja="表示された内容のあとに変更がありました。表示されたもの {given}、現在 {current}。",
    en="It has changed since you opened it: then {given}, now {current}.",
    hint_ja="内容を開き直して、もう一度確認してください。",
    hint_en="Open it again and review it.",
)


class ApprovalRequestFacts(ReadModel):
    """A request about `subject_id` with the digest of what was shown, and its decision; None until there is one."""

    id: UUID
    tenant_id: UUID
    kind: str
    subject_id: UUID
    digest: str
    requested_by: str
    requested_at: datetime
    request_reason: str
    decided_by: str | None
    decided_at: datetime | None
    decision: Decision | None
    decision_reason: str | None


def request(
    session: Session,
    actor: Actor,
    now: datetime,
    *,
    tenant_id: UUID,
    kind: str,
    subject_id: UUID,
    digest: str,
    reason: str = "",
) -> UUID:
    """Ask for approval of the subject as `digest` identifies it. Returns the request's id. For use inside a command.

    A subject has one open request of a kind; a second one raises IntegrityError.
    """
    made = ApprovalRequest(
        id=new_id(),
        tenant_id=tenant_id,
        kind=kind,
        subject_id=subject_id,
        digest=digest,
        requested_by=actor.id,
        requested_at=now,
        request_reason=reason,
    )
    session.add(made)
    session.flush()
    return made.id


def decide(
    session: Session,
    actor: Actor,
    now: datetime,
    *,
    kind: str,
    subject_id: UUID,
    digest: str,
    decision: Decision,
    reason: str = "",
) -> None:
    """Decide the newest request about the subject. For use inside a command.

    Raises NotFound without one, NotAllowed to its requester and to the machine's command line, Conflict when already
    decided, and Stale when `digest` is not what the request was made for.
    """
    refuse_command_line(actor)
    found = require_found(
        session.scalars(
            select(ApprovalRequest)
            .where(ApprovalRequest.kind == kind, ApprovalRequest.subject_id == subject_id)
            .order_by(ApprovalRequest.id.desc())
            .limit(1)
            .with_for_update()
        ).first(),
        what=Label("承認の申請", "approval request"),
        given=subject_id,
    )
    if found.decision is not None:
        raise Conflict(ALREADY_DECIDED, decided_at=found.decided_at, decision=Decision(found.decision))
    if found.requested_by == actor.id:
        raise NotAllowed(OWN_REQUEST)
    if found.digest != digest:
        raise Stale(DIGEST_STALE, field="digest", given=digest, current=found.digest)
    session.execute(
        update(ApprovalRequest)
        .where(ApprovalRequest.id == found.id)
        .values(decided_by=actor.id, decided_at=now, decision=decision.value, decision_reason=reason)
    )


def pending_requests(session: Session) -> list[ApprovalRequestFacts]:
    """The requests in this scope without a decision, oldest first."""
    return _facts(
        session, select(ApprovalRequest).where(ApprovalRequest.decision.is_(None)).order_by(ApprovalRequest.id)
    )


def pending_requests_for(
    session: Session, kinds: Collection[str], *, decider_id: str, limit: int | None = None
) -> list[ApprovalRequestFacts]:
    """The undecided requests of these kinds that `decider_id` did not make, oldest first, at most `limit`."""
    return _facts(
        session,
        select(ApprovalRequest)
        .where(ApprovalRequest.decision.is_(None))
        .where(ApprovalRequest.kind.in_(kinds), ApprovalRequest.requested_by != decider_id)
        .order_by(ApprovalRequest.id)
        .limit(limit),
    )


def count_pending_for(session: Session, kinds: Collection[str], *, decider_id: str) -> int:
    """How many requests `pending_requests_for` returns without `limit`."""
    return session.execute(
        select(func.count())
        .select_from(ApprovalRequest)
        .where(ApprovalRequest.decision.is_(None))
        .where(ApprovalRequest.kind.in_(kinds), ApprovalRequest.requested_by != decider_id)
    ).scalar_one()


def requests_about(session: Session, kind: str, subject_id: UUID) -> list[ApprovalRequestFacts]:
    """Every request of this kind about the subject, decided or not, newest first."""
    return _facts(
        session,
        select(ApprovalRequest)
        .where(ApprovalRequest.kind == kind, ApprovalRequest.subject_id == subject_id)
        .order_by(ApprovalRequest.id.desc()),
    )


def _facts(session: Session, query: Select[ApprovalRequest]) -> list[ApprovalRequestFacts]:
    return [ApprovalRequestFacts.model_validate(row) for row in session.scalars(query)]
