"""Carrying an onboarding on: lease, one remote deed, its record, the next step. Killed anywhere, it is run again.

No remote call is made inside a database transaction. The lease is the machine's bookkeeping; what came of a step is a
command (`advance_step`), so that the record tells it. A lease that ran out belongs to whoever takes it next; its fence
keeps the former holder from writing, and every deed can be repeated without harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from contextvars import copy_context
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from governance.actors import Actor
from governance.commands import bookkeeping
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.errors import Refused, Stale
from tenancy.keycloak.port import Identities
from tenancy.onboarding.commands import LEASE_LOST, AdvanceStep, StepAdvanced, advance_step
from tenancy.onboarding.deeds import IDENTITIES_AWAY, Result, perform
from tenancy.onboarding.intents import OnboardingIntent, read_intent
from tenancy.onboarding.queries import standings_of
from tenancy.onboarding.steps import Ending, OnboardingState, StepName, StepState, next_step
from tenancy.onboarding.tables import Onboarding, OnboardingStep

log = structlog.get_logger(__name__)

LEASE: Final = timedelta(seconds=60)
"""Renewed at each step. The longest step (fifty people) takes seconds; a call gives up after 15."""

SIDE_BY_SIDE_AT_MOST: Final = 8


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to carry one onboarding on, until another lease is taken."""

    tenant_id: UUID
    onboarding_id: UUID
    fence: int


class OnboardingWorker:
    """Carries onboardings on, as the system actor. One can serve many threads; each call needs an app context."""

    def __init__(self, identities: Identities, *, actor: Actor, name: str, lease: timedelta = LEASE) -> None:
        self._identities = identities
        self._actor = actor
        self._name = name
        self._lease = lease

    def run(self, onboarding_id: UUID) -> None:
        """Do every step that can be done now. Returns at once when another worker has the onboarding in hand.

        A database that goes away comes out as its exception; the lease runs out and the sweep finds the onboarding.
        """
        lease = self._take(onboarding_id)
        if lease is None:
            return
        try:
            while (step := self._next(lease)) is not None:
                self._try(lease, step)
            self._release(lease)
        except Stale:
            log.info("onboarding.lease_lost", onboarding=str(onboarding_id))

    # -- one step

    def _try(self, lease: Lease, step: StepName) -> None:
        if step is StepName.PASSWORD_MAIL and not self._can_mail(lease):
            self._record(lease, step, Result(Ending.UNREACHABLE, IDENTITIES_AWAY.code))
            return
        intent, attempts = self._begin(lease, step)
        log.info("onboarding.step", tenant=str(lease.tenant_id), step=step.value, attempt=attempts)
        try:
            result = perform(step, intent, self._identities, is_second_try=attempts > 1)
        except Exception as bug:
            log.exception("onboarding.step_failed", tenant=str(lease.tenant_id), step=step.value)
            result = Result(Ending.FAULT, facts={"fault": type(bug).__name__})
        self._record(lease, step, result)

    def _can_mail(self, lease: Lease) -> bool:
        """Whether Keycloak is there; asked before the attempt is counted, for one without an end is the last."""
        with bookkeeping(OPERATOR) as session:
            intent = self._intent(session, lease)
        if all(owner.mailed_at is not None for owner in intent.owners):
            return True
        return self._identities.describe_server().ready

    def _record(self, lease: Lease, step: StepName, result: Result) -> StepAdvanced | None:
        try:
            return self._advance(lease, step, result)
        except Stale:
            raise
        except Refused as refusal:
            # Moyai's own rules refused what the step would have recorded, such as membership without acceptance.
            return self._advance(lease, step, Result(Ending.REFUSED, refusal.code))

    def _advance(self, lease: Lease, step: StepName, result: Result) -> StepAdvanced:
        return advance_step(
            AdvanceStep(
                tenant_id=lease.tenant_id,
                onboarding_id=lease.onboarding_id,
                step=step,
                fence=lease.fence,
                ending=result.ending,
                reason=result.reason,
                facts=result.facts,
                outcome=result.outcome,
                keycloak_ids=result.keycloak_ids,
                mailed=result.mailed,
            ),
            actor=self._actor,
        )

    # -- the machine's bookkeeping

    def _take(self, onboarding_id: UUID) -> Lease | None:
        now = clock.now()
        with bookkeeping(OPERATOR) as session:
            row = session.execute(
                update(Onboarding)
                .where(
                    Onboarding.id == onboarding_id,
                    Onboarding.state != OnboardingState.DONE,
                    (Onboarding.leased_until.is_(None)) | (Onboarding.leased_until < now),
                )
                .values(lease_owner=self._name, leased_until=now + self._lease, fence=Onboarding.fence + 1)
                .returning(Onboarding.tenant_id, Onboarding.fence)
                .execution_options(synchronize_session=False)
            ).one_or_none()
        return None if row is None else Lease(row.tenant_id, onboarding_id, row.fence)

    def _next(self, lease: Lease) -> StepName | None:
        with bookkeeping(OPERATOR) as session:
            return next_step(standings_of(session, self._held(session, lease)), clock.now())

    def _begin(self, lease: Lease, step: StepName) -> tuple[OnboardingIntent, int]:
        """Renew the lease, show the step as running, count the try, and read what is wanted."""
        now = clock.now()
        with bookkeeping(OPERATOR) as session:
            onboarding = self._held(session, lease)
            onboarding.leased_until = now + self._lease
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
        with bookkeeping(OPERATOR) as session:
            session.execute(
                update(Onboarding)
                .where(Onboarding.id == lease.onboarding_id, Onboarding.fence == lease.fence)
                .values(leased_until=None, lease_owner=None)
                .execution_options(synchronize_session=False)
            )

    def _held(self, session: Session, lease: Lease) -> Onboarding:
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


def run_side_by_side(
    context: Callable[[], AbstractContextManager[object]],
    worker: OnboardingWorker,
    onboarding_ids: Iterable[UUID],
    *,
    threads: int = SIDE_BY_SIDE_AT_MOST,
) -> None:
    """Carry several onboardings on at once, each inside a `context` of its own (the application's).

    The first exception is raised after all ended.
    """

    def one(onboarding_id: UUID) -> None:
        with context():
            worker.run(onboarding_id)

    with ThreadPoolExecutor(min(threads, SIDE_BY_SIDE_AT_MOST), thread_name_prefix="onboarding") as pool:
        given = [pool.submit(copy_context().run, one, onboarding_id) for onboarding_id in onboarding_ids]
        wait(given)
    for done in given:
        done.result()
