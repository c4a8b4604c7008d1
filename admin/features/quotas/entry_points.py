"""Entry points of the commands about plans and quotas: API route, command line, form and confirm page of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import has_request_context, request, url_for
from sqlalchemy.orm import Session

from admin.core.language import gettext
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress, ReviewTable, api, cli
from admin.interface.formats import limit
from admin.interface.labels import dimension_label, unit_label
from admin.interface.tenant_pages import done, to_quotas
from governance.kernel import clock
from governance.kernel.errors import Language
from governance.kernel.labels import Label
from tenancy import directory
from tenancy.quotas import queries
from tenancy.quotas.commands import (
    AssignPlanToMany,
    RequestQuota,
    assign_plan,
    assign_plan_to_many,
    decide_quota,
    define_plan,
    request_quota,
)
from tenancy.tenants.queries import TenantFilter, list_tenants
from tenancy.tenants.states import TenantState

_MAX_OFFERED: Final = 200
"""Tenants that the form of many offers; more are chosen from the list of tenants."""


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
            f"{dimension_label(one)} {limit(plan.quotas.get(one.name, 0))} {unit_label(one.unit)}" for one in dimensions
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
                f"{limit(quota.value)} → {limit(command.value)} {unit_label(quota.unit)}",
            )
            for quota in quotas
            if quota.dimension == command.dimension
        ]
    )


def _named_tenants() -> list[str]:
    """The ids in the address, `?tenant_ids=` for each."""
    return [text for text in request.args.getlist("tenant_ids") if text] if has_request_context() else []


def _tenants_to_assign(session: Session, given: Mapping[str, Any], language: Language) -> list[tuple[str, str]]:
    """The tenants that the address names, else the first of those without a plan, or of all where each has one."""
    named, on_plans = set(_named_tenants()), queries.plans_of_tenants(session, clock.today())
    every = list_tenants(session, TenantFilter(includes_operator=False))
    if named:
        offered = [one for one in every if str(one.id) in named]
    else:
        present = [one for one in every if one.state is not TenantState.LEFT]
        offered = [one for one in present if one.id not in on_plans] or present
    return [(str(one.id), f"{one.name} ({one.state.label(language)})") for one in offered[:_MAX_OFFERED]]


def _chosen_tenants(session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
    return {"tenant_ids": ",".join(_named_tenants())}


def _plans_before_and_after(session: Session, command: AssignPlanToMany, language: Language) -> FormContext:
    """Each tenant's plan before and after."""
    before = queries.plans_of_tenants(session, command.valid_from or clock.today())
    after = queries.get_plan(session, command.plan, command.valid_from or clock.today()).label
    found = directory.tenants_by_id(session, command.tenant_ids).values()
    rows = [[one.name, before.get(one.id, "―"), after] for one in found]
    columns = [gettext("Tenant"), gettext("Before"), gettext("After")]
    return FormContext(tables=[ReviewTable(gettext("Plans of the chosen tenants"), columns, rows)])


def _to_plans(given: Mapping[str, Any]) -> tuple[Label, str]:
    return Label("利用プラン", "Plans"), url_for("plans.plans")


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
    EntryPoint(
        assign_plan_to_many,
        Label("利用プランをまとめて選ぶ", "Assign a plan to several tenants"),
        Label("このプランにする", "Assign the plan"),
        api=api("POST /plan-assignments"),
        cli=cli("quota assign-many", "plan"),
        page=PageAddress(
            "/plans/assign",
            "plan_assigning_to_many",
            then=lambda command, result: url_for("plans.plans", assigned=result.changed),
            back=_to_plans,
            intro=Label(
                "選んだ団体を、同じ利用プランにします。1 団体でもできないときは、どの団体も変わりません。",
                "All of the chosen tenants come to one plan. If one of them cannot, none is changed.",
            ),
            review_intro=Label(
                "団体ごとに、変更前と変更後の利用プランを確かめてください。",
                "Check each tenant's plan before and after.",
            ),
            choices={"tenant_ids": _tenants_to_assign},
            start=_chosen_tenants,
            consequences=_plans_before_and_after,
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
