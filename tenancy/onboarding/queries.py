"""Reads of onboardings: how they stand, what is due, and the digest of what is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from governance.kernel.digest import digest_of
from governance.kernel.errors import MESSAGES, NOT_FOUND, Language, NotFound
from tenancy.onboarding.intents import OnboardingIntent, read_intent
from tenancy.onboarding.step_actions import MISSING_INPUT
from tenancy.onboarding.steps import OnboardingState, StepName, StepState, StepStatus, next_step
from tenancy.onboarding.tables import Onboarding, OnboardingStep


@dataclass(frozen=True, slots=True)
class StepView:
    """One step as a person sees it. `why` and `hint` are worded; empty where there is nothing to say."""

    name: StepName
    state: StepState
    attempts: int
    retry_at: datetime | None
    reason: str | None
    facts: dict[str, Any]
    outcome: dict[str, Any]
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def needs_input(self) -> bool:
        """Whether it waits for somebody to enter something, such as an owner."""
        return self.state is StepState.WAITING and self.reason in MISSING_INPUT

    def reason_text(self, language: Language = "ja") -> str:
        known = MESSAGES.get(self.reason or "")
        if known is None:
            return ""
        return (known.ja if language == "ja" else known.en).format_map(_MessageFacts(self.facts))

    def hint(self, language: Language = "ja") -> str:
        known = MESSAGES.get(self.reason or "")
        if known is None:
            return ""
        return (known.hint_ja if language == "ja" else known.hint_en).format_map(_MessageFacts(self.facts))


@dataclass(frozen=True, slots=True)
class OnboardingView:
    """One onboarding with its steps in their order."""

    id: UUID
    tenant_id: UUID
    cohort_id: UUID | None
    state: OnboardingState
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None
    retry_at: datetime | None
    plan_digest: str | None
    steps: tuple[StepView, ...]

    @property
    def is_blocked(self) -> bool:
        """Whether nothing more will come of it before a person decides or enters something."""
        statuses = {
            step.name: StepStatus(step.name, StepState.FAILED if step.needs_input else step.state)
            for step in self.steps
        }
        return next_step(statuses, self.requested_at) is None

    def step(self, name: StepName) -> StepView:
        return next(step for step in self.steps if step.name is name)


class _MessageFacts(dict[str, Any]):
    """A reason's places; one that was not kept shows as a dash rather than failing the page."""

    def __missing__(self, key: str) -> str:
        return "—"


def onboarding(session: Session, onboarding_id: UUID) -> OnboardingView:
    """One onboarding. Raises NotFound."""
    row = session.get(Onboarding, onboarding_id, populate_existing=True)
    if row is None:
        raise NotFound(NOT_FOUND, what="onboarding", given=str(onboarding_id))
    return _views(session, [row])[0]


def onboardings(session: Session, onboarding_ids: Sequence[UUID]) -> tuple[OnboardingView, ...]:
    """These onboardings, in the order given. Raises NotFound when one is not there."""
    rows = session.scalars(
        select(Onboarding).where(Onboarding.id.in_(onboarding_ids)).execution_options(populate_existing=True)
    ).all()
    found = {view.id: view for view in _views(session, rows)}
    for onboarding_id in onboarding_ids:
        if onboarding_id not in found:
            raise NotFound(NOT_FOUND, what="onboarding", given=str(onboarding_id))
    return tuple(found[onboarding_id] for onboarding_id in onboarding_ids)


def onboardings_of(session: Session, tenant_id: UUID) -> list[OnboardingView]:
    """A tenant's onboardings, newest first."""
    return _views(
        session,
        session.scalars(
            select(Onboarding).where(Onboarding.tenant_id == tenant_id).order_by(Onboarding.id.desc())
        ).all(),
    )


def onboardings_of_cohort(session: Session, cohort_id: UUID) -> list[OnboardingView]:
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


def open_onboardings(session: Session) -> list[OnboardingView]:
    """Everything in progress in this scope, oldest first."""
    return _views(
        session,
        session.scalars(
            select(Onboarding).where(Onboarding.state != OnboardingState.DONE).order_by(Onboarding.id)
        ).all(),
    )


def count_by_state(session: Session, cohort_id: UUID | None = None) -> dict[OnboardingState, int]:
    """How many onboardings are in each state, of one cohort where given; states without any are left out."""
    query = select(Onboarding.state, func.count()).group_by(Onboarding.state)
    if cohort_id is not None:
        query = query.where(Onboarding.cohort_id == cohort_id)
    return {OnboardingState(state): number for state, number in session.execute(query)}


def count_blocked(session: Session) -> int:
    """How many open onboardings have a step that failed, or that waits for somebody to enter something."""
    stopped = or_(
        OnboardingStep.state == StepState.FAILED,
        and_(OnboardingStep.state == StepState.WAITING, OnboardingStep.reason.in_(MISSING_INPUT)),
    )
    return session.execute(
        select(func.count(OnboardingStep.onboarding_id.distinct()))
        .join(
            Onboarding,
            and_(Onboarding.tenant_id == OnboardingStep.tenant_id, Onboarding.id == OnboardingStep.onboarding_id),
        )
        .where(Onboarding.state != OnboardingState.DONE, stopped)
    ).scalar_one()


def due(session: Session, now: datetime, limit: int = 100) -> list[tuple[UUID, UUID]]:
    """(tenant, onboarding) of what could go on now and that no worker has in hand: what the sweep picks up."""
    rows = session.execute(
        select(Onboarding.tenant_id, Onboarding.id)
        .where(
            Onboarding.state != OnboardingState.DONE,
            Onboarding.retry_at <= now,
            or_(Onboarding.leased_until.is_(None), Onboarding.leased_until < now),
        )
        .order_by(Onboarding.id)
        .limit(limit)
    )
    return [(row.tenant_id, row.id) for row in rows]


def step_statuses(session: Session, row: Onboarding) -> dict[StepName, StepStatus]:
    """Where each step stands, for the pure functions of `steps`."""
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
    """The digest of what is wanted of these tenants, whatever their order."""
    intents = [read_intent(session, tenant_id, on=on, now=now) for tenant_id in sorted(tenant_ids)]
    return digest_of([_canonical(intent) for intent in intents])


def _canonical(intent: OnboardingIntent) -> dict[str, Any]:
    """What matters of an intent to the plan. When Keycloak made a person, or a mail went out, changes no plan."""
    return {
        "tenant": str(intent.tenant_id),
        "state": intent.state.value,
        "organization": [intent.organization.code, intent.organization.name, intent.organization.enabled],
        "people": [_plain(asdict(person.intent)) for person in intent.people],
        "service_clients": [_plain(asdict(client)) for client in intent.service_clients],
        "quotas": [list(quota) for quota in intent.quotas],
        "agreement": intent.agreement,
    }


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: sorted(value) if isinstance(value, frozenset) else (value if isinstance(value, bool) else str(value))
        for key, value in values.items()
    }


def _views(session: Session, rows: Sequence[Onboarding]) -> list[OnboardingView]:
    order = {name: place for place, name in enumerate(StepName)}
    by_onboarding: dict[UUID, list[StepView]] = {row.id: [] for row in rows}
    for step in session.scalars(
        select(OnboardingStep)
        .where(OnboardingStep.onboarding_id.in_(list(by_onboarding)))
        .execution_options(populate_existing=True)
    ):
        by_onboarding[step.onboarding_id].append(
            StepView(
                StepName(step.name),
                StepState(step.state),
                step.attempts,
                step.retry_at,
                step.reason,
                step.facts,
                step.outcome,
                step.started_at,
                step.finished_at,
            )
        )
    return [
        OnboardingView(
            row.id,
            row.tenant_id,
            row.cohort_id,
            OnboardingState(row.state),
            row.requested_by,
            row.requested_at,
            row.finished_at,
            row.retry_at,
            row.plan_digest,
            tuple(sorted(by_onboarding[row.id], key=lambda step: order[step.name])),
        )
        for row in rows
    ]
