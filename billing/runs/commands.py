"""Commands of runs: prepare a split or submit a draft, which requests its posting; decide that as another person."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Final
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from billing.ledger.periods import date_warning
from billing.ledger.posting import post
from billing.runs.explanation import member_lines, share_explanation
from billing.runs.inputs import label_of
from billing.runs.postings import postings
from billing.runs.preview import Preview, preview
from billing.runs.states import RunKind, RunState, run_name
from billing.runs.tables import AllocationRun, AllocationShare, AllocationWorking
from governance import approvals
from governance.actors import ActorKind
from governance.approvals import DecisionNotes
from governance.approvals.commands import settle
from governance.approvals.states import Decision
from governance.commands import Command, CommandContext, DatedResult, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel import clock
from governance.kernel.errors import Conflict, NotAllowed, Stale, message, require_found
from governance.kernel.field_types import FiscalYear, Id, JstDate, PlainLine, ReasonLine
from governance.kernel.fiscal_year import FiscalYear as Year
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.locks import advisory_lock
from governance.permissions import Permission, SecondPerson
from tenancy import directory

APPROVAL_KIND: Final = "allocation"

RUN_AWAITING_APPROVAL = message(
    "allocation.run_awaiting_approval",
    ja="{label}の按分（{run}）が承認を待っています。",
    en="The {run} of fiscal year {year} is waiting for approval.",
    hint_ja="先にそれを承認するか、差し戻してください。",
    hint_en="Approve or reject that one first.",
)
ESTIMATE_EXISTS = message(
    "allocation.estimate_exists",
    ja="{label}の当初の按分は、すでに行われています。",
    en="The estimate of fiscal year {year} already exists.",
    hint_ja="変更後の額で按分し直すときは「変更」を選んでください。",
    hint_en="Prepare a revision to allocate it again.",
)
NOTHING_TO_REVISE = message(
    "allocation.nothing_to_revise",
    ja="{label}には、変更のもとになる、記帳された按分がありません。",
    en="No allocation of fiscal year {year} has been posted that could be revised.",
    hint_ja="まず当初の按分を行ってください。",
    hint_en="Prepare the estimate first.",
)
NOTHING_DIFFERS = message(
    "allocation.nothing_differs",
    ja="{label}の按分は、記帳済みの{run}と同じ結果になります。変更するものはありません。",
    en="The allocation of fiscal year {year} gives the same result as the posted {run}; there is nothing to revise.",
)
INPUTS_CHANGED = message(
    "allocation.inputs_changed",
    ja="作成後に経費・規程・参加団体・統計値のいずれかが変わりました（作成時 {given}、現在 {current}）。",
    en="Costs, rules, members or statistics changed after this run was prepared: then {given}, now {current}.",
    hint_ja="この按分を差し戻し、作り直してください。",
    hint_en="Reject this run and prepare a new one.",
)
RUN_DECIDED = message(
    "allocation.run_decided",
    ja="この按分は、すでに「{state}」です。",
    en="This run is already {state}.",
)
REQUESTED_FOR_ANOTHER = message(
    "allocation.requested_for_another",
    ja="他の人の名前で承認を申請することはできません。",
    en="You cannot request approval in another person's name.",
)
NOT_A_DRAFT = message(
    "allocation.not_a_draft",
    ja="この按分は「{state}」なので、承認を申請できません。",
    en="This run is {state}; only a draft is submitted.",
)
DRAFT_OUTDATED = message(
    "allocation.draft_outdated",
    ja="下書きのあとに経費・規程・参加団体・統計値のいずれかが変わりました（下書き {given}、現在 {current}）。",
    en="Costs, rules, members or statistics changed after this draft was made: then {given}, now {current}.",
    hint_ja="変更の按分を作り直してください。下書きは置き換わります。",
    hint_en="Prepare the revision anew; it replaces the draft.",
)


class PrepareAllocation(Command):
    """The split of a fiscal year, for approval. A draft of the year is replaced.

    `requested_for` names who caused it, where a part of Moyai prepares.
    """

    fiscal_year: Annotated[FiscalYear, Input("会計年度", "Fiscal year", start=lambda: Year.of(clock.today()).year)]
    kind: Annotated[
        RunKind,
        Input(
            "種類",
            "Kind",
            Label(
                "当初はその年度の最初の按分、変更は差額を記帳する按分",
                "estimate: the first of the year; revision: posts the difference",
            ),
        ),
    ] = RunKind.ESTIMATE
    requested_for: str | None = None


class AllocationPrepared(DatedResult):
    run_id: UUID
    number: int
    digest: str


class ApproveAllocation(Command):
    """Approve the run as shown (its digest). `happened_on` is the date the postings count for.

    Without it they count for today, or for the nearest day of the fiscal year where today is outside it.
    """

    run_id: Annotated[Id, Input("按分", "Run")]
    digest: Annotated[PlainLine, Input("照合番号", "Digest", Label("", "The digest of the run that was reviewed."))]
    happened_on: Annotated[
        JstDate | None,
        Input(
            "記帳日",
            "Posting date",
            Label("空欄なら本日（年度外なら最も近い日）", "Today, or the nearest day of the fiscal year, if omitted."),
        ),
    ] = None


class AllocationApproved(DatedResult):
    run_id: UUID
    happened_on: date
    entries: int
    """How many entries were posted; a book whose amount did not change gets none."""


class PostAllocation(Command):
    """The run with this digest, to be posted. Without `happened_on` the postings count for the day of the approval."""

    run_id: Annotated[Id, Input("按分", "Run")]
    digest: Annotated[PlainLine, Input("照合番号", "Digest")]
    happened_on: Annotated[
        JstDate | None,
        Input("記帳日", "Posting date", empty=Label("承認の日（年度外なら最も近い日）", "the day of the approval")),
    ] = None


class RejectAllocation(Command):
    """Send a waiting run back; `reason` is shown to who requested it."""

    run_id: Annotated[Id, Input("按分", "Run")]
    reason: Annotated[ReasonLine, Input("差し戻す理由", "Reason for sending it back")]


class AllocationRejected(Result):
    run_id: UUID


class DraftRevision(Command):
    """The revision of a fiscal year as a draft, which finance submits or replaces."""

    fiscal_year: Annotated[FiscalYear, Input("会計年度", "Fiscal year")]


class SubmitAllocation(Command):
    """A draft, as reviewed (its digest), for the approval of another person."""

    run_id: Annotated[Id, Input("按分", "Run")]
    digest: Annotated[PlainLine, Input("照合番号", "Digest", Label("", "The digest of the draft that was reviewed."))]


@handles(Permission.ALLOCATION_PREPARE, Event.ALLOCATION_PREPARED)
def prepare_allocation(ctx: CommandContext, command: PrepareAllocation) -> AllocationPrepared:
    """Store the year's split with its workings and ask for its approval. A draft of the year is replaced.

    Raises what `preview` raises, and Conflict: a run waits, there is an estimate already, or nothing to revise.
    """
    requested_by = command.requested_for or ctx.actor.id
    if requested_by != ctx.actor.id and ctx.actor.kind is not ActorKind.SYSTEM:
        raise NotAllowed(REQUESTED_FOR_ANOTHER, field="requested_for")
    run = _add_run(ctx, command.fiscal_year, command.kind, RunState.AWAITING_APPROVAL, requested_by)
    _request_posting(ctx, run)
    ctx.audit(subject=run.id, requested_by=run.requested_by, **_facts_of(run))
    return AllocationPrepared(run_id=run.id, number=run.number, digest=run.digest)


@handles(Permission.ALLOCATION_PREPARE, Event.ALLOCATION_DRAFTED)
def draft_revision(ctx: CommandContext, command: DraftRevision) -> AllocationPrepared:
    """Store the year's revision as a draft: nobody is asked to approve it before finance submits it.

    Raises what `prepare_allocation` does.
    """
    run = _add_run(ctx, command.fiscal_year, RunKind.REVISION, RunState.DRAFT, ctx.actor.id)
    ctx.audit(subject=run.id, **_facts_of(run))
    return AllocationPrepared(run_id=run.id, number=run.number, digest=run.digest)


@handles(Permission.ALLOCATION_PREPARE, Event.ALLOCATION_SUBMITTED, edits="allocation run {run_id}")
def submit_allocation(ctx: CommandContext, command: SubmitAllocation) -> AllocationPrepared:
    """Ask for the approval of a draft, in the name of who submits it.

    Raises NotFound, Conflict (it is no draft) and Stale (another digest, or inputs that changed since).
    """
    run = _run_for_update(ctx.session, command.run_id)
    if run.state != RunState.DRAFT:
        raise Conflict(NOT_A_DRAFT, field="run_id", state=RunState(run.state))
    if command.digest != run.digest:
        raise Stale(approvals.DIGEST_STALE, field="digest", given=command.digest, current=run.digest)
    split = preview(ctx.session, run.fiscal_year, directory.members_of_year(ctx.session, run.fiscal_year))
    if split.digest != run.digest:
        raise Stale(DRAFT_OUTDATED, field="digest", given=run.digest, current=split.digest)
    run.state = RunState.AWAITING_APPROVAL.value
    run.requested_by = ctx.actor.id
    ctx.session.flush()
    _request_posting(ctx, run)
    ctx.date_warning = date_warning(Year(run.fiscal_year), ctx.today)
    ctx.audit(subject=run.id, requested_by=run.requested_by, **_facts_of(run))
    return AllocationPrepared(run_id=run.id, number=run.number, digest=run.digest)


def _add_run(ctx: CommandContext, fiscal_year: int, kind: RunKind, state: RunState, requested_by: str) -> AllocationRun:
    """Store the split with its shares and workings; a draft of the year is replaced."""
    year = Year(fiscal_year)
    # One at a time for a year: a second one meets the first one's row instead of a unique key's complaint.
    advisory_lock(ctx.session, f"allocation.{year}")
    runs = _runs_of(ctx.session, fiscal_year)
    split = _preview_beside(ctx.session, year, kind, runs)
    posted = split.inputs.posted
    for run in runs:
        if run.state == RunState.DRAFT:
            run.state = RunState.REJECTED.value
            run.decided_at = ctx.now
    ctx.session.flush()
    run = AllocationRun(
        id=new_id(),
        tenant_id=ctx.actor.tenant_id,
        fiscal_year=year.year,
        number=max((run.number for run in runs), default=0) + 1,
        revision=posted.revision + 1 if posted else 0,
        kind=kind.value,
        state=state.value,
        revises_id=posted.run_id if posted else None,
        total_yen=split.total_yen,
        operator_yen=split.operator_yen,
        operator_residual_yen=split.operator_residual_yen,
        deductions_yen=split.deductions_yen,
        digest=split.digest,
        inputs=split.versions.model_dump(mode="json"),
        prepared_at=ctx.now,
        prepared_by=ctx.actor.id,
        requested_by=requested_by,
    )
    ctx.session.add(run)
    ctx.session.flush()
    _store_shares(ctx.session, run, split)
    ctx.date_warning = date_warning(year, ctx.today)
    return run


def preview_run(session: Session, fiscal_year: int, kind: RunKind) -> Preview:
    """The split that a run of this kind would store now.

    Raises Conflict while another run of the year awaits its approval, for a second 当初, for a 変更 of nothing and for
    one that changes nothing, and what `preview` raises.
    """
    return _preview_beside(session, Year(fiscal_year), kind, _runs_of(session, fiscal_year))


def _preview_beside(session: Session, year: Year, kind: RunKind, runs: Iterable[AllocationRun]) -> Preview:
    """That split; `runs` are those of the year."""
    facts = {"label": year.shown, "year": year.year}
    for run in runs:
        if run.state == RunState.AWAITING_APPROVAL:
            raise Conflict(RUN_AWAITING_APPROVAL, field="fiscal_year", run=run_name(run.revision), **facts)
        if kind is RunKind.ESTIMATE and run.state == RunState.POSTED:
            raise Conflict(ESTIMATE_EXISTS, field="kind", **facts)
    split = preview(session, year.year, directory.members_of_year(session, year.year))
    if kind is RunKind.REVISION:
        if split.inputs.posted is None:
            raise Conflict(NOTHING_TO_REVISE, field="kind", **facts)
        if not split.differs:
            raise Conflict(NOTHING_DIFFERS, field="kind", run=run_name(split.inputs.posted.revision), **facts)
    return split


def _runs_of(session: Session, fiscal_year: int) -> list[AllocationRun]:
    return list(session.scalars(select(AllocationRun).where(AllocationRun.fiscal_year == fiscal_year)))


def _request_posting(ctx: CommandContext, run: AllocationRun) -> None:
    post_allocation.request(
        ctx,
        PostAllocation(run_id=run.id, digest=run.digest),
        SecondPerson.MONEY,
        requested_by=run.requested_by,
        kind=APPROVAL_KIND,
        subject_id=run.id,
        digest=run.digest,
    )


def _facts_of(run: AllocationRun) -> dict[str, Any]:
    return {
        "fiscal_year": run.fiscal_year,
        "number": run.number,
        "revision": run.revision,
        "kind": run.kind,
        "total_yen": run.total_yen,
        "digest": run.digest,
    }


@handles(
    Permission.ALLOCATION_PREPARE,
    Event.ALLOCATION_APPROVED,
    approval=SecondPerson.MONEY,
    edits="allocation run {run_id}",
)
def post_allocation(ctx: CommandContext, command: PostAllocation) -> AllocationApproved:
    """Compute the run anew, and post it when it comes to what was shown. Preparing a run requests it.

    Raises NotFound, Stale (another digest, or inputs that changed), Closed (the year takes no postings) and Invalid (a
    date outside the year).
    """
    run = _run_for_update(ctx.session, command.run_id)
    if run.state != RunState.AWAITING_APPROVAL:
        raise Conflict(RUN_DECIDED, field="run_id", state=RunState(run.state))
    if command.digest != run.digest:
        raise Stale(approvals.DIGEST_STALE, field="digest", given=command.digest, current=run.digest)
    year = Year(run.fiscal_year)
    split = preview(ctx.session, year.year, directory.members_of_year(ctx.session, year.year))
    if split.digest != run.digest:
        raise Stale(INPUTS_CHANGED, field="digest", given=run.digest, current=split.digest)
    happened_on = command.happened_on or posting_day(year, ctx.today)
    posted = post(ctx, postings(split, run, happened_on))
    run.state = RunState.POSTED.value
    run.decided_at = ctx.now
    run.happened_on = happened_on
    ctx.session.execute(
        update(AllocationShare)
        .where(AllocationShare.run_id == run.id)
        .values(posted_at=ctx.now)
        .execution_options(synchronize_session=False)
    )
    ctx.date_warning = date_warning(year, ctx.today)
    facts: dict[str, Any] = {
        "fiscal_year": year.year,
        "number": run.number,
        "revision": run.revision,
        "digest": run.digest,
    }
    entries = {entry.tenant_id: entry.audit_facts for entry in posted}
    ctx.audit(subject=run.id, total_yen=run.total_yen, entries=len(posted), **facts, **entries.get(run.tenant_id, {}))
    for member in split.members:
        share_yen = split.shares_yen[member.id]
        ctx.audit(subject=run.id, tenant_id=member.id, share_yen=share_yen, **facts, **entries.get(member.id, {}))
    return AllocationApproved(run_id=run.id, happened_on=happened_on, entries=len(posted))


@post_allocation.rejected
def _send_back(ctx: CommandContext, command: PostAllocation) -> None:
    run = _run_for_update(ctx.session, command.run_id)
    if run.state != RunState.AWAITING_APPROVAL:
        raise Conflict(RUN_DECIDED, field="run_id", state=RunState(run.state))
    run.state = RunState.REJECTED.value
    run.decided_at = ctx.now
    reason = "" if ctx.approval is None else ctx.approval.decision_reason
    ctx.audit(
        event=Event.ALLOCATION_REJECTED,
        subject=run.id,
        fiscal_year=run.fiscal_year,
        number=run.number,
        revision=run.revision,
        reason=reason,
    )


@handles(Permission.ALLOCATION_APPROVE, Event.ALLOCATION_APPROVED, edits="allocation run {run_id}", step_up=True)
def approve_allocation(ctx: CommandContext, command: ApproveAllocation) -> AllocationApproved:
    """Approve the request to post a run; the posting date is the decider's where the request left it open.

    Raises NotFound, NotAllowed (the own run, or no person), Conflict (decided already), Stale (another digest) and
    what `post_allocation` refuses.
    """
    found = _lock_request(ctx, command.run_id, command.digest, Decision.APPROVED)
    left_open = {"happened_on": command.happened_on}
    posted = settle(ctx, found, Decision.APPROVED, DecisionNotes(), left_open=left_open)
    return AllocationApproved.model_validate(posted)


@handles(Permission.ALLOCATION_REJECT, Event.ALLOCATION_REJECTED, edits="allocation run {run_id}", step_up=True)
def reject_allocation(ctx: CommandContext, command: RejectAllocation) -> AllocationRejected:
    """Send a waiting run back with a reason. Nothing is posted. Raises what `approve_allocation` does, but Stale."""
    found = _lock_request(ctx, command.run_id, None, Decision.REJECTED)
    settle(ctx, found, Decision.REJECTED, DecisionNotes(command.reason))
    return AllocationRejected(run_id=command.run_id)


def _lock_request(
    ctx: CommandContext, run_id: UUID, digest: str | None, decision: Decision
) -> approvals.ApprovalDetails:
    run = _run_for_update(ctx.session, run_id)
    return approvals.lock_for_decision(
        ctx.session,
        ctx.actor,
        request_id=approvals.newest_request(ctx.session, APPROVAL_KIND, run.id),
        digest=run.digest if digest is None else digest,
        decision=decision,
    )


def _run_for_update(session: Session, run_id: UUID) -> AllocationRun:
    return require_found(
        session.scalars(select(AllocationRun).where(AllocationRun.id == run_id).with_for_update()).first(),
        what=Label("按分", "allocation run"),
        given=run_id,
        field="run_id",
    )


def posting_day(year: Year, today: date) -> date:
    """The posting date (調定日) where nobody chose one: today, or the nearest day of the fiscal year."""
    return min(max(today, year.starts_on), year.last_day)


def _store_shares(session: Session, run: AllocationRun, split: Preview) -> None:
    shares: list[dict[str, Any]] = []
    workings: list[dict[str, Any]] = []
    for member in split.members:
        share_id = new_id()
        shares.append(
            {
                "id": share_id,
                "tenant_id": member.id,
                "operator_id": run.tenant_id,
                "run_id": run.id,
                "fiscal_year": run.fiscal_year,
                "run_number": run.number,
                "revision": run.revision,
                "kind": run.kind,
                "digest": run.digest,
                "label": label_of(member),
                "name": member.name,
                "share_yen": split.shares_yen[member.id],
                "previous_yen": split.previous_yen[member.id],
                "divisions": [
                    share_explanation(rule_allocation, label_of(member)).model_dump(mode="json")
                    for rule_allocation in split.divisions
                    if member.id in rule_allocation.labels
                ],
            }
        )
        for place, (rule_allocation, line) in enumerate(member_lines(split, member), start=1):
            workings.append(
                {
                    "id": new_id(),
                    "tenant_id": member.id,
                    "share_id": share_id,
                    "place": place,
                    "rule_version_id": rule_allocation.costs.rule.id,
                    "component": line.component,
                    "basis": line.basis,
                    "figure_date": line.figure_date,
                    "figure_source": line.figure_source,
                    "pool_yen": line.pool_yen,
                    "ratio": str(line.ratio),
                    "weight": str(line.weight),
                    "weight_total": str(line.weight_total),
                    "exact_yen": str(line.exact_yen),
                }
            )
    session.execute(insert(AllocationShare), shares)
    session.execute(insert(AllocationWorking), workings)
