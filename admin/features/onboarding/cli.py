"""`moyai onboarding`: beginning the steps for one tenant, seeing how far they are, deciding about one that stopped."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import click

from admin.interface.cli_context import installation
from admin.interface.option_names import as_typed
from admin.interface.output import answering, print_json
from admin.interface.param_types import as_json_option, print_answer, tenant_id_of, tenant_named
from governance.commands import bookkeeping
from governance.kernel.database import OPERATOR
from tenancy import directory
from tenancy.onboarding.commands import DecideStep, StartOnboarding, decide_step, start_onboarding
from tenancy.onboarding.queries import OnboardingView, onboardings_of, open_onboardings
from tenancy.onboarding.steps import Choice, StepName


@click.group()
def onboarding() -> None:
    """参加手続き / Onboardings."""


@onboarding.command("start")
@click.argument("code")
@as_json_option
@answering
def start(code: str, as_json: bool) -> None:
    """参加手続きを始める / Begin the steps for a tenant, which the worker carries. Safe to repeat."""
    with as_typed(tenant_id="CODE"), installation() as here:
        started = start_onboarding(StartOnboarding(tenant_id=tenant_id_of(code)), actor=here.actor)
    print_answer({"onboarding_id": str(started.onboarding_id)}, as_json)


@onboarding.command("list")
@click.argument("code", required=False)
@as_json_option
@answering
def list_onboardings(code: str | None, as_json: bool) -> None:
    """参加手続きの一覧 / Those in progress, oldest first; with CODE every one of that tenant, newest first."""
    with installation(), bookkeeping(OPERATOR) as session:
        views = open_onboardings(session) if code is None else onboardings_of(session, tenant_named(session, code).id)
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
@click.argument("choice", type=click.Choice([choice.value for choice in Choice]))
@click.option("--reason", required=True)
@as_json_option
@answering
def decide(onboarding_id: UUID, step: str, choice: str, reason: str, as_json: bool) -> None:
    """止まった手順を判断する / Retry, skip or adopt a step that waits or failed; the reason is kept in the record."""
    with as_typed(), installation() as here:
        order = DecideStep(onboarding_id=onboarding_id, step=StepName(step), choice=Choice(choice), reason=reason)
        decided = decide_step(order, actor=here.actor)
    print_answer({"onboarding_id": str(onboarding_id), "step": step, "state": decided.state.value}, as_json)


def steps_json(view: OnboardingView) -> list[dict[str, Any]]:
    """The steps in their order as every command prints them; a step that stopped says why."""
    return [
        {
            "step": step.name.value,
            "state": step.state.value,
            "outcome": step.outcome,
            **({"reason": step.reason, "message": f"{step.why('ja')} / {step.why('en')}"} if step.reason else {}),
        }
        for step in view.steps
    ]


def print_steps(tenant: directory.TenantFacts, view: OnboardingView) -> None:
    """The onboarding in lines: its tenant and state, then its steps."""
    click.echo(f"{tenant.code or '------'}\t{tenant.name}\t{view.state.value}")
    for step in view.steps:
        click.echo(f"\t{step.name.value}\t{step.state.value}\t{step.why('ja')}".rstrip())


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
