"""`moyai cohort`: what taking a cohort in would do, and doing it."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

import click

from admin.cli.answers import answering, print_json
from admin.cli.core import installation
from admin.cohort_plan import CohortPlan, apply_plan, plan_cohort
from admin.handlers import worker_actor
from admin.keycloak_setup import identities
from admin.onboarding_together import onboard_together
from governance.commands import bookkeeping
from governance.kernel.database import OPERATOR
from tenancy import directory
from tenancy.onboarding.plan import Action
from tenancy.onboarding.queries import OnboardingView
from tenancy.onboarding.steps import OnboardingState
from tenancy.onboarding.worker import OnboardingWorker


@click.group()
def cohort() -> None:
    """参加年度グループ / Cohorts."""


@cohort.command("plan")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@answering
def plan(name: str, as_json: bool) -> None:
    """参加手続きの計画を見る / Show what taking the cohort NAME in would do. Changes nothing."""
    with installation() as here:
        keycloak = identities(here.settings)
        try:
            planned = plan_cohort(keycloak, name)
        finally:
            keycloak.close()
    if as_json:
        print_json(planned.as_json())
    else:
        _print_plan(planned)


@cohort.command("apply")
@click.argument("name")
@click.option("--digest", required=True, help="The digest of the plan that was seen.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@answering
def apply(name: str, digest: str, as_json: bool) -> None:
    """計画を適用する / Take the cohort NAME in, as the plan with this digest showed.

    Exit code 1 and nothing done when the plan is stale; 1 when a tenant needs a person's decision.
    """
    with installation() as here:
        keycloak = identities(here.settings)
        try:
            applied = apply_plan(keycloak, name, digest, actor=here.actor)
            worker = OnboardingWorker(keycloak, actor=worker_actor(), name=f"{socket.gethostname()}:{os.getpid()}")
            views = onboard_together(here.app, worker, applied.onboardings, wait=time.sleep)
        finally:
            keycloak.close()
        with bookkeeping(OPERATOR) as session:
            members = directory.tenants_by_id(session, [view.tenant_id for view in views])
    if as_json:
        print_json(
            {
                "cohort": name,
                "digest": digest,
                "tenants": [_outcome(members[view.tenant_id], view) for view in views],
            }
        )
    else:
        for view in views:
            member = members[view.tenant_id]
            click.echo(f"{member.code}\t{member.name}\t{view.state.value}")
            for step in view.steps:
                click.echo(f"\t{step.name.value}\t{step.state.value}\t{step.why('ja')}".rstrip())
    if any(view.state is not OnboardingState.DONE for view in views):
        click.get_current_context().exit(1)


def _outcome(member: directory.TenantFacts, view: OnboardingView) -> dict[str, Any]:
    return {
        "code": member.code,
        "state": view.state.value,
        "steps": [
            {
                "step": step.name.value,
                "state": step.state.value,
                "outcome": step.outcome,
                **({"reason": step.reason, "message": f"{step.why('ja')} / {step.why('en')}"} if step.reason else {}),
            }
            for step in view.steps
        ],
    }


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
        click.echo(planned.shares_refused.message("ja"))
    for share in planned.shares:
        click.echo(f"{share.code}\t{share.before_yen:>14,}\t{share.after_yen:>14,}\t{share.name}")
    click.echo(f"\ndigest {planned.digest}")
