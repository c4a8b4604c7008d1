"""Running a cohort's onboardings from the command line, beside any worker, until each is done or blocked.

The lease decides who runs one: what a worker holds is waited for, the rest is run here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from flask import Flask
from pydantic import Field

from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.models import ReadModel
from tenancy.onboarding.models import OnboardingView, StepOutcome, StepView
from tenancy.onboarding.queries import onboardings
from tenancy.onboarding.steps import OnboardingState, StepName, StepState
from tenancy.onboarding.worker import OnboardingWorker, run_concurrently

POLL_INTERVAL: Final = timedelta(milliseconds=200)
SERVER_WAIT_LIMIT: Final = timedelta(minutes=2)
"""How long an unreachable Keycloak is waited for before the command returns."""

Sleep = Callable[[float], None]
"""Waits so many seconds; `time.sleep` outside tests."""


class AppliedStep(ReadModel):
    """A step as `moyai cohort apply` prints it; `reason` and `message` (ja / en) only where it waits or failed."""

    step: StepName
    state: StepState
    outcome: StepOutcome | None
    reason: str | None = Field(default=None, exclude_if=lambda reason: reason is None)
    message: str | None = Field(default=None, exclude_if=lambda message: message is None)


class AppliedTenant(ReadModel):
    """A tenant of an applied cohort: the state of its onboarding and its steps in their order."""

    code: str | None
    state: OnboardingState
    steps: tuple[AppliedStep, ...]


class AppliedCohort(ReadModel):
    """What applying the plan with this digest came to, as `moyai cohort apply` prints it."""

    cohort: str
    digest: str
    tenants: tuple[AppliedTenant, ...]


def applied_cohort(cohort: str, digest: str, views: Sequence[OnboardingView]) -> AppliedCohort:
    """The result of applying a cohort's plan, its tenants in the order of `views`."""
    return AppliedCohort(
        cohort=cohort,
        digest=digest,
        tenants=tuple(
            AppliedTenant(code=view.code, state=view.state, steps=tuple(map(_applied_step, view.steps)))
            for view in views
        ),
    )


def run_onboardings(
    app: Flask,
    worker: OnboardingWorker,
    onboarding_ids: Sequence[UUID],
    *,
    wait: Sleep,
    on_stopped: Callable[[OnboardingView], None] = lambda view: None,
) -> tuple[OnboardingView, ...]:
    """Run what can be run, concurrently, and return the onboardings in the order of their ids.

    Returns when each is done, needs a person's decision or input, or has waited two minutes for a server. `on_stopped`
    is called once for each, as soon as that is so.
    """
    until = clock.now() + SERVER_WAIT_LIMIT
    stopped: set[UUID] = set()
    while True:
        moving = [one for one in onboarding_ids if one not in stopped]
        run_concurrently(app.app_context, worker, moving)
        with system_transaction(OPERATOR) as session:
            views = onboardings(session, onboarding_ids)
        for view in views:
            if view.id not in stopped and (view.is_blocked or clock.now() > until):
                stopped.add(view.id)
                on_stopped(view)
        if len(stopped) == len(views):
            return views
        wait(POLL_INTERVAL.total_seconds())


def _applied_step(step: StepView) -> AppliedStep:
    message = f"{step.why} / {step.why_en}" if step.reason else None
    return AppliedStep(step=step.name, state=step.state, outcome=step.outcome, reason=step.reason, message=message)
