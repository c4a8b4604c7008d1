"""Carrying a cohort's onboardings on from the command line, beside whatever worker is at it, until each one stands.

The lease says who does what: what a worker has in hand is waited for, what nobody has is done here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from flask import Flask

from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from tenancy.onboarding.queries import OnboardingView, onboardings
from tenancy.onboarding.worker import OnboardingWorker, run_concurrently

POLL_INTERVAL: Final = timedelta(milliseconds=200)
SERVER_WAIT_LIMIT: Final = timedelta(minutes=2)
"""How long a Keycloak that went away is waited for before the command answers that it is away."""

Sleep = Callable[[float], None]
"""Waits so many seconds; `time.sleep` outside tests."""


def run_onboardings(
    app: Flask,
    worker: OnboardingWorker,
    onboarding_ids: Sequence[UUID],
    *,
    wait: Sleep,
    on_stopped: Callable[[OnboardingView], None] = lambda view: None,
) -> tuple[OnboardingView, ...]:
    """Do what can be done, side by side, and answer how each stands. `on_stopped` gets each once, when it is blocked.

    An onboarding is blocked when it is done, when a person must decide, or when it waits for somebody to enter
    something. One that waits for a server is tried on, for two minutes at most.
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
