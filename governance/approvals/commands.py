"""The command of a second person: decide a request, and run or drop what it holds."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from governance import approvals
from governance.approvals import ApprovalDetails, DecisionNotes
from governance.approvals.states import Decision
from governance.commands import COMMANDS, ApprovedCommandHandler, Command, CommandContext, Result, handles
from governance.declaration import Input, check
from governance.events import Event
from governance.kernel.errors import Conflict, DomainError, Invalid, message
from governance.kernel.field_types import Id, LongLine, PlainLine
from governance.kernel.labels import Label
from governance.permissions import Permission

DECIDED_ELSEWHERE = message(
    "approval.decided_elsewhere",
    ja="この種類の申請は、ここでは決定できません。",
    en="Requests of this kind are not decided here.",
    hint_ja="申請のページから決定してください。",
    hint_en="Decide it on the page of what was requested.",
)
CANNOT_BE_DONE = message(
    "approval.cannot_be_done",
    ja="申請された内容は、いまは実行できません。{problem}",
    en="What was requested cannot be done now. {problem}",
    hint_ja="理由を解消してから承認するか、差し戻してください。",
    hint_en="Approve it once the reason is gone, or send it back.",
)
REASON_OF_REJECTION = message(
    "approval.reason_of_rejection",
    ja="差し戻すときは、理由を入力してください。",
    en="Give a reason for sending it back.",
)
DECIDED_FOR_WHOLE = message(
    "approval.decided_for_whole",
    ja="代決するときは、だれに代わって決定するかと、その理由の両方を入力してください。",
    en="To decide in somebody's place, give both the person and the reason.",
)


class DecideApproval(Command):
    """The decision about the request with this digest. Approved, its command runs in the same transaction."""

    approval_id: Annotated[Id, Input("申請", "Request")]
    digest: Annotated[PlainLine, Input("照合番号", "Digest", Label("", "The digest of the request that was reviewed."))]
    decision: Annotated[Decision, Input("決定", "Decision")]
    reason: Annotated[
        LongLine | None,
        Input("コメント", "Comment", Label("差し戻すときは必ず入力", "required to send it back")),
    ] = None
    decision_number: Annotated[
        PlainLine | None, Input("決裁番号", "Decision number", Label("文書管理のとおり", "as in your records"))
    ] = None
    decided_for: Annotated[
        PlainLine | None,
        Input("代決のとき、だれに代わって", "In whose place", Label("例: 会計課長", "as in: head of accounting")),
    ] = None
    decided_for_reason: Annotated[
        PlainLine | None, Input("代決の理由", "Why in their place", Label("例: 出張のため", "as in: on a journey"))
    ] = None

    @check("decision", "reason")
    @staticmethod
    def rejection_has_a_reason(decision: Decision, reason: str | None) -> None:
        """Whoever requested it reads why it was sent back."""
        if decision is Decision.REJECTED and reason is None:
            raise Invalid(REASON_OF_REJECTION, field="reason")

    @check("decided_for", "decided_for_reason")
    @staticmethod
    def place_and_reason(decided_for: str | None, decided_for_reason: str | None) -> None:
        """代決 names both whose place it is and why."""
        if (decided_for is None) != (decided_for_reason is None):
            raise Invalid(DECIDED_FOR_WHOLE, field="decided_for" if decided_for is None else "decided_for_reason")


class ApprovalDecided(Result):
    """The decision; `result` is what the command gave, in its own fields, and null when it was rejected."""

    approval_id: UUID
    decision: Decision
    result: dict[str, Any] | None


@handles(Permission.APPROVAL_DECIDE, Event.APPROVAL_DECIDED, edits="approval {approval_id}", step_up=True)
def decide_approval(ctx: CommandContext, command: DecideApproval) -> ApprovalDecided:
    """Decide what another person requested; an approval runs the stored command, or changes nothing at all.

    Raises what `approvals.lock_for_decision` does, and Conflict when the command is refused now.
    """
    notes = DecisionNotes(
        command.reason or "", command.decision_number, command.decided_for, command.decided_for_reason
    )
    found = approvals.lock_for_decision(
        ctx.session, ctx.actor, request_id=command.approval_id, digest=command.digest, decision=command.decision
    )
    _handler_of(found)
    try:
        result = settle(ctx, found, command.decision, notes)
    except DomainError as refusal:
        problem = Label(refusal.text("ja"), refusal.text("en"))
        raise Conflict(CANNOT_BE_DONE, problem=problem) from refusal
    return ApprovalDecided(
        approval_id=found.id,
        decision=command.decision,
        result=None if result is None else result.model_dump(mode="json"),
    )


def settle(
    ctx: CommandContext,
    found: ApprovalDetails,
    decision: Decision,
    notes: DecisionNotes,
    *,
    left_open: dict[str, Any] | None = None,
) -> Result | None:
    """Run the command of a locked request, or drop it, store the decision, and record both people.

    `left_open` are values for fields that the requester left empty for the decider. Returns the command's result, None
    for a rejection. Raises what the command refuses; then nothing may be committed.
    """
    handler = _handler_of(found)
    result: Result | None = None
    if decision is Decision.APPROVED:
        stored = handler.read_stored(found)
        filled = {name: value for name, value in (left_open or {}).items() if getattr(stored, name) is None}
        result = handler.run_approved(ctx, found, stored.model_copy(update=filled))
    else:
        handler.run_rejected(ctx, found.model_copy(update={"decision_reason": notes.reason}))
    approvals.record_decision(
        ctx.session,
        ctx.actor,
        ctx.now,
        found.id,
        decision,
        notes,
        result=None if result is None else result.to_store(),
    )
    ctx.audit(
        event=Event.APPROVAL_DECIDED,
        subject=found.id,
        tenant_id=found.tenant_id,
        command=handler.name,
        digest=found.digest,
        decision=decision.value,
        requested_by=found.requested_by,
        decided_by=ctx.actor.id,
        decision_number=notes.number,
        in_place_of_another=notes.decided_for is not None,
    )
    return result


def _handler_of(found: ApprovalDetails) -> ApprovedCommandHandler[Any, Any]:
    handler = COMMANDS.get().get(found.command or "")
    if not isinstance(handler, ApprovedCommandHandler):
        raise Conflict(DECIDED_ELSEWHERE)
    return handler
