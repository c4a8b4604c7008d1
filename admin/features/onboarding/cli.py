"""`moyai onboarding`: beginning the steps for one tenant, seeing how far they are, deciding about one that stopped."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import click

from admin.interface.cli_context import app_context
from admin.interface.option_names import option_names
from admin.interface.output import handle_errors, print_json
from admin.interface.param_types import as_json_option, find_tenant, find_tenant_id, print_result
from governance.commands import system_transaction
from governance.kernel.database import OPERATOR
from tenancy import directory
from tenancy.onboarding.commands import DecideStep, StartOnboarding, decide_step, start_onboarding
from tenancy.onboarding.queries import OnboardingView, onboardings_of, open_onboardings
from tenancy.onboarding.steps import StepDecision, StepName


@click.group()
def onboarding() -> None:
    """参加手続き / Onboardings."""


@onboarding.command("start")
@click.argument("code")
@as_json_option
@handle_errors
def start(code: str, as_json: bool) -> None:
    """参加手続きを始める / Start onboarding a tenant; the worker runs the steps. Safe to repeat."""
    with option_names(tenant_id="CODE"), app_context() as context:
        started = start_onboarding(StartOnboarding(tenant_id=find_tenant_id(code)), actor=context.actor)
    print_result({"onboarding_id": str(started.onboarding_id)}, as_json)


@onboarding.command("list")
@click.argument("code", required=False)
@as_json_option
@handle_errors
def list_onboardings(code: str | None, as_json: bool) -> None:
    """参加手続きの一覧 / Those in progress, oldest first; with CODE every one of that tenant, newest first."""
    with app_context(), system_transaction(OPERATOR) as session:
        views = open_onboardings(session) if code is None else onboardings_of(session, find_tenant(session, code).id)
        tenants = directory.tenants_by_id(session, [view.tenant_id for view in views])
    if as_json:
        print_json({"onboardings": [_onboarding(tenants[view.tenant_id], view) for view in views]})
        return
    for view in views:
        click.echo(f"{view.id}  {view.requested_at:%Y-%m-%d %H:%M}")
        print_steps(tenants[view.tenant_id], view)


@onboarding.command("decide")
@click.argument("onboarding_id", type=click.UUID)
@click.argument("step", type=click.Choice([name.value for name in StepName]))
@click.argument("choice", type=click.Choice([choice.value for choice in StepDecision]))
@click.option("--reason", required=True)
@as_json_option
@handle_errors
def decide(onboarding_id: UUID, step: str, choice: str, reason: str, as_json: bool) -> None:
    """止まった手順を判断する / Retry, skip or adopt a step that waits or failed; the reason goes into the audit log."""
    with option_names(), app_context() as context:
        command = DecideStep(
            onboarding_id=onboarding_id, step=StepName(step), choice=StepDecision(choice), reason=reason
        )
        decided = decide_step(command, actor=context.actor)
    print_result({"onboarding_id": str(onboarding_id), "step": step, "state": decided.state.value}, as_json)


def steps_json(view: OnboardingView) -> list[dict[str, Any]]:
    """The steps in their order as every command prints them; a step that stopped says why."""
    return [
        {
            "step": step.name.value,
            "state": step.state.value,
            "outcome": step.outcome,
            **(
                {"reason": step.reason, "message": f"{step.reason_text('ja')} / {step.reason_text('en')}"}
                if step.reason
                else {}
            ),
        }
        for step in view.steps
    ]


def print_steps(tenant: directory.TenantFacts, view: OnboardingView) -> None:
    """The onboarding in lines: its tenant and state, then its steps."""
    click.echo(f"{tenant.code or '------'}\t{tenant.name}\t{view.state.value}")
    for step in view.steps:
        click.echo(f"\t{step.name.value}\t{step.state.value}\t{step.reason_text('ja')}".rstrip())


def _onboarding(tenant: directory.TenantFacts, view: OnboardingView) -> dict[str, Any]:
    return {
        "id": str(view.id),
        "code": tenant.code,
        "name": tenant.name,
        "state": view.state.value,
        "requested_by": view.requested_by,
        "requested_at": view.requested_at.isoformat(),
        "finished_at": None if view.finished_at is None else view.finished_at.isoformat(),
        "steps": steps_json(view),
    }
