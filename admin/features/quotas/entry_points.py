"""Entry points of the commands about plans and quotas: API route, command line, form and confirm page of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import url_for
from sqlalchemy.orm import Session

from admin.core.language import gettext
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress, api, cli
from admin.interface.labels import dimension_label, unit_label
from admin.interface.tenant_pages import done, to_quotas
from governance.kernel import clock
from governance.kernel.errors import Language
from governance.kernel.labels import Label
from tenancy import directory
from tenancy.quotas import queries
from tenancy.quotas.commands import RequestQuota, assign_plan, decide_quota, define_plan, request_quota
from tenancy.quotas.quota_value import quota_text


def _plans(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """The tenant, its plan today, and what each plan allows. Raises NotFound for the tenant."""
    tenant = directory.tenant_by_id(session, given["tenant_id"])
    present = queries.plan_in_force(session, tenant.id, clock.today())
    dimensions = queries.dimensions(session)
    facts = [
        Fact(gettext("Tenant"), tenant.name),
        Fact(gettext("Now"), present.label if present else gettext("None yet.")),
    ]
    for plan in queries.plans(session, clock.today()):
        allowed = (
            f"{dimension_label(one)} {quota_text(plan.quotas.get(one.name, 0), language)} {unit_label(one.unit)}"
            for one in dimensions
        )
        facts.append(Fact(plan.label, gettext(", ").join(allowed)))
    return FormContext(facts)


def _tenant(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """The tenant, and whether it has no plan that could be changed. Raises NotFound."""
    tenant = directory.tenant_by_id(session, given["tenant_id"])
    has_plan = queries.plan_in_force(session, tenant.id, clock.today()) is not None
    warnings = () if has_plan else (gettext("A plan must be assigned first."),)
    return FormContext([Fact(gettext("Tenant"), tenant.name)], warnings)


def _before_and_after(session: Session, command: RequestQuota, language: Language) -> FormContext:
    """The quota in force today beside the one requested."""
    quotas = queries.quotas_in_force(session, command.tenant_id, clock.today())
    return FormContext(
        [
            Fact(
                dimension_label(quota),
                f"{quota_text(quota.value, language)} → {quota_text(command.value, language)} {unit_label(quota.unit)}",
            )
            for quota in quotas
            if quota.dimension == command.dimension
        ]
    )


PLAN_ENTRY_POINTS: Final = (
    EntryPoint(
        define_plan,
        Label("利用プランを作成する", "Define a plan"),
        Label("登録する", "Record"),
        api=api("PUT /plans/<plan>", plan="name"),
        cli=cli("quota define", "name"),
    ),
    EntryPoint(
        assign_plan,
        Label("利用プランを選ぶ", "Assign a plan"),
        Label("このプランにする", "Assign the plan"),
        api=api("POST /tenants/<tenant>/plan", tenant="tenant_id"),
        cli=cli("quota assign", "tenant_id", "plan"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/plan",
            "plan_assigning",
            then=done("plan-assigned"),
            back=to_quotas,
            about=_plans,
            is_reviewed=False,
        ),
    ),
)

QUOTA_ENTRY_POINTS: Final = (
    EntryPoint(
        request_quota,
        Label("利用枠の変更を申請する", "Request another quota"),
        Label("申請する", "Submit the request"),
        api=api("POST /tenants/<tenant>/quota-requests", tenant="tenant_id"),
        cli=cli("quota request", "tenant_id", "dimension", "value"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/quotas/request",
            "quota_requesting",
            then=lambda command, result: url_for("quotas.quota_request", request_id=result.request_id, done="asked"),
            back=to_quotas,
            intro=Label("申請は、運営者の別の担当者が決定します。", "Someone at the operator decides."),
            about=_tenant,
            consequences=_before_and_after,
        ),
    ),
    EntryPoint(
        decide_quota,
        Label("利用枠の変更申請を決定する", "Decide a quota request"),
        Label("決定する", "Decide"),
        api=api("POST /quota-requests/<request>/decision", request="request_id"),
        cli=cli("quota decide", "request_id", "decision"),
    ),
)

ENTRY_POINTS: Final = (*PLAN_ENTRY_POINTS, *QUOTA_ENTRY_POINTS)
