"""Carrying a cohort's onboardings on from the command line, beside whatever worker is at it, until each one stands.

The lease says who does what: what a worker has in hand is waited for, what nobody has is done here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from flask import Flask

from governance.commands import bookkeeping
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from tenancy.onboarding.queries import OnboardingView, onboardings
from tenancy.onboarding.worker import OnboardingWorker, run_side_by_side

LOOK_EVERY: Final = timedelta(milliseconds=200)
WAITS_FOR_A_SERVER: Final = timedelta(minutes=2)
"""How long a Keycloak that went away is waited for before the command answers that it is away."""

Waiter = Callable[[float], None]
"""Waits so many seconds; `time.sleep` outside tests."""


def onboard_together(
    app: Flask,
    worker: OnboardingWorker,
    onboarding_ids: Sequence[UUID],
    *,
    wait: Waiter,
    tell: Callable[[OnboardingView], None] = lambda view: None,
) -> tuple[OnboardingView, ...]:
    """Do what can be done, side by side, and answer how each stands. `tell` hears of each once, when it stands still.

    An onboarding stands still when it is done, when a person must decide, or when it waits for somebody to enter
    something. One that waits for a server is tried on, for two minutes at most.
    """
    until = clock.now() + WAITS_FOR_A_SERVER
    told: set[UUID] = set()
    while True:
        moving = [one for one in onboarding_ids if one not in told]
        run_side_by_side(app.app_context, worker, moving)
        with bookkeeping(OPERATOR) as session:
            views = onboardings(session, onboarding_ids)
        for view in views:
            if view.id not in told and (view.stands_still or clock.now() > until):
                told.add(view.id)
                tell(view)
        if len(told) == len(views):
            return views
        wait(LOOK_EVERY.total_seconds())
