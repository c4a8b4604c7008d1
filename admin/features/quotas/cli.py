"""`moyai quota`: plans, what a tenant may use, and requests for another value."""

from __future__ import annotations

from uuid import UUID

import click

from admin.features.quotas.entry_points import ENTRY_POINTS
from admin.interface.cli_context import app_context
from admin.interface.command_line import command_group
from admin.interface.output import handle_errors, print_model, print_models
from admin.interface.param_types import as_json_option, find_tenant
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from tenancy.quotas import queries
from tenancy.quotas.models import PlanFacts, QuotaInForce, QuotaRequestFacts
from tenancy.quotas.quota_value import quota_text
from tenancy.quotas.states import QuotaRequestState

quota = command_group("quota", "利用プランと利用枠 / Plans and quotas.", ENTRY_POINTS)


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
    print_models("quotas", found, as_json, _quota_line)


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


def _plan_line(plan: PlanFacts) -> str:
    quotas = ", ".join(f"{dimension} {quota_text(value, 'en')}" for dimension, value in plan.quotas.items())
    return f"{plan.name}\t{plan.label}\t{quotas}"


def _quota_line(quota: QuotaInForce) -> str:
    return f"{quota.dimension}\t{quota_text(quota.value, 'en')}\t{quota.unit}\t{quota.source}"


def _request_line(request: QuotaRequestFacts) -> str:
    change = f"{quota_text(request.original_value, 'en')} → {quota_text(request.requested_value, 'en')}"
    return f"{request.id}\t{request.state}\t{request.dimension}\t{change}\t{request.reason}"
