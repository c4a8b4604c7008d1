"""The commands of onboardings: start one, apply a cohort's plan, advance a step (worker), decide a step (person)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, Stale, message, not_found, require_found
from governance.kernel.field_types import Id, ReasonLine
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy.clients import sync as clients
from tenancy.onboarding import steps
from tenancy.onboarding.intents import read_intent, steps_to_check, steps_to_sync
from tenancy.onboarding.models import StepOutcome
from tenancy.onboarding.queries import intents_digest, step_statuses
from tenancy.onboarding.steps import OnboardingKind, OnboardingState, StepDecision, StepName, StepResult, StepState
from tenancy.onboarding.tables import Onboarding, OnboardingStep
from tenancy.onboarding.unsynced_members import audit_released_address, enqueue_invitation
from tenancy.people import sync as people
from tenancy.people.consents import enqueue_consent_mail
from tenancy.people.states import SyncProblem
from tenancy.tenants.facts import cohort_members
from tenancy.tenants.models import TenantDetails
from tenancy.tenants.queries import lock_cohort, lock_tenant, lock_tenants_of_cohort
from tenancy.tenants.state_changes import apply_transition
from tenancy.tenants.states import TenantState

RUN_ONBOARDING = "onboarding.run"
"""The job that runs an onboarding."""

COHORT_COMPLETED = "cohort.completed"
"""The job that is enqueued when the last tenant of a cohort has become active."""

NOT_READY = message(
    "onboarding.not_ready",
    ja="「{name}」は「{state}」なので、参加手続を始められません。",
    en="{name} is {state}; onboarding starts from the state agreed.",
    hint_ja="「合意済み」まで進めてから始めてください。",
    hint_en="Change its state to agreed first.",
)
EMPTY_COHORT = message(
    "cohort.empty",
    ja="参加期「{given}」には団体がありません。",
    en="The cohort {given} has no tenants.",
)
PLAN_STALE = message(
    "cohort.plan_stale",
    ja="この計画のあとに、内容が変わりました。計画を作り直して確認してください。",
    en="Something changed after this plan was made; plan again and review it.",
    hint_ja="計画をもう一度表示し、その照合番号で始めてください。",
    hint_en="Show the plan again and start with its digest.",
)
LEASE_LOST = message(
    "onboarding.lease_lost",
    ja="この参加手続は、ほかの処理が引き継いでいます。",
    en="Another worker has taken over this onboarding.",
)

STARTABLE = (TenantState.AGREED, TenantState.PROVISIONING, TenantState.ACTIVE)
"""States from which onboarding starts. Of an active tenant what is in Keycloak is compared again and repaired."""

_PARTICIPATING = (TenantState.TRIAL, TenantState.ACTIVE)


class StartOnboarding(Command):
    """A tenant whose onboarding begins."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]


class OnboardingStarted(Result):
    """The onboarding that began, or the one that was in progress already."""

    onboarding_id: UUID


@handles(Permission.ONBOARDING_START, Event.ONBOARDING_STARTED)
def start_onboarding(ctx: CommandContext, command: StartOnboarding) -> OnboardingStarted:
    """Begin the steps for one tenant; the onboarding in progress where there is one.

    An active tenant is in already: its onboarding is of the kind SYNC, and compares with Keycloak what it has there.
    Raises NotFound, and Conflict where the tenant's state is not one of STARTABLE.
    """
    tenant = _tenant(ctx.session, command.tenant_id)
    found = _onboarding_in_progress(ctx.session, tenant.id)
    if found is not None:
        ctx.mark_noop()
        return OnboardingStarted(onboarding_id=found.id)
    return OnboardingStarted(onboarding_id=_begin_or_check(ctx, tenant))


class StartSync(Command):
    """A participating tenant with people or service clients that are not in Keycloak yet."""

    tenant_id: UUID


class SyncStarted(Result):
    """The onboarding that brings them there, or the one that was in progress already; None where nothing is new."""

    onboarding_id: UUID | None


@handles(Permission.MEMBER_SYNC, Event.SYNC_STARTED)
def start_sync(ctx: CommandContext, command: StartSync) -> SyncStarted:
    """Begin the steps that concern what was added, and only those. Only the worker may.

    Where an earlier one of the kind SYNC failed, they go on in that one, beside the step that needs a decision: it
    holds back nothing but itself. Raises NotFound, and Conflict for a tenant that does not take part.
    """
    tenant = _tenant(ctx.session, command.tenant_id)
    if tenant.state not in _PARTICIPATING:
        raise Conflict(NOT_READY, field="state", name=tenant.name, state=tenant.state)
    found = _onboarding_in_progress(ctx.session, tenant.id)
    if found is not None and not _is_failed_sync(found):
        ctx.mark_noop()
        return SyncStarted(onboarding_id=found.id)
    wanted = steps_to_sync(read_intent(ctx.session, tenant.id, on=ctx.today, now=ctx.now))
    if found is not None:
        if not _queue_beside_failed(ctx, found, wanted):
            ctx.mark_noop()
        return SyncStarted(onboarding_id=found.id)
    if not wanted:
        ctx.mark_noop()
        return SyncStarted(onboarding_id=None)
    return SyncStarted(onboarding_id=_begin(ctx, tenant, OnboardingKind.SYNC, wanted))


class ApplyCohort(Command):
    """A cohort, and the digest of the plan that the person saw.

    The caller computes the plan again: `planned_digest` is its digest now, `intents_digest` the digest of the part of
    it that this database holds. Both are excluded from the idempotency hash: they change once the plan is applied, and
    a retry with the same key must still match.
    """

    cohort: str
    digest: str
    planned_digest: str = Field(exclude=True)
    intents_digest: str = Field(exclude=True)


class CohortApplied(Result):
    """The cohort, and the onboardings of its tenants in the order of the tenants' codes."""

    cohort_id: UUID
    onboardings: tuple[UUID, ...]


@handles(Permission.COHORT_APPLY, Event.COHORT_APPLIED)
def apply_cohort(ctx: CommandContext, command: ApplyCohort) -> CohortApplied:
    """Begin the onboarding of every tenant of the cohort, as its plan showed.

    Raises NotFound, Stale when an intent changed since the plan, and Conflict for a cohort without tenants or with a
    tenant whose state is not one of STARTABLE. Then no onboarding has begun.
    """
    cohort = lock_cohort(ctx.session, command.cohort)
    tenants = lock_tenants_of_cohort(ctx.session, cohort.id)
    if not tenants:
        raise Conflict(EMPTY_COHORT, given=command.cohort)
    wanted = intents_digest(ctx.session, [tenant.id for tenant in tenants], on=ctx.today, now=ctx.now)
    if command.planned_digest != command.digest or wanted != command.intents_digest:
        raise Stale(PLAN_STALE, field="digest", cohort=command.cohort)
    begun = []
    for tenant in tenants:
        found = _onboarding_in_progress(ctx.session, tenant.id)
        begun.append(found.id if found is not None else _begin_or_check(ctx, tenant, cohort.id, command.digest))
    ctx.audit(subject=cohort.id, cohort=cohort.name, digest=command.digest, onboardings=[str(one) for one in begun])
    return CohortApplied(cohort_id=cohort.id, onboardings=tuple(begun))


class AdvanceStep(Command):
    """The result of one attempt at a step. `reason` and `facts` say why it is not done; `outcome` what was done.

    `fence` is the number of the worker's lease. `keycloak_ids` are Keycloak's ids of the people and service clients
    that were created, by our own id; `mailed` the people to whom a password email was sent, `asked` those who have an
    account in another tenant, by its username, `waiting` those whom
    Keycloak refused, `released` people of any tenant whose address was given up for one of them.
    """

    tenant_id: UUID
    onboarding_id: UUID
    step: StepName
    fence: int
    result: StepResult
    reason: str | None = None
    facts: dict[str, Any] = Field(default_factory=dict)
    outcome: StepOutcome | None = None
    keycloak_ids: dict[UUID, str] = Field(default_factory=dict)
    mailed: tuple[UUID, ...] = ()
    waiting: dict[UUID, SyncProblem] = Field(default_factory=dict)
    asked: dict[UUID, UUID] = Field(default_factory=dict)
    released: tuple[UUID, ...] = ()


class StepAdvanced(Result):
    """The state of the step and of its onboarding after the attempt."""

    step: StepName
    state: StepState
    onboarding: OnboardingState


@handles(Permission.ONBOARDING_ADVANCE, Event.ONBOARDING_ADVANCED)
def advance_step(ctx: CommandContext, command: AdvanceStep) -> StepAdvanced:
    """Record the result of an attempt at a step, before the next step begins. Only the worker may.

    Raises NotFound, and Stale when another worker holds the lease. The last step changes the tenant's state to active
    and raises what that change raises, such as Conflict without an acceptance in force.
    """
    onboarding = require_found(
        ctx.session.scalars(
            select(Onboarding)
            .where(Onboarding.tenant_id == command.tenant_id, Onboarding.id == command.onboarding_id)
            .with_for_update()
        ).first(),
        what=Label("参加手続", "onboarding"),
        given=command.onboarding_id,
    )
    if onboarding.fence != command.fence:
        raise Stale(LEASE_LOST)
    step = _step(ctx.session, onboarding, command.step)
    transition = steps.next_transition(command.result, attempts=step.attempts, faults=step.faults, now=ctx.now)
    if command.step is StepName.MEMBERSHIP and transition.state is StepState.DONE:
        _activate(ctx, onboarding)
    _mark_synced(ctx, command)
    is_unchanged_wait = transition.state is StepState.WAITING and step.reason == command.reason
    step.state = transition.state
    step.retry_at = transition.retry_at
    step.faults += command.result is StepResult.FAULT
    step.reason = command.reason
    step.facts = command.facts
    if command.result is StepResult.PORTION:
        # What is left is a new try, which a worker that dies, or a server that is away, does not make the second.
        step.attempts = step.faults = 0
    outcome = {} if command.outcome is None else command.outcome.model_dump(mode="json", exclude_defaults=True)
    step.outcome = outcome or step.outcome
    step.finished_at = ctx.now if transition.state in steps.COMPLETED_STATES else None
    _refresh_state(ctx, onboarding)
    if is_unchanged_wait:
        ctx.mark_noop()
    else:
        ctx.audit(
            subject=onboarding.id,
            tenant_id=onboarding.tenant_id,
            step=command.step.value,
            state=transition.state.value,
            reason=command.reason,
            attempts=step.attempts,
            **outcome,
        )
    return StepAdvanced(step=command.step, state=transition.state, onboarding=OnboardingState(onboarding.state))


class DecideStep(Command):
    """A person's decision about a step that waits or failed."""

    onboarding_id: Annotated[Id, Input("参加手続", "Onboarding")]
    step: Annotated[StepName, Input("手順", "Step")]
    choice: Annotated[StepDecision, Input("対応", "Action")]
    reason: Annotated[
        ReasonLine,
        Input(
            "理由",
            "Reason",
            Label(
                "監査記録に残ります。個人名は書かないでください。",
                "Recorded in the audit log. Do not name individuals.",
            ),
        ),
    ]


class StepDecided(Result):
    """The state of the step after the decision."""

    step: StepName
    state: StepState


@handles(Permission.ONBOARDING_DECIDE, Event.ONBOARDING_DECIDED, edits="onboarding {onboarding_id}")
def decide_step(ctx: CommandContext, command: DecideStep) -> StepDecided:
    """Retry, skip or adopt a step that waits or failed; the audit event names the reason.

    Raises NotFound, and Conflict where the step is in another state or cannot be skipped or adopted.
    """
    onboarding = require_found(
        ctx.session.scalars(select(Onboarding).where(Onboarding.id == command.onboarding_id).with_for_update()).first(),
        what=Label("参加手続", "onboarding"),
        given=command.onboarding_id,
    )
    step = _step(ctx.session, onboarding, command.step)
    before = StepState(step.state)
    step.state = steps.apply_decision(steps.StepStatus(command.step, before), command.choice)
    step.attempts, step.faults, step.retry_at = 0, 0, None
    step.reason, step.facts = None, {}
    step.finished_at = ctx.now if step.state in steps.COMPLETED_STATES else None
    _refresh_state(ctx, onboarding)
    if onboarding.state != OnboardingState.DONE:
        ctx.enqueue(RUN_ONBOARDING, {"onboarding_id": str(onboarding.id)}, tenant_id=onboarding.tenant_id)
    ctx.audit(
        subject=onboarding.id,
        tenant_id=onboarding.tenant_id,
        step=command.step.value,
        choice=command.choice.value,
        before=before.value,
        reason=command.reason,
    )
    return StepDecided(step=command.step, state=StepState(step.state))


def _begin_or_check(
    ctx: CommandContext, tenant: TenantDetails, cohort_id: UUID | None = None, digest: str | None = None
) -> UUID:
    """Begin every step of a tenant on its way in, the comparison with Keycloak of one that is in."""
    if tenant.state not in STARTABLE:
        raise Conflict(NOT_READY, field="state", name=tenant.name, state=tenant.state)
    if tenant.state is TenantState.ACTIVE:
        wanted = steps_to_check(read_intent(ctx.session, tenant.id, on=ctx.today, now=ctx.now))
        return _begin(ctx, tenant, OnboardingKind.SYNC, wanted, cohort_id, digest)
    if tenant.state is TenantState.AGREED:
        apply_transition(ctx, tenant.id, TenantState.PROVISIONING, reason="参加手続の開始", effective_on=ctx.today)
    return _begin(ctx, tenant, OnboardingKind.JOINING, tuple(StepName), cohort_id, digest)


def _begin(
    ctx: CommandContext,
    tenant: TenantDetails,
    kind: OnboardingKind,
    names: Sequence[StepName],
    cohort_id: UUID | None = None,
    digest: str | None = None,
) -> UUID:
    onboarding = Onboarding(
        id=new_id(),
        tenant_id=tenant.id,
        kind=kind.value,
        cohort_id=cohort_id,
        plan_digest=digest,
        state=OnboardingState.QUEUED,
        requested_by=ctx.actor.id,
        requested_at=ctx.now,
        retry_at=ctx.now,
        fence=0,
    )
    ctx.session.add(onboarding)
    ctx.session.flush()
    _add_steps(ctx.session, onboarding, names)
    ctx.enqueue(RUN_ONBOARDING, {"onboarding_id": str(onboarding.id)}, tenant_id=tenant.id)
    if kind is OnboardingKind.SYNC:
        event, facts = Event.SYNC_STARTED, {"steps": [name.value for name in names]}
    else:
        event, facts = Event.ONBOARDING_STARTED, {}
    ctx.audit(subject=onboarding.id, tenant_id=tenant.id, event=event, digest=digest, **facts)
    return onboarding.id


def _add_steps(session: Session, onboarding: Onboarding, names: Iterable[StepName]) -> None:
    session.add_all(
        OnboardingStep(
            id=new_id(),
            tenant_id=onboarding.tenant_id,
            onboarding_id=onboarding.id,
            name=name,
            state=StepState.QUEUED,
            attempts=0,
            faults=0,
            facts={},
            outcome={},
        )
        for name in names
    )


def _is_failed_sync(onboarding: Onboarding) -> bool:
    return onboarding.kind == OnboardingKind.SYNC and onboarding.state == OnboardingState.FAILED


def _queue_beside_failed(ctx: CommandContext, onboarding: Onboarding, wanted: Iterable[StepName]) -> bool:
    """Queue those of the steps that are absent or were completed before; whether there is one."""
    # The worker writes under the same lock.
    ctx.session.refresh(onboarding, with_for_update=True)
    present = {
        StepName(step.name): step
        for step in ctx.session.scalars(
            select(OnboardingStep).where(
                OnboardingStep.tenant_id == onboarding.tenant_id, OnboardingStep.onboarding_id == onboarding.id
            )
        )
    }
    absent = [name for name in wanted if name not in present]
    again = [name for name in wanted if name in present and present[name].state in steps.COMPLETED_STATES]
    if not _is_failed_sync(onboarding) or not absent + again:
        return False
    for name in again:
        step = present[name]
        step.state, step.attempts, step.faults = StepState.QUEUED, 0, 0
        step.retry_at, step.finished_at = None, None
    _add_steps(ctx.session, onboarding, absent)
    _refresh_state(ctx, onboarding)
    ctx.enqueue(RUN_ONBOARDING, {"onboarding_id": str(onboarding.id)}, tenant_id=onboarding.tenant_id)
    ctx.audit(subject=onboarding.id, tenant_id=onboarding.tenant_id, steps=[name.value for name in (*absent, *again)])
    return True


def _activate(ctx: CommandContext, onboarding: Onboarding) -> None:
    """Change the tenant's state to active; enqueue COHORT_COMPLETED when it is the last of its cohort."""
    tenant = _tenant(ctx.session, onboarding.tenant_id)
    if tenant.state is TenantState.ACTIVE:
        return
    if tenant.cohort is not None:
        # Without the lock, two transactions could each see the other's tenant as not active yet.
        lock_cohort(ctx.session, tenant.cohort)
    apply_transition(
        ctx, tenant.id, TenantState.ACTIVE, reason="参加手続の完了", effective_on=tenant.valid_from or ctx.today
    )
    ctx.session.flush()
    if tenant.cohort is None:
        return
    if all(member.state is TenantState.ACTIVE for member in cohort_members(ctx.session, tenant.cohort)):
        ctx.enqueue(COHORT_COMPLETED, {"cohort_id": str(tenant.cohort_id)})


def _mark_synced(ctx: CommandContext, command: AdvanceStep) -> None:
    for own_id, keycloak_id in command.keycloak_ids.items():
        if command.step is StepName.SERVICE_CLIENT:
            clients.record_keycloak_id(ctx.session, command.tenant_id, own_id, keycloak_id)
            continue
        member = people.record_keycloak_id(ctx.session, command.tenant_id, own_id, keycloak_id)
        if command.step is StepName.PEOPLE:
            # The owner's mail is a step of its own; the others are jobs, because fifty mails would delay the steps.
            enqueue_invitation(ctx, member)
    for person_id, problem in command.waiting.items():
        people.record_sync_problem(ctx.session, command.tenant_id, person_id, problem, ctx.now)
    for person_id, account in command.asked.items():
        if people.record_consent_asked(ctx.session, command.tenant_id, person_id, account, ctx.now):
            enqueue_consent_mail(ctx, command.tenant_id, person_id)
    for person_id in command.released:
        audit_released_address(ctx, person_id)
    if command.mailed:
        people.record_password_mails(ctx.session, command.tenant_id, command.mailed, ctx.now)


def _refresh_state(ctx: CommandContext, onboarding: Onboarding) -> None:
    """Set the onboarding's state, next attempt and end from its steps."""
    ctx.session.flush()
    statuses = step_statuses(ctx.session, onboarding)
    onboarding.state = steps.overall_state(statuses)
    onboarding.retry_at = steps.next_time(statuses, ctx.now)
    onboarding.finished_at = ctx.now if onboarding.state == OnboardingState.DONE else None


def _tenant(session: Session, tenant_id: UUID) -> TenantDetails:
    """The tenant, locked. Raises NotFound, also for the operator, which is not onboarded."""
    tenant = lock_tenant(session, tenant_id)
    if tenant.is_operator:
        raise not_found(what=Label("団体", "tenant"), given=tenant_id)
    return tenant


def _onboarding_in_progress(session: Session, tenant_id: UUID) -> Onboarding | None:
    return session.scalars(
        select(Onboarding).where(Onboarding.tenant_id == tenant_id, Onboarding.state != OnboardingState.DONE)
    ).first()


def _step(session: Session, onboarding: Onboarding, name: StepName) -> OnboardingStep:
    return session.scalars(
        select(OnboardingStep).where(
            OnboardingStep.tenant_id == onboarding.tenant_id,
            OnboardingStep.onboarding_id == onboarding.id,
            OnboardingStep.name == name,
        )
    ).one()
