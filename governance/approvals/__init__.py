"""Approval by a second person (four eyes): one table for all kinds of requests, and what the two people must be.

A request names its subject and the digest of what was shown; the decision is bound to that digest. Most requests hold
the command that an approval runs (`governance.commands`); the others are decided by a command of the package whose
subject it is. Who two people are is in `governance.persons`; the database refuses last.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import field_validator
from sqlalchemy import ColumnElement, Select, String, and_, cast, false, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from governance.actors import COMMAND_LINE_PREFIX, Actor, ActorKind, refuse_command_line
from governance.approvals.states import Decision
from governance.approvals.tables import ApprovalRequest
from governance.kernel.errors import Conflict, NotAllowed, Stale, message, require_found
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.models import ReadModel
from governance.kernel.waiting import WaitingSelect, waiting_columns
from governance.permissions import SecondPerson, decidable_by
from governance.persons import accounts_of_person, persons_of, select_accounts_of_person

OWN_REQUEST = message(
    "approval.own_request",
    ja="自分が申請したものを、自分で承認・却下することはできません。",
    en="You cannot decide your own request.",
    hint_ja="承認の権限を持つ別の担当者に依頼してください。",
    hint_en="Ask another person who may approve it.",
)
NOT_A_PERSON = message(
    "approval.not_a_person",
    ja="承認・差戻しは、ログインした人だけが行えます。コマンドの実行者（{actor}）では決定できません。",
    en="Only people who are signed in decide; {actor} cannot.",
    hint_ja="承認の権限を持つ人が、画面からログインして決定してください。",
    hint_en="Ask a person who may approve it to sign in to the console and decide there.",
)
REQUESTER_UNKNOWN = message(
    "approval.requester_unknown",
    ja="申請者 {requester} がだれの操作か登録されていないため、承認できません。差戻しはできます。",
    en="Nobody recorded whose account {requester} is, so its request cannot be approved. It can be sent back.",
    hint_ja="ログインして申請し直すか、そのアカウントを本人の利用者に結び付けてください。",
    hint_en="Request it again signed in, or have the account joined to its person.",
)
NOT_YOURS_TO_DECIDE = message(
    "approval.not_yours",
    ja="「{about}」についての申請を決定する役割がありません。",
    en="None of your roles decides requests about {about}.",
    hint_ja="決定できる役割を持つ別の担当者に依頼してください。",
    hint_en="Ask somebody who holds the role that decides it.",
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

_REQUEST: Final = Label("承認の申請", "approval request")


class ApprovalRequestFacts(ReadModel):
    """A request about `subject_id` with the digest of what was shown, and its decision; None until there is one.

    `command` is what an approval runs, None where another command decides; `second_person` says whose decision it is.
    """

    id: UUID
    tenant_id: UUID
    kind: str
    subject_id: UUID
    digest: str
    requested_by: str
    requested_at: datetime
    request_reason: str
    command: str | None
    second_person: SecondPerson | None
    decided_by: str | None
    decided_at: datetime | None
    decision: Decision | None
    decision_reason: str | None
    decision_number: str | None
    decided_for: str | None
    decided_for_reason: str | None


class ApprovalDetails(ApprovalRequestFacts):
    """A request with the fields of its command (`body`), and what running it gave (`result`)."""

    body: dict[str, Any] | None
    result: dict[str, Any] | None

    @field_validator("body", "result", mode="before")
    @classmethod
    def _parsed(cls, stored: Any) -> Any:
        return json.loads(stored) if isinstance(stored, str) else stored


@dataclass(frozen=True, slots=True)
class StoredCommand:
    """The command that an approval runs: its name, its canonical JSON, and whose decision it needs."""

    name: str
    body: str
    second_person: SecondPerson


@dataclass(frozen=True, slots=True)
class DecisionNotes:
    """What a decider notes: comment, 決裁番号, and for 代決 whom they stood in for and why."""

    reason: str = ""
    number: str | None = None
    decided_for: str | None = None
    decided_for_reason: str | None = None


def request(
    session: Session,
    now: datetime,
    *,
    tenant_id: UUID,
    kind: str,
    subject_id: UUID,
    digest: str,
    requested_by: str,
    reason: str = "",
    command: StoredCommand | None = None,
) -> UUID:
    """Ask for approval of the subject as `digest` identifies it. Returns the request's id. For use inside a command.

    `requested_by` is the id of the actor who wants it. A subject has one open request of a kind; a second one raises
    IntegrityError.
    """
    request_id = new_id()
    # The columns of a request and no others: the application's role may not set those of a decision here.
    session.execute(
        insert(ApprovalRequest).values(
            id=request_id,
            tenant_id=tenant_id,
            kind=kind,
            subject_id=subject_id,
            digest=digest,
            requested_by=requested_by,
            requested_at=now,
            request_reason=reason,
            command=None if command is None else command.name,
            body=None if command is None else command.body,
            second_person=None if command is None else command.second_person.value,
        )
    )
    return request_id


def pending_request_about(session: Session, kind: str, subject_id: UUID) -> ApprovalRequestFacts | None:
    """The undecided request of this kind about the subject, if there is one."""
    found = _facts(
        session,
        select(ApprovalRequest).where(
            ApprovalRequest.kind == kind,
            ApprovalRequest.subject_id == subject_id,
            ApprovalRequest.decision.is_(None),
        ),
    )
    return found[0] if found else None


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

    Raises what `lock_for_decision` raises.
    """
    found = lock_for_decision(
        session, actor, digest=digest, decision=decision, request_id=newest_request(session, kind, subject_id)
    )
    record_decision(session, actor, now, found.id, decision, DecisionNotes(reason))


def newest_request(session: Session, kind: str, subject_id: UUID) -> UUID:
    """The id of the newest request of this kind about the subject. Raises NotFound without one."""
    newest = select(ApprovalRequest.id).where(ApprovalRequest.kind == kind, ApprovalRequest.subject_id == subject_id)
    return require_found(
        session.scalars(newest.order_by(ApprovalRequest.id.desc()).limit(1)).first(), what=_REQUEST, given=subject_id
    )


def lock_for_decision(
    session: Session, actor: Actor, *, request_id: UUID, digest: str, decision: Decision
) -> ApprovalDetails:
    """Lock a request that this actor may decide; `record_decision` follows in the same transaction.

    Raises NotFound without one, NotAllowed to its requester, to the requester's other accounts, to whoever is no
    person and without the role that decides it; Conflict when already decided, or for an approval when nobody knows
    whose account the requester's is; and Stale when `digest` is not what the request was made for.
    """
    refuse_command_line(actor)
    row = require_found(
        session.scalars(select(ApprovalRequest).where(ApprovalRequest.id == request_id).with_for_update()).first(),
        what=_REQUEST,
        given=request_id,
        field="approval_id",
    )
    found = ApprovalDetails.model_validate(row)
    if found.decision is not None:
        raise Conflict(ALREADY_DECIDED, decided_at=found.decided_at, decision=found.decision)
    if found.requested_by == actor.id or _is_requesters_person(session, row, actor):
        raise NotAllowed(OWN_REQUEST)
    if actor.kind is not ActorKind.PERSON:
        raise NotAllowed(NOT_A_PERSON, actor=actor.id)
    if found.second_person is not None and found.second_person not in decidable_by(actor.roles):
        raise NotAllowed(NOT_YOURS_TO_DECIDE, about=found.second_person)
    is_unknown = found.requested_by.startswith(COMMAND_LINE_PREFIX) and not persons_of(session, found.requested_by)
    if decision is Decision.APPROVED and is_unknown:
        raise Conflict(REQUESTER_UNKNOWN, requester=found.requested_by)
    if found.digest != digest:
        raise Stale(DIGEST_STALE, field="digest", given=digest, current=found.digest)
    return found


def record_decision(
    session: Session,
    actor: Actor,
    now: datetime,
    request_id: UUID,
    decision: Decision,
    notes: DecisionNotes,
    *,
    result: str | None = None,
) -> None:
    """Store the decision about a request that `lock_for_decision` locked; `result` is the JSON of what was done."""
    session.execute(
        update(ApprovalRequest)
        .where(ApprovalRequest.id == request_id)
        .values(
            decided_by=actor.id,
            decided_at=now,
            decision=decision.value,
            decision_reason=notes.reason,
            decision_number=notes.number,
            decided_for=notes.decided_for,
            decided_for_reason=notes.decided_for_reason,
            result=result,
        )
    )


def approval_by_id(session: Session, request_id: UUID) -> ApprovalDetails:
    """One request, decided or not. Raises NotFound."""
    return ApprovalDetails.model_validate(
        require_found(session.get(ApprovalRequest, request_id), what=_REQUEST, given=request_id)
    )


def approved_commands(session: Session, name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Fields and result of every command of this name that a second person approved, in the order of the requests."""
    query = select(ApprovalRequest).where(
        ApprovalRequest.command == name, ApprovalRequest.decision == Decision.APPROVED.value
    )
    found = [ApprovalDetails.model_validate(row) for row in session.scalars(query.order_by(ApprovalRequest.id))]
    return [(one.body or {}, one.result or {}) for one in found]


def pending_requests(session: Session) -> list[ApprovalRequestFacts]:
    """The requests in this scope without a decision, oldest first."""
    return _facts(
        session, select(ApprovalRequest).where(ApprovalRequest.decision.is_(None)).order_by(ApprovalRequest.id)
    )


def pending_requests_for(
    session: Session, actor: Actor, kinds: Collection[str], *, limit: int | None = None
) -> list[ApprovalRequestFacts]:
    """The undecided requests that are this actor's to decide, oldest first, at most `limit`.

    Those without a command are so where their kind is one of `kinds`, the others by the actor's roles; never the
    actor's own, nor those of another account of the same person.
    """
    query = select(ApprovalRequest).where(_is_decidable(actor, kinds))
    return _facts(session, query.order_by(ApprovalRequest.id).limit(limit))


def decidable_requests(actor: Actor, kinds: Collection[str]) -> WaitingSelect:
    """Columns of `governance.kernel.waiting`: how many requests `pending_requests_for` returns without `limit`."""
    return select(*waiting_columns(func.count(), since=func.min(ApprovalRequest.requested_at))).where(
        _is_decidable(actor, kinds)
    )


def awaited_requests(
    session: Session, actor: Actor, kinds: Collection[str], *, commands: Collection[str], limit: int
) -> list[ApprovalRequestFacts]:
    """The undecided requests that another person decides and this actor waits for, oldest first, at most `limit`.

    They are the actor's own, those of another account of the same person, and in the actor's tenant those of a command
    or kind in `commands`, which the actor could have made.
    """
    own = or_(
        ApprovalRequest.requested_by == actor.id,
        ApprovalRequest.requested_by.in_(select_accounts_of_person(actor.id)),
    )
    colleagues = and_(
        ApprovalRequest.tenant_id == actor.tenant_id,
        or_(ApprovalRequest.command.in_(commands), ApprovalRequest.kind.in_(commands)),
    )
    query = select(ApprovalRequest).where(ApprovalRequest.decision.is_(None), or_(own, colleagues))
    if actor.kind is ActorKind.PERSON:
        # A request without `second_person` makes the condition null, which is no more than not true.
        query = query.where(~func.coalesce(_is_decidable(actor, kinds), false()))
    return _facts(session, query.order_by(ApprovalRequest.id).limit(limit))


def pending_command(name: str, field: str, value: ColumnElement[Any]) -> ColumnElement[bool]:
    """The SQL condition that a request with this command waits for a decision and that its `field` is this id."""
    return (
        select(ApprovalRequest.id)
        .where(
            ApprovalRequest.decision.is_(None),
            ApprovalRequest.command == name,
            cast(ApprovalRequest.body, JSONB)[field].astext == cast(value, String),
        )
        .exists()
    )


def pending_request_of_command(session: Session, name: str, field: str, value: UUID) -> ApprovalRequestFacts | None:
    """The undecided request with this command whose `field` is this id, the oldest; None without one."""
    query = select(ApprovalRequest).where(
        ApprovalRequest.decision.is_(None),
        ApprovalRequest.command == name,
        cast(ApprovalRequest.body, JSONB)[field].astext == str(value),
    )
    found = _facts(session, query.order_by(ApprovalRequest.id).limit(1))
    return found[0] if found else None


def requests_about(session: Session, kind: str, subject_id: UUID) -> list[ApprovalRequestFacts]:
    """Every request of this kind about the subject, decided or not, newest first."""
    return _facts(
        session,
        select(ApprovalRequest)
        .where(ApprovalRequest.kind == kind, ApprovalRequest.subject_id == subject_id)
        .order_by(ApprovalRequest.id.desc()),
    )


def may_decide(session: Session, actor: Actor, found: ApprovalRequestFacts) -> bool:
    """Whether this actor is a second person for the request: not its requester, and with a role that decides it."""
    if found.decision is not None or found.second_person is None or actor.kind is not ActorKind.PERSON:
        return False
    own = found.requested_by in accounts_of_person(session, actor.id)
    return not own and found.second_person in decidable_by(actor.roles)


def _is_decidable(actor: Actor, kinds: Collection[str]) -> ColumnElement[bool]:
    by_role = ApprovalRequest.second_person.in_([one.value for one in decidable_by(actor.roles)])
    by_kind = and_(ApprovalRequest.second_person.is_(None), ApprovalRequest.kind.in_(kinds))
    return and_(
        ApprovalRequest.decision.is_(None),
        or_(by_role, by_kind),
        ApprovalRequest.requested_by != actor.id,
        ApprovalRequest.requested_by.not_in(select_accounts_of_person(actor.id)),
    )


def _is_requesters_person(session: Session, row: ApprovalRequest, actor: Actor) -> bool:
    deciders = persons_of(session, actor.id)
    return not deciders.isdisjoint(row.requester_persons) or not deciders.isdisjoint(
        persons_of(session, row.requested_by)
    )


def _facts(session: Session, query: Select[ApprovalRequest]) -> list[ApprovalRequestFacts]:
    return [ApprovalRequestFacts.model_validate(row) for row in session.scalars(query)]
