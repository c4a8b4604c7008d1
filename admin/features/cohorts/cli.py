"""`moyai cohort`: tenants that join together, the plan of their onboarding, and applying it."""

from __future__ import annotations

import os
import socket
import time

import click

from admin.features.onboarding.cli import onboarding_text
from admin.interface.cli_context import app_context
from admin.interface.keycloak_port import identities_of
from admin.interface.option_names import option_names
from admin.interface.output import handle_errors, print_json, print_model, print_models
from admin.interface.param_types import as_json_option, find_tenant_id, print_result
from admin.workflows.cohort_plan import CohortPlan, apply_plan, plan_cohort
from admin.workflows.job_handlers import worker_actor
from admin.workflows.onboarding_together import applied_cohort, run_onboardings
from governance.commands import system_transaction
from governance.declaration import build_command
from governance.kernel.database import OPERATOR
from tenancy import directory
from tenancy.onboarding.plan import Action
from tenancy.onboarding.steps import OnboardingState
from tenancy.onboarding.worker import OnboardingWorker
from tenancy.tenants.commands import DefineCohort, define_cohort
from tenancy.tenants.queries import cohorts


@click.group()
def cohort() -> None:
    """参加年度グループ / Cohorts."""


@cohort.command("list")
@as_json_option
@handle_errors
def list_cohorts(as_json: bool) -> None:
    """参加年度グループの一覧 / Every cohort, by fiscal year and name."""
    with app_context(), system_transaction(OPERATOR) as session:
        found = cohorts(session)
    print_models("cohorts", found, as_json, lambda one: f"{one.name}\t{one.fiscal_year}\t{one.label}")


@cohort.command("show")
@click.argument("name")
@as_json_option
@handle_errors
def show(name: str, as_json: bool) -> None:
    """参加年度グループを 1 つ見る / The cohort NAME."""
    with app_context(), system_transaction(OPERATOR) as session:
        found = directory.cohort(session, name)
    print_model(found, as_json)


@cohort.command("define")
@click.argument("name")
@click.option("--label", required=True)
@click.option("--fiscal-year", required=True, type=int, help="The year whose costs are shared (2025 = 令和7年度).")
@click.option("--tenant", "tenant_ids", multiple=True, metavar="CODE", help="Once for each tenant that joins.")
@as_json_option
@handle_errors
def define(name: str, label: str, fiscal_year: int, tenant_ids: tuple[str, ...], as_json: bool) -> None:
    """参加年度グループを定める / Define a cohort, or add tenants to it. Safe to repeat; its tenants stay."""
    with option_names(), app_context() as context:
        command = build_command(
            DefineCohort,
            name=name,
            label=label,
            fiscal_year=fiscal_year,
            tenant_ids=tuple(find_tenant_id(code, field="--tenant") for code in tenant_ids),
        )
        defined = define_cohort(command, actor=context.actor)
    print_result({"cohort_id": str(defined.cohort_id), "added": defined.added}, as_json)


@cohort.command("plan")
@click.argument("name")
@as_json_option
@handle_errors
def plan(name: str, as_json: bool) -> None:
    """参加手続きの計画を見る / Show what onboarding the cohort NAME would do. Changes nothing."""
    with app_context() as context:
        keycloak = identities_of(context.app)
        planned = plan_cohort(keycloak, name)
    if as_json:
        print_json(planned.model_dump(mode="json"))
    else:
        _print_plan(planned)


@cohort.command("apply")
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
    if as_json:
        print_json(applied_cohort(name, digest, views).model_dump(mode="json"))
    else:
        for view in views:
            click.echo(onboarding_text(view))
    if any(view.state is not OnboardingState.DONE for view in views):
        click.get_current_context().exit(1)


def _print_plan(planned: CohortPlan) -> None:
    for tenant in planned.tenants:
        counts = {action: sum(change.action is action for change in tenant.changes) for action in Action}
        click.echo(
            f"{tenant.code}\t{tenant.name}\t作成 {counts[Action.CREATE]} 変更 {counts[Action.CHANGE]} "
            f"そのまま {counts[Action.KEEP]}"
        )
        for change in tenant.changes:
            click.echo(f"\t{change.action.value}\t{change.where}\t{change.object}")
    click.echo(f"\n{planned.fiscal_year} 年度の負担額（円） / Shares of the fiscal year (yen)")
    if planned.shares_refused is not None:
        click.echo(planned.shares_refused.text("ja"))
    for share in planned.shares:
        click.echo(f"{share.code}\t{share.before_yen:>14,}\t{share.after_yen:>14,}\t{share.name}")
    click.echo(f"\ndigest {planned.digest}")
