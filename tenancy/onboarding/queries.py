"""Reading onboardings: their state and steps, which are due, and the digest of what is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, String, and_, case, cast, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from governance import commands
from governance.former_names import current_message_code
from governance.kernel import errors
from governance.kernel.database import database_now
from governance.kernel.digest import digest_of
from governance.kernel.errors import collect_messages, not_found
from governance.kernel.labels import Label
from governance.kernel.waiting import WaitingSelect, first_tenants, waiting_columns
from tenancy import directory
from tenancy.keycloak import messages
from tenancy.onboarding import step_actions, steps
from tenancy.onboarding.intents import OnboardingIntent, read_intent
from tenancy.onboarding.models import OnboardingView, StepOutcome, StepView
from tenancy.onboarding.step_actions import MISSING_INPUT
from tenancy.onboarding.steps import OnboardingKind, OnboardingState, StepName, StepState, StepStatus
from tenancy.onboarding.tables import Onboarding, OnboardingStep
from tenancy.tenants import state_changes, states


def onboarding(session: Session, onboarding_id: UUID) -> OnboardingView:
    """One onboarding. Raises NotFound."""
    return onboardings(session, [onboarding_id])[0]


def onboardings(session: Session, onboarding_ids: Sequence[UUID]) -> tuple[OnboardingView, ...]:
    """These onboardings, in the order given. Raises NotFound when one is not there."""
    rows = session.scalars(
        select(Onboarding).where(Onboarding.id.in_(onboarding_ids)).execution_options(populate_existing=True)
    ).all()
    found = {view.id: view for view in _views(session, rows)}
    for onboarding_id in onboarding_ids:
        if onboarding_id not in found:
            raise not_found(what=Label("参加手続", "onboarding"), given=onboarding_id)
    return tuple(found[onboarding_id] for onboarding_id in onboarding_ids)


def onboardings_of(session: Session, tenant_id: UUID) -> tuple[OnboardingView, ...]:
    """A tenant's onboardings, newest first."""
    return _views(
        session,
        session.scalars(
            select(Onboarding).where(Onboarding.tenant_id == tenant_id).order_by(Onboarding.id.desc())
        ).all(),
    )


def onboardings_of_cohort(session: Session, cohort_id: UUID) -> tuple[OnboardingView, ...]:
    """The newest onboarding of each tenant that was begun with the cohort."""
    return _views(
        session,
        session.scalars(
            select(Onboarding)
            .where(Onboarding.cohort_id == cohort_id)
            .ext(distinct_on(Onboarding.tenant_id))
            .order_by(Onboarding.tenant_id, Onboarding.id.desc())
        ).all(),
    )


def onboardings_in_progress(session: Session) -> tuple[OnboardingView, ...]:
    """Every onboarding in this scope that is not done, oldest first."""
    return _views(
        session,
        session.scalars(
            select(Onboarding).where(Onboarding.state != OnboardingState.DONE).order_by(Onboarding.id)
        ).all(),
    )


def count_by_state(session: Session, cohort_id: UUID | None = None) -> dict[OnboardingState, int]:
    """How many tenants' ways in are in each state, of one cohort where given; states without any are left out."""
    is_joining = Onboarding.kind == OnboardingKind.JOINING.value
    query = select(Onboarding.state, func.count()).where(is_joining).group_by(Onboarding.state)
    if cohort_id is not None:
        query = query.where(Onboarding.cohort_id == cohort_id)
    return {OnboardingState(state): number for state, number in session.execute(query)}


def waiting_steps() -> WaitingSelect:
    """Columns of `governance.kernel.waiting`: the steps that wait for a person, one row a step and state.

    `facts` are the step, whether it failed (else it waits for input), the onboarding's kind, and where it is one, its
    id.
    """
    has_failed = OnboardingStep.state == StepState.FAILED.value
    facts = func.jsonb_build_object(
        *("step", OnboardingStep.name, "has_failed", has_failed, "kind", Onboarding.kind),
        *("onboarding", case((func.count() == 1, func.min(cast(OnboardingStep.onboarding_id, String))))),
    )
    return (
        select(
            *waiting_columns(
                func.count(),
                facts=facts,
                since=func.min(func.coalesce(OnboardingStep.started_at, Onboarding.requested_at)),
                tenants=first_tenants(OnboardingStep.tenant_id, OnboardingStep.tenant_id),
            )
        )
        .join(Onboarding, _of_onboarding())
        .where(Onboarding.state != OnboardingState.DONE, _waits_for_person())
        .group_by(OnboardingStep.name, has_failed, Onboarding.kind)
    )


def latest_sync(session: Session, tenant_id: UUID) -> OnboardingView | None:
    """The newest onboarding of the tenant that brings later changes to Keycloak; None where there was none."""
    query = select(Onboarding).where(Onboarding.tenant_id == tenant_id, Onboarding.kind == OnboardingKind.SYNC.value)
    found = _views(session, session.scalars(query.order_by(Onboarding.id.desc()).limit(1)).all())
    return found[0] if found else None


def onboardings_blocked_at(session: Session, step: StepName) -> tuple[OnboardingView, ...]:
    """The onboardings in progress whose step of this name failed or waits for input, oldest first."""
    blocked = select(OnboardingStep.onboarding_id).where(OnboardingStep.name == step.value, _waits_for_person())
    query = select(Onboarding).where(Onboarding.state != OnboardingState.DONE, Onboarding.id.in_(blocked))
    return _views(session, session.scalars(query.order_by(Onboarding.id)).all())


def _of_onboarding() -> ColumnElement[bool]:
    return and_(Onboarding.tenant_id == OnboardingStep.tenant_id, Onboarding.id == OnboardingStep.onboarding_id)


def _waits_for_person() -> ColumnElement[bool]:
    """Whether the step failed, or waits for somebody to enter something."""
    return or_(
        OnboardingStep.state == StepState.FAILED,
        and_(OnboardingStep.state == StepState.WAITING, OnboardingStep.reason.in_(MISSING_INPUT)),
    )


def due(session: Session, now: datetime, limit: int = 100) -> list[tuple[UUID, UUID]]:
    """(tenant, onboarding) of those that can continue at `now` and that no worker has a lease on, oldest first."""
    rows = session.execute(
        select(Onboarding.tenant_id, Onboarding.id)
        .where(
            Onboarding.state != OnboardingState.DONE,
            Onboarding.retry_at <= now,
            or_(Onboarding.leased_until.is_(None), Onboarding.leased_until < database_now()),
        )
        .order_by(Onboarding.id)
        .limit(limit)
    )
    return [(row.tenant_id, row.id) for row in rows]


def step_statuses(session: Session, row: Onboarding) -> dict[StepName, StepStatus]:
    """The status of each step, for the pure functions of `steps`."""
    return {
        StepName(step.name): StepStatus(
            StepName(step.name), StepState(step.state), step.attempts, step.faults, step.retry_at
        )
        for step in session.scalars(
            select(OnboardingStep).where(
                OnboardingStep.tenant_id == row.tenant_id, OnboardingStep.onboarding_id == row.id
            )
        )
    }


def intents_digest(session: Session, tenant_ids: Sequence[UUID], *, on: date, now: datetime) -> str:
    """The digest of the intents of these tenants on that day; their order does not matter."""
    intents = [read_intent(session, tenant_id, on=on, now=now) for tenant_id in sorted(tenant_ids)]
    return digest_of([_canonical(intent) for intent in intents])


def _canonical(intent: OnboardingIntent) -> dict[str, Any]:
    """What of an intent the plan depends on: not Keycloak's ids, nor when a mail was sent."""
    return {
        "tenant": str(intent.tenant_id),
        "state": intent.state.value,
        "organization": [intent.organization.code, intent.organization.name, intent.organization.enabled],
        "people": [_plain(_without_none(asdict(person.intent))) for person in intent.people],
        "service_clients": [_plain(_without_none(asdict(client))) for client in intent.service_clients],
        "quotas": [list(quota) for quota in intent.quotas],
        "agreement": intent.agreement,
    }


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    """Without fields that say nothing: one that came later leaves the digest of earlier plans as it was."""
    return {key: value for key, value in values.items() if value is not None}


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: sorted(value) if isinstance(value, frozenset) else (value if isinstance(value, bool) else str(value))
        for key, value in values.items()
    }


def _views(session: Session, rows: Sequence[Onboarding]) -> tuple[OnboardingView, ...]:
    """These onboardings with their steps and the code and name of their tenants, in the order given."""
    order = {name: place for place, name in enumerate(StepName)}
    tenants = directory.tenants_by_id(session, {row.tenant_id for row in rows})
    steps: dict[UUID, list[StepView]] = {row.id: [] for row in rows}
    for step in session.scalars(
        select(OnboardingStep)
        .where(OnboardingStep.onboarding_id.in_(list(steps)))
        .execution_options(populate_existing=True)
    ):
        steps[step.onboarding_id].append(_step_view(step))
    return tuple(
        OnboardingView(
            id=row.id,
            tenant_id=row.tenant_id,
            code=tenants[row.tenant_id].code,
            name=tenants[row.tenant_id].name,
            kind=OnboardingKind(row.kind),
            cohort_id=row.cohort_id,
            state=OnboardingState(row.state),
            requested_by=row.requested_by,
            requested_at=row.requested_at,
            finished_at=row.finished_at,
            retry_at=row.retry_at,
            plan_digest=row.plan_digest,
            steps=tuple(sorted(steps[row.id], key=lambda step: order[step.name])),
        )
        for row in rows
    )


_REASONS: Final = collect_messages([errors, commands, messages, step_actions, steps, states, state_changes])
"""What a step may wait for or fail with: Keycloak's refusals, and those of Moyai's own rules about its result."""


def _step_view(row: OnboardingStep) -> StepView:
    reason = None if row.reason is None else current_message_code(row.reason)
    known = _REASONS.get(reason or "")
    facts = _MessageFacts(row.facts)
    return StepView(
        name=StepName(row.name),
        state=StepState(row.state),
        attempts=row.attempts,
        retry_at=row.retry_at,
        reason=reason,
        why="" if known is None else known.ja.format_map(facts),
        why_en="" if known is None else known.en.format_map(facts),
        hint="" if known is None else known.hint_ja.format_map(facts),
        hint_en="" if known is None else known.hint_en.format_map(facts),
        needs_input=row.state == StepState.WAITING and reason in MISSING_INPUT,
        outcome=StepOutcome.model_validate(row.outcome) if row.outcome else None,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


class _MessageFacts(dict[str, Any]):
    """The values of a message's placeholders; a missing one shows as a dash rather than failing the page."""

    def __missing__(self, key: str) -> str:
        return "—"
