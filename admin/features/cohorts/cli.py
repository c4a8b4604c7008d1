"""`moyai cohort`: tenants that join together, the plan of their onboarding, and applying it."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator

import click
from sqlalchemy.orm import Session

from admin.features.cohorts.entry_points import ENTRY_POINTS
from admin.features.onboarding.cli import onboarding_text
from admin.interface.cli_context import app_context
from admin.interface.command_line import command_group
from admin.interface.keycloak_port import identities_of
from admin.interface.output import Answer, handle_errors, print_answer, rows, tab_separated
from admin.interface.param_types import as_json_option
from admin.interface.permitted import PermittedCommand
from admin.workflows.cohort_plan import CohortPlan, apply_plan, plan_cohort
from admin.workflows.job_handlers import worker_actor
from admin.workflows.onboarding_together import applied_cohort, run_onboardings
from governance.permissions import Permission
from tenancy import directory
from tenancy.onboarding.plan import Action
from tenancy.onboarding.steps import OnboardingState
from tenancy.onboarding.worker import OnboardingWorker
from tenancy.tenants.queries import cohorts

cohort = command_group("cohort", "参加年度グループ / Cohorts.", ENTRY_POINTS)


@cohort.query("list", Permission.COHORT_READ)
def list_cohorts(session: Session) -> Answer:
    """参加年度グループの一覧 / Every cohort, by fiscal year and name."""
    return rows("cohorts", cohorts(session), tab_separated("name", "fiscal_year", "label"))


@cohort.query("show", Permission.COHORT_READ)
@click.argument("name")
def show(session: Session, name: str) -> directory.CohortFacts:
    """参加年度グループを 1 つ見る / The cohort NAME."""
    return directory.cohort(session, name)


@cohort.command("plan", cls=PermittedCommand, permission=Permission.COHORT_READ)
@click.argument("name")
@as_json_option
@handle_errors
def plan(name: str, as_json: bool) -> None:
    """参加手続きの計画を見る / Show what onboarding the cohort NAME would do. Changes nothing."""
    with app_context() as context:
        planned = plan_cohort(identities_of(context.app), name)
    print_answer(Answer(planned, _plan_lines(planned)), as_json)


@cohort.command("apply", cls=PermittedCommand, permission=Permission.COHORT_APPLY)
@click.argument("name")
@click.option("--digest", required=True, help="The digest of the plan that was reviewed.")
@as_json_option
@handle_errors
def apply(name: str, digest: str, as_json: bool) -> None:
    """計画を適用する / Onboard the cohort NAME as the plan with this digest showed.

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


def _plan_lines(planned: CohortPlan) -> Iterator[str]:
    for tenant in planned.tenants:
        counts = {action: sum(change.action is action for change in tenant.changes) for action in Action}
        yield f"{tenant.code}\t{tenant.name}\t" + " ".join(f"{action.ja} {counts[action]}" for action in Action)
        yield from (f"\t{change.action}\t{change.where}\t{change.object}" for change in tenant.changes)
    yield f"\n{planned.fiscal_year} 年度の負担額（円） / Shares of the fiscal year (yen)"
    if planned.shares_refused is not None:
        yield planned.shares_refused.text("ja")
    for share in planned.shares:
        yield f"{share.code}\t{share.before_yen:>14,}\t{share.after_yen:>14,}\t{share.name}"
    yield f"\ndigest {planned.digest}"
