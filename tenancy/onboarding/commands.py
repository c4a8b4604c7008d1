"""The write door of onboardings: start, apply a cohort, advance (the worker alone), decide (a person alone)."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from governance.commands import Order, Outcome, Work, command
from governance.events import Event
from governance.kernel import clock
from governance.kernel.errors import NOT_FOUND, Conflict, Invalid, NotFound, Stale, reason
from governance.kernel.ids import new_id
from governance.permissions import Permission
from tenancy.clients.tables import ClientState, ServiceClient
from tenancy.onboarding import steps
from tenancy.onboarding.latecomers import enqueue_invitation
from tenancy.onboarding.queries import intents_digest, standings_of
from tenancy.onboarding.steps import Choice, Ending, OnboardingState, StepName, StepState
from tenancy.onboarding.tables import Onboarding, OnboardingStep
from tenancy.people.tables import Member
from tenancy.tenants.membership import change_state
from tenancy.tenants.states import TenantState
from tenancy.tenants.tables import Cohort, Tenant

RUN = "onboarding.run"
"""The job that carries an onboarding on."""

COHORT_COMPLETED = "cohort.completed"
"""The job that follows when the last tenant of a cohort has become a member."""

NOT_READY = reason(
    "onboarding.not_ready",
    ja="「{name}」は「{state}」なので、参加手続きを始められません。",
    en="{name} is {state}; onboarding begins with a tenant that is agreed.",
    hint_ja="審査と合意（agreed）まで進めてから始めてください。",
    hint_en="Move the tenant on to agreed first.",
)
EMPTY_COHORT = reason(
    "cohort.empty",
    ja="参加年度グループ「{given}」には団体がありません。",
    en="The cohort {given} has no tenants.",
)
PLAN_STALE = reason(
    "cohort.plan_stale",
    ja="この計画のあとに、内容が変わりました。計画を作り直して確認してください。",
    en="Something changed after this plan was made; plan again and look.",
    hint_ja="moyai cohort plan {cohort} を実行し、新しい digest で適用してください。",
    hint_en="Run moyai cohort plan {cohort} and apply with its digest.",
)
LEASE_LOST = reason(
    "onboarding.lease_lost",
    ja="この参加手続きは、ほかの処理が引き継いでいます。",
    en="Another worker has taken this onboarding over.",
)
REASON_NEEDED = reason(
    "onboarding.reason_needed",
    ja="決定の理由を入力してください。",
    en="Say why.",
)

STARTABLE = (TenantState.AGREED, TenantState.PROVISIONING, TenantState.ACTIVE)
"""An active tenant may be run through the steps again: they find everything in place, or mend what is not."""


class StartOnboarding(Order):
    tenant_id: UUID


class OnboardingStarted(Outcome):
    onboarding_id: UUID


@command(Permission.ONBOARDING_START, Event.ONBOARDING_STARTED)
def start_onboarding(work: Work, order: StartOnboarding) -> OnboardingStarted:
    """Begin the steps for one tenant; the open onboarding where there is one already.

    Raises NotFound, and Conflict for a tenant that is not agreed yet or is leaving.
    """
    tenant = _tenant(work.session, order.tenant_id)
    found = _open_onboarding(work.session, tenant.id)
    if found is not None:
        work.unchanged()
        return OnboardingStarted(onboarding_id=found.id)
    return OnboardingStarted(onboarding_id=_begin(work, tenant, None, None))


class ApplyCohort(Order):
    """`digest` names the whole plan that was shown. The caller plans again and says what it found.

    `planned_digest` is the plan's digest now, `intents_digest` that of the part of it that this database holds. Both
    are looked at, not asked for: the same order comes again with the same key after it was applied, and finds another
    plan then.
    """

    cohort: str
    digest: str
    planned_digest: str = Field(exclude=True)
    intents_digest: str = Field(exclude=True)


class CohortApplied(Outcome):
    cohort_id: UUID
    onboardings: tuple[UUID, ...]


@command(Permission.COHORT_APPLY, Event.COHORT_APPLIED)
def apply_cohort(work: Work, order: ApplyCohort) -> CohortApplied:
    """Begin the onboarding of every tenant of the cohort, side by side, as its plan showed.

    Raises NotFound, Stale when anything wanted has changed since the plan, and Conflict for a cohort without tenants
    or with one that is not ready; then nothing has begun.
    """
    cohort = work.session.scalars(select(Cohort).where(Cohort.name == order.cohort).with_for_update()).first()
    if cohort is None:
        raise NotFound(NOT_FOUND, what="cohort", given=order.cohort)
    tenants = work.session.scalars(
        select(Tenant).where(Tenant.cohort_id == cohort.id).order_by(Tenant.code).with_for_update()
    ).all()
    if not tenants:
        raise Conflict(EMPTY_COHORT, given=order.cohort)
    wanted = intents_digest(work.session, [tenant.id for tenant in tenants], on=clock.today(), now=work.now)
    if order.planned_digest != order.digest or wanted != order.intents_digest:
        raise Stale(PLAN_STALE, field="digest", cohort=order.cohort)
    begun = []
    for tenant in tenants:
        found = _open_onboarding(work.session, tenant.id)
        begun.append(found.id if found is not None else _begin(work, tenant, cohort.id, order.digest))
    work.record(subject=cohort.id, cohort=cohort.name, digest=order.digest, onboardings=[str(one) for one in begun])
    return CohortApplied(cohort_id=cohort.id, onboardings=tuple(begun))


class AdvanceStep(Order):
    """What one try of a step came to. `reason` and `facts` say why it did not end; `outcome` what was done.

    `keycloak_ids` are Keycloak's ids of the people and service clients made, by our own id.
    """

    tenant_id: UUID
    onboarding_id: UUID
    step: StepName
    fence: int
    ending: Ending
    reason: str | None = None
    facts: dict[str, Any] = Field(default_factory=dict)
    outcome: dict[str, Any] = Field(default_factory=dict)
    keycloak_ids: dict[UUID, str] = Field(default_factory=dict)
    mailed: tuple[UUID, ...] = ()


class StepAdvanced(Outcome):
    step: StepName
    state: StepState
    onboarding: OnboardingState


@command(Permission.ONBOARDING_ADVANCE, Event.ONBOARDING_ADVANCED)
def advance_step(work: Work, order: AdvanceStep) -> StepAdvanced:
    """Record what a try of a step came to, before the next step begins. The worker's own.

    Raises Stale when another worker has the onboarding in hand by now. The last step makes the tenant a member;
    what the move refuses (no acceptance in force), this refuses.
    """
    onboarding = work.session.scalars(
        select(Onboarding)
        .where(Onboarding.tenant_id == order.tenant_id, Onboarding.id == order.onboarding_id)
        .with_for_update()
    ).first()
    if onboarding is None:
        raise NotFound(NOT_FOUND, what="onboarding", given=str(order.onboarding_id))
    if onboarding.fence != order.fence:
        raise Stale(LEASE_LOST)
    step = _step(work.session, onboarding, order.step)
    turn = steps.turn_after(order.ending, attempts=step.attempts, faults=step.faults, now=work.now)
    if order.step is StepName.MEMBERSHIP and turn.state is StepState.DONE:
        _admit(work, onboarding)
    _note_projection(work, order)
    waits_as_before = turn.state is StepState.WAITING and step.reason == order.reason
    step.state = turn.state
    step.retry_at = turn.retry_at
    step.faults += order.ending is Ending.FAULT
    step.reason = order.reason
    step.facts = order.facts
    step.outcome = order.outcome or step.outcome
    step.finished_at = work.now if turn.state in steps.SETTLED else None
    _settle(work, onboarding)
    if waits_as_before:
        work.unchanged()
    else:
        work.record(
            subject=onboarding.id,
            tenant_id=onboarding.tenant_id,
            step=order.step.value,
            state=turn.state.value,
            reason=order.reason,
            attempts=step.attempts,
            **order.outcome,
        )
    return StepAdvanced(step=order.step, state=turn.state, onboarding=OnboardingState(onboarding.state))


class DecideStep(Order):
    onboarding_id: UUID
    step: StepName
    choice: Choice
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]


class StepDecided(Outcome):
    step: StepName
    state: StepState


@command(Permission.ONBOARDING_DECIDE, Event.ONBOARDING_DECIDED)
def decide_step(work: Work, order: DecideStep) -> StepDecided:
    """Retry, skip or adopt a step that waits or failed; the reason is kept in the record.

    Raises Invalid without a reason, NotFound, and Conflict where the choice is not open: membership needs the step,
    or there is nothing to decide.
    """
    if not order.reason:
        raise Invalid(REASON_NEEDED, field="reason")
    onboarding = work.session.scalars(
        select(Onboarding).where(Onboarding.id == order.onboarding_id).with_for_update()
    ).first()
    if onboarding is None:
        raise NotFound(NOT_FOUND, what="onboarding", given=str(order.onboarding_id))
    step = _step(work.session, onboarding, order.step)
    before = StepState(step.state)
    step.state = steps.decided(steps.Standing(order.step, before), order.choice)
    step.attempts, step.faults, step.retry_at = 0, 0, None
    step.reason, step.facts = None, {}
    step.finished_at = work.now if step.state in steps.SETTLED else None
    _settle(work, onboarding)
    if onboarding.state != OnboardingState.DONE:
        work.enqueue(RUN, {"onboarding_id": str(onboarding.id)}, tenant_id=onboarding.tenant_id)
    work.record(
        subject=onboarding.id,
        tenant_id=onboarding.tenant_id,
        step=order.step.value,
        choice=order.choice.value,
        before=before.value,
        why=order.reason,
    )
    return StepDecided(step=order.step, state=StepState(step.state))


def _begin(work: Work, tenant: Tenant, cohort_id: UUID | None, digest: str | None) -> UUID:
    state = TenantState(tenant.state)
    if state not in STARTABLE:
        raise Conflict(NOT_READY, field="state", name=tenant.name, state=tenant.state)
    if state is TenantState.AGREED:
        change_state(work, tenant, TenantState.PROVISIONING, why="参加手続きの開始", effective_on=clock.today())
    onboarding = Onboarding(
        id=new_id(),
        tenant_id=tenant.id,
        cohort_id=cohort_id,
        plan_digest=digest,
        state=OnboardingState.QUEUED,
        requested_by=work.actor.id,
        requested_at=work.now,
        retry_at=work.now,
        fence=0,
    )
    work.session.add(onboarding)
    work.session.flush()
    work.session.add_all(
        OnboardingStep(
            id=new_id(),
            tenant_id=tenant.id,
            onboarding_id=onboarding.id,
            name=name,
            state=StepState.QUEUED,
            attempts=0,
            faults=0,
            facts={},
            outcome={},
        )
        for name in StepName
    )
    work.enqueue(RUN, {"onboarding_id": str(onboarding.id)}, tenant_id=tenant.id)
    work.record(subject=onboarding.id, tenant_id=tenant.id, event=Event.ONBOARDING_STARTED, digest=digest)
    return onboarding.id


def _admit(work: Work, onboarding: Onboarding) -> None:
    """Make the tenant a member; with the last one of its cohort, leave the job that follows."""
    tenant = _tenant(work.session, onboarding.tenant_id)
    if tenant.state == TenantState.ACTIVE:
        return
    if tenant.cohort_id is not None:
        # Two last tenants must not each take the other for the one still missing.
        work.session.scalars(select(Cohort).where(Cohort.id == tenant.cohort_id).with_for_update()).one()
    change_state(
        work, tenant, TenantState.ACTIVE, why="参加手続きの完了", effective_on=tenant.valid_from or clock.today()
    )
    work.session.flush()
    if tenant.cohort_id is None:
        return
    others = work.session.scalars(
        select(Tenant.state).where(Tenant.cohort_id == tenant.cohort_id, Tenant.id != tenant.id)
    )
    if all(state == TenantState.ACTIVE for state in others):
        work.enqueue(COHORT_COMPLETED, {"cohort_id": str(tenant.cohort_id), "requested_for": onboarding.requested_by})


def _note_projection(work: Work, order: AdvanceStep) -> None:
    for own_id, keycloak_id in order.keycloak_ids.items():
        if order.step is StepName.SERVICE_CLIENT:
            work.session.execute(
                update(ServiceClient)
                .where(ServiceClient.tenant_id == order.tenant_id, ServiceClient.id == own_id)
                .values(keycloak_id=keycloak_id)
            )
            work.session.execute(
                update(ServiceClient)
                .where(ServiceClient.id == own_id, ServiceClient.state == ClientState.REGISTERED)
                .values(state=ClientState.ACTIVE)
            )
            continue
        member = work.session.scalars(
            select(Member).where(Member.tenant_id == order.tenant_id, Member.person_id == own_id).with_for_update()
        ).one()
        member.keycloak_id = keycloak_id
        if order.step is StepName.PEOPLE:
            # The owner's mail is a step of its own; fifty people's mails must not hold the steps up.
            enqueue_invitation(work, member)
    if order.mailed:
        work.session.execute(
            update(Member)
            .where(Member.tenant_id == order.tenant_id, Member.person_id.in_(order.mailed))
            .values(password_mail_sent_at=work.now)
        )


def _settle(work: Work, onboarding: Onboarding) -> None:
    """Bring the whole in line with its steps."""
    work.session.flush()
    standings = standings_of(work.session, onboarding)
    onboarding.state = steps.roll_up(standings)
    onboarding.retry_at = steps.next_time(standings, work.now)
    onboarding.finished_at = work.now if onboarding.state == OnboardingState.DONE else None


def _tenant(session: Session, tenant_id: UUID) -> Tenant:
    tenant = session.scalars(
        select(Tenant).where(Tenant.id == tenant_id, Tenant.is_operator.is_(False)).with_for_update()
    ).first()
    if tenant is None:
        raise NotFound(NOT_FOUND, what="tenant", given=str(tenant_id))
    return tenant


def _open_onboarding(session: Session, tenant_id: UUID) -> Onboarding | None:
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
