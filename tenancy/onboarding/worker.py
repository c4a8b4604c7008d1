"""Running an onboarding: lease, one step's action in Keycloak, its result, the next step. Killed anywhere, it resumes.

No remote call is made inside a database transaction. The lease is system state; the result of a step is recorded by
a command (`advance_step`), so that the audit log has it. An expired lease can be taken by any worker; its fence number
keeps the former holder from writing. Every action is safe to repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from governance.actors import Actor
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.concurrency import MAX_TENANTS, ParallelMap
from governance.kernel.database import OPERATOR, database_now
from governance.kernel.errors import DomainError, Stale
from tenancy.keycloak.port import Identities
from tenancy.onboarding.commands import LEASE_LOST, AdvanceStep, StepAdvanced, advance_step
from tenancy.onboarding.intents import OnboardingIntent, read_intent
from tenancy.onboarding.queries import step_statuses
from tenancy.onboarding.step_actions import (
    KEYCLOAK_UNAVAILABLE,
    MISSING_INPUT,
    StepAttempt,
    owners_to_mail,
    run_step,
)
from tenancy.onboarding.steps import OnboardingState, StepName, StepResult, StepState, next_step
from tenancy.onboarding.tables import Onboarding, OnboardingStep

log = structlog.get_logger(__name__)

LEASE_DURATION: Final = timedelta(seconds=60)
"""Renewed at each step. The longest step (a portion of people) takes seconds; a call to Keycloak ends after 15."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run one onboarding, until another lease is taken."""

    tenant_id: UUID
    onboarding_id: UUID
    fence: int


class OnboardingWorker:
    """Runs onboardings as the system actor. Safe to use from many threads; each call needs an application context."""

    def __init__(self, identities: Identities, *, actor: Actor, name: str, lease: timedelta = LEASE_DURATION) -> None:
        self._identities = identities
        self._actor = actor
        self._name = name
        self._lease = lease

    def run(self, onboarding_id: UUID) -> None:
        """Run every step that can be run now. Returns at once when another worker holds the lease.

        Exceptions of the database are raised; the lease then expires and the sweep queues the onboarding again.
        """
        lease = self._acquire_lease(onboarding_id)
        if lease is None:
            return
        try:
            while (step := self._next_step(lease)) is not None:
                self._attempt_step(lease, step)
            self._release(lease)
        except Stale:
            log.info("onboarding.lease_lost", onboarding=str(onboarding_id))

    # -- one step

    def _attempt_step(self, lease: Lease, step: StepName) -> None:
        if step is StepName.PASSWORD_MAIL and not self._can_mail(lease):
            self._record_attempt(lease, step, StepAttempt(StepResult.UNREACHABLE, KEYCLOAK_UNAVAILABLE.code))
            return
        intent, attempts = self._begin_attempt(lease, step)
        log.info("onboarding.step", tenant=str(lease.tenant_id), step=step.value, attempt=attempts)
        try:
            attempt = run_step(step, intent, self._identities, is_retry=attempts > 1)
        except Exception as bug:
            log.exception("onboarding.step_failed", tenant=str(lease.tenant_id), step=step.value)
            attempt = StepAttempt(StepResult.FAULT, facts={"fault": type(bug).__name__})
        self._record_attempt(lease, step, attempt)

    def _can_mail(self, lease: Lease) -> bool:
        """Whether Keycloak is reachable, checked before the attempt is counted: the mail is attempted once only."""
        with system_transaction(OPERATOR) as session:
            intent = self._intent(session, lease)
        return not owners_to_mail(intent) or self._identities.describe_server().ready

    def _record_attempt(self, lease: Lease, step: StepName, attempt: StepAttempt) -> StepAdvanced | None:
        try:
            return self._advance(lease, step, attempt)
        except Stale:
            raise
        except DomainError as refusal:
            # Moyai's own rules refused the result, such as membership without an accepted agreement.
            return self._advance(lease, step, StepAttempt(StepResult.REFUSED, refusal.code))

    def _advance(self, lease: Lease, step: StepName, attempt: StepAttempt) -> StepAdvanced:
        return advance_step(
            AdvanceStep(
                tenant_id=lease.tenant_id,
                onboarding_id=lease.onboarding_id,
                step=step,
                fence=lease.fence,
                result=attempt.result,
                reason=attempt.reason,
                facts=attempt.facts,
                outcome=attempt.outcome,
                keycloak_ids=attempt.keycloak_ids,
                mailed=attempt.mailed,
                waiting=attempt.waiting,
                asked=attempt.asked,
                released=attempt.released,
            ),
            actor=self._actor,
        )

    # -- the lease

    def _acquire_lease(self, onboarding_id: UUID) -> Lease | None:
        with system_transaction(OPERATOR) as session:
            row = session.execute(
                update(Onboarding)
                .where(
                    Onboarding.id == onboarding_id,
                    Onboarding.state != OnboardingState.DONE,
                    (Onboarding.leased_until.is_(None)) | (Onboarding.leased_until < database_now()),
                )
                .values(lease_owner=self._name, leased_until=database_now() + self._lease, fence=Onboarding.fence + 1)
                .returning(Onboarding.tenant_id, Onboarding.fence)
                .execution_options(synchronize_session=False)
            ).one_or_none()
        return None if row is None else Lease(row.tenant_id, onboarding_id, row.fence)

    def _next_step(self, lease: Lease) -> StepName | None:
        with system_transaction(OPERATOR) as session:
            return next_step(step_statuses(session, self._load_leased(session, lease)), clock.now())

    def _begin_attempt(self, lease: Lease, step: StepName) -> tuple[OnboardingIntent, int]:
        """Renew the lease, set the step running, count the attempt; the intent, and the number of attempts so far."""
        now = clock.now()
        with system_transaction(OPERATOR) as session:
            onboarding = self._load_leased(session, lease)
            onboarding.leased_until = database_now() + self._lease
            if onboarding.state in (OnboardingState.QUEUED, OnboardingState.WAITING):
                onboarding.state = OnboardingState.RUNNING
            row = session.scalars(
                select(OnboardingStep).where(
                    OnboardingStep.tenant_id == lease.tenant_id,
                    OnboardingStep.onboarding_id == lease.onboarding_id,
                    OnboardingStep.name == step,
                )
            ).one()
            row.state = StepState.RUNNING
            row.attempts += 1
            row.retry_at = None
            row.started_at = row.started_at or now
            session.flush()
            return self._intent(session, lease), row.attempts

    def _release(self, lease: Lease) -> None:
        with system_transaction(OPERATOR) as session:
            session.execute(
                update(Onboarding)
                .where(Onboarding.id == lease.onboarding_id, Onboarding.fence == lease.fence)
                .values(leased_until=None, lease_owner=None)
                .execution_options(synchronize_session=False)
            )

    def _load_leased(self, session: Session, lease: Lease) -> Onboarding:
        found = session.scalars(
            select(Onboarding)
            .where(Onboarding.id == lease.onboarding_id, Onboarding.fence == lease.fence)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).first()
        if found is None:
            raise Stale(LEASE_LOST)
        return found

    @staticmethod
    def _intent(session: Session, lease: Lease) -> OnboardingIntent:
        return read_intent(session, lease.tenant_id, on=clock.today(), now=clock.now())


def wake(session: Session, tenant_id: UUID, now: datetime) -> UUID | None:
    """Make the steps of the tenant's onboarding due that wait for input: it was entered just now.

    Returns the onboarding to run; None where none is in progress, or none of its steps waits for input.
    """
    onboarding = session.scalars(
        select(Onboarding)
        .where(Onboarding.tenant_id == tenant_id, Onboarding.state != OnboardingState.DONE)
        .with_for_update()
    ).first()
    if onboarding is None:
        return None
    woken = session.execute(
        update(OnboardingStep)
        .where(
            OnboardingStep.tenant_id == tenant_id,
            OnboardingStep.onboarding_id == onboarding.id,
            OnboardingStep.state == StepState.WAITING,
            OnboardingStep.reason.in_(MISSING_INPUT),
        )
        .values(retry_at=None)
        .returning(OnboardingStep.id)
        .execution_options(synchronize_session=False)
    ).all()
    if not woken:
        return None
    onboarding.retry_at = now
    return onboarding.id


def run_concurrently(
    context: Callable[[], AbstractContextManager[object]],
    worker: OnboardingWorker,
    onboarding_ids: Iterable[UUID],
    *,
    threads: int = MAX_TENANTS,
) -> None:
    """Run several onboardings at once, each inside a `context` of its own (the application's).

    The first exception is raised after all ended.
    """

    def run(onboarding_id: UUID) -> None:
        with context():
            worker.run(onboarding_id)

    with ParallelMap(min(threads, MAX_TENANTS), "onboarding") as parallel:
        parallel.map(run, onboarding_ids)
