"""`moyai quota`: plans, and requests for another value, from the operator's own machine."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import click

from admin.interface.cli_context import app_context
from admin.interface.output import handle_errors
from admin.interface.param_types import DateParam, QuotaParam, as_json_option, find_tenant_id, print_result
from governance.approvals import Decision
from tenancy.quotas.commands import (
    ChoosePlan,
    DecideQuota,
    DefinePlan,
    RequestQuota,
    choose_plan,
    decide_quota,
    define_plan,
    request_quota,
)


@click.group()
def quota() -> None:
    """利用プランと利用枠 / Plans and quotas."""


@quota.command("define")
@click.argument("name")
@click.option("--label", required=True)
@click.option(
    "--set",
    "values",
    multiple=True,
    required=True,
    type=(str, QuotaParam()),
    help="--set users 50; once for every dimension.",
)
@click.option("--from", "valid_from", type=DateParam())
@as_json_option
@handle_errors
def define(
    name: str, label: str, values: tuple[tuple[str, int | None], ...], valid_from: date | None, as_json: bool
) -> None:
    """プランを定める / Define a plan's quotas from a day on; `unlimited` is a value, 0 means none."""
    command = DefinePlan(name=name, label=label, quotas=dict(values), valid_from=valid_from)
    with app_context() as context:
        defined = define_plan(command, actor=context.actor)
    print_result({"plan": name, "changed": defined.changed}, as_json)


@quota.command("choose")
@click.argument("code")
@click.argument("plan")
@click.option("--from", "valid_from", type=DateParam())
@as_json_option
@handle_errors
def assign(code: str, plan: str, valid_from: date | None, as_json: bool) -> None:
    """団体にプランを適用する / Assign a plan to a tenant."""
    with app_context() as context:
        command = ChoosePlan(tenant_id=find_tenant_id(code), plan=plan, valid_from=valid_from)
        choose_plan(command, actor=context.actor)
    print_result({"code": code, "plan": plan}, as_json)


@quota.command("request")
@click.argument("code")
@click.argument("dimension")
@click.argument("value", type=QuotaParam())
@click.option("--reason", required=True)
@as_json_option
@handle_errors
def request(code: str, dimension: str, value: int | None, reason: str, as_json: bool) -> None:
    """利用枠の変更を申請する / Request another quota; someone else decides."""
    with app_context() as context:
        command = RequestQuota(tenant_id=find_tenant_id(code), dimension=dimension, value=value, reason=reason)
        requested = request_quota(command, actor=context.actor)
    print_result({"request_id": str(requested.request_id), "digest": requested.digest}, as_json)


@quota.command("decide")
@click.argument("request_id", type=click.UUID)
@click.argument("decision", type=click.Choice([decision.value for decision in Decision]))
@click.option("--digest", required=True, help="The digest of the request that was reviewed.")
@click.option("--why", required=True)
@as_json_option
@handle_errors
def decide(request_id: UUID, decision: str, digest: str, why: str, as_json: bool) -> None:
    """申請を決定する / Decide someone else's request."""
    command = DecideQuota(request_id=request_id, decision=Decision(decision), digest=digest, why=why)
    with app_context() as context:
        decided = decide_quota(command, actor=context.actor)
    print_result({"request_id": str(request_id), "approved": decided.approved, "value": decided.value}, as_json)
