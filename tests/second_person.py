"""Commands that need a second person, in tests: with both people, or the function alone where it is what is tested."""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

from governance.actors import Actor
from governance.approvals.commands import ApprovalDecided, DecideApproval, decide_approval
from governance.approvals.states import Decision
from governance.commands import (
    ApprovalRequested,
    ApprovedCommandHandler,
    Command,
    CommandHandler,
    Result,
    system_transaction,
)
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.ids import new_id
from governance.persons.tables import PersonAccount

CommandT = TypeVar("CommandT", bound=Command)
DoneT = TypeVar("DoneT", bound=Result)


def directly(handler: ApprovedCommandHandler[CommandT, Any], done_type: type[DoneT]) -> CommandHandler[CommandT, DoneT]:
    """The function of a command as a handler without a second person: for tests of what the function does."""
    assert handler.done_type is done_type
    return CommandHandler(handler.body, handler.permission, handler.event, handler.stored_type, done_type)


def join(account: str, tenant_id: UUID, person_id: UUID | None = None) -> UUID:
    """Record that an account of this tenant's is the person's, of a new one by default. Returns the person's id."""
    person_id = person_id or new_id()
    with system_transaction(OPERATOR) as session:
        session.add(
            PersonAccount(
                tenant_id=tenant_id, account=account, person_id=person_id, joined_by="test", joined_at=clock.now()
            )
        )
    return person_id


def approve(requested: ApprovalRequested, *, actor: Actor, key: str | None = None) -> ApprovalDecided:
    """Approve a request as this person."""
    return decide(requested, Decision.APPROVED, actor=actor, key=key)


def decide(
    requested: ApprovalRequested, decision: Decision, *, actor: Actor, key: str | None = None
) -> ApprovalDecided:
    """Decide a request as this person, who reviewed it."""
    command = DecideApproval(
        approval_id=requested.approval_id, digest=requested.digest, decision=decision, reason="確認した"
    )
    return decide_approval(command, actor=actor, key=key)


def approved(
    handler: ApprovedCommandHandler[CommandT, Any],
    command: CommandT,
    done_type: type[DoneT],
    *,
    actor: Actor,
    by: Actor,
) -> DoneT:
    """Request the command as `actor`, and approve it as `by`. Returns what it gave."""
    requested = handler(command, actor=actor)
    assert isinstance(requested, ApprovalRequested)
    return done_type.model_validate(approve(requested, actor=by).result, strict=False)
