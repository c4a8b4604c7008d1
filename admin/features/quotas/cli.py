"""`moyai quota`: plans, what a tenant may use, and requests for another value."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import click

from admin.interface.cli_context import app_context
from admin.interface.output import handle_errors, print_model, print_models
from admin.interface.param_types import (
    DateParam,
    QuotaParam,
    as_json_option,
    find_tenant,
    find_tenant_id,
    print_result,
    quota_text,
)
from governance.approvals import Decision
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from tenancy.quotas import queries
from tenancy.quotas.commands import (
    AssignPlan,
    DecideQuota,
    DefinePlan,
    RequestQuota,
    assign_plan,
    decide_quota,
    define_plan,
    request_quota,
)
from tenancy.quotas.models import PlanFacts, QuotaRequestFacts
from tenancy.quotas.states import QuotaRequestState


@click.group()
def quota() -> None:
    """利用プランと利用枠 / Plans and quotas."""


@quota.command("plans")
@as_json_option
@handle_errors
def list_plans(as_json: bool) -> None:
    """利用プランの一覧 / Every plan with what it allows today."""
    with app_context(), system_transaction(OPERATOR) as session:
        found = queries.plans(session, clock.today())
    print_models("plans", found, as_json, _plan_line)


@quota.command("list")
@click.argument("code")
@as_json_option
@handle_errors
def list_quotas(code: str, as_json: bool) -> None:
    """団体の利用枠 / What the tenant CODE may use today, and whether by its plan or by a decision."""
    with app_context(), system_transaction(OPERATOR) as session:
        found = queries.quotas_in_force(session, find_tenant(session, code).id, clock.today())
    print_models(
        "quotas", found, as_json, lambda one: f"{one.dimension}\t{quota_text(one.value)}\t{one.unit}\t{one.source}"
    )


@quota.command("requests")
@click.argument("code", required=False)
@click.option("--state", type=click.Choice([state.value for state in QuotaRequestState]), help="Only in this state.")
@as_json_option
@handle_errors
def list_requests(code: str | None, state: str | None, as_json: bool) -> None:
    """利用枠の変更申請の一覧 / Requests for another quota, newest first; with CODE those of that tenant."""
    with app_context(), system_transaction(OPERATOR) as session:
        tenant_id = None if code is None else find_tenant(session, code).id
        chosen = None if state is None else QuotaRequestState(state)
        found = queries.quota_requests(session, tenant_id, state=chosen)
    print_models("requests", found, as_json, _request_line)


@quota.command("request-show")
@click.argument("request_id", type=click.UUID)
@as_json_option
@handle_errors
def show_request(request_id: UUID, as_json: bool) -> None:
    """利用枠の変更申請を 1 つ見る / One request, with the digest that its decision names."""
    with app_context(), system_transaction(OPERATOR) as session:
        found = queries.quota_request(session, request_id)
    print_model(found, as_json)


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


@quota.command("assign")
@click.argument("code")
@click.argument("plan")
@click.option("--from", "valid_from", type=DateParam())
@as_json_option
@handle_errors
def assign(code: str, plan: str, valid_from: date | None, as_json: bool) -> None:
    """団体にプランを適用する / Assign a plan to a tenant."""
    with app_context() as context:
        command = AssignPlan(tenant_id=find_tenant_id(code), plan=plan, valid_from=valid_from)
        assign_plan(command, actor=context.actor)
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
@click.option("--reason", required=True)
@as_json_option
@handle_errors
def decide(request_id: UUID, decision: str, digest: str, reason: str, as_json: bool) -> None:
    """申請を決定する / Decide someone else's request."""
    command = DecideQuota(request_id=request_id, decision=Decision(decision), digest=digest, reason=reason)
    with app_context() as context:
        decided = decide_quota(command, actor=context.actor)
    print_result({"request_id": str(request_id), "approved": decided.approved, "value": decided.value}, as_json)


def _plan_line(plan: PlanFacts) -> str:
    quotas = ", ".join(f"{dimension} {quota_text(value)}" for dimension, value in plan.quotas.items())
    return f"{plan.name}\t{plan.label}\t{quotas}"


def _request_line(request: QuotaRequestFacts) -> str:
    change = f"{quota_text(request.original_value)} → {quota_text(request.requested_value)}"
    return f"{request.id}\t{request.state}\t{request.dimension}\t{change}\t{request.reason}"
