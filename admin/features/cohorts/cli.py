"""`moyai cohort`: what its declarations do not give, one cohort shown and its plan applied."""

from __future__ import annotations

import os
import socket
import time

import click
from sqlalchemy.orm import Session

from admin.features.cohorts.api import routes
from admin.features.cohorts.entry_points import ENTRY_POINTS
from admin.features.onboarding.api import onboarding_text
from admin.interface.cli_context import app_context
from admin.interface.command_line import command_group
from admin.interface.keycloak_port import identities_of
from admin.interface.output import Answer, handle_errors, print_answer
from admin.interface.param_types import as_json_option
from admin.interface.permitted import PermittedCommand
from admin.workflows.cohort_plan import apply_plan
from admin.workflows.job_handlers import worker_actor
from admin.workflows.onboarding_together import applied_cohort, run_onboardings
from governance.permissions import Permission
from tenancy import directory
from tenancy.onboarding.steps import OnboardingState
from tenancy.onboarding.worker import OnboardingWorker

cohort = command_group("cohort", "参加期 / Cohorts.", ENTRY_POINTS, routes.queries)


@cohort.query("show", Permission.COHORT_READ)
@click.argument("name")
def show(session: Session, name: str) -> directory.CohortFacts:
    """参加期を 1 つ見る / The cohort NAME."""
    return directory.cohort(session, name)


@cohort.command("apply", cls=PermittedCommand, permission=Permission.COHORT_APPLY)
@click.argument("name")
@click.option("--digest", required=True, help="The digest of the plan that was reviewed.")
@as_json_option
@handle_errors
def apply(name: str, digest: str, as_json: bool) -> None:
    """計画のとおり参加手続を始める / Onboard the cohort NAME as the plan with this digest showed.

    Exit code 1 and nothing done when the plan is stale; 1 when a tenant needs a person's decision.
    """
    with app_context() as context:
        keycloak = identities_of(context.app)
        applied = apply_plan(keycloak, name, digest, actor=context.actor)
        worker = OnboardingWorker(keycloak, actor=worker_actor(), name=f"{socket.gethostname()}:{os.getpid()}")
        views = run_onboardings(context.app, worker, applied.onboardings, wait=time.sleep)
    print_answer(Answer(applied_cohort(name, digest, views), map(onboarding_text, views)), as_json)
    if any(view.state is not OnboardingState.DONE for view in views):
        click.get_current_context().exit(1)
