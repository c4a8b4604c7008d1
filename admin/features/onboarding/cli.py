"""`moyai onboarding`: start the steps of a tenant, show their progress, decide a step that stopped."""

from __future__ import annotations

from uuid import UUID

import click

from admin.interface.cli_context import app_context
from admin.interface.option_names import option_names
from admin.interface.output import handle_errors, print_json, print_models
from admin.interface.param_types import as_json_option, find_tenant, find_tenant_id, print_result
from governance.commands import system_transaction
from governance.declaration import build_command
from governance.kernel.database import OPERATOR
from tenancy.onboarding.commands import DecideStep, StartOnboarding, decide_step, start_onboarding
from tenancy.onboarding.models import OnboardingView
from tenancy.onboarding.queries import onboarding as find_onboarding
from tenancy.onboarding.queries import onboardings_in_progress, onboardings_of
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
        views = (
            onboardings_in_progress(session) if code is None else onboardings_of(session, find_tenant(session, code).id)
        )
    print_models("onboardings", views, as_json, onboarding_text)


@onboarding.command("show")
@click.argument("onboarding_id", type=click.UUID)
@as_json_option
@handle_errors
def show(onboarding_id: UUID, as_json: bool) -> None:
    """参加手続きを 1 つ見る / One onboarding with its steps, why one stopped and what to do."""
    with app_context(), system_transaction(OPERATOR) as session:
        view = find_onboarding(session, onboarding_id)
    if as_json:
        print_json(view.model_dump(mode="json"))
    else:
        click.echo(onboarding_text(view))


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
        command = build_command(
            DecideStep, onboarding_id=onboarding_id, step=StepName(step), choice=StepDecision(choice), reason=reason
        )
        decided = decide_step(command, actor=context.actor)
    print_result({"onboarding_id": str(onboarding_id), "step": step, "state": decided.state.value}, as_json)


def onboarding_text(view: OnboardingView) -> str:
    """The onboarding in lines: its tenant, state, id and start, then its steps with why they wait or failed."""
    lines = [f"{view.code or '------'}\t{view.name}\t{view.state}\t{view.id}\t{view.requested_at:%Y-%m-%d %H:%M}"]
    lines += [f"\t{step.name}\t{step.state}\t{step.why}".rstrip() for step in view.steps]
    return "\n".join(lines)
