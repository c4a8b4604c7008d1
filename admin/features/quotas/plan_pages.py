"""利用プラン: the plans with their quotas, their values from a day on, and which one a tenant is on."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, requires
from admin.interface.forms import Form
from admin.interface.pages import render_page, session
from governance.kernel import clock
from governance.permissions import Permission
from tenancy import directory
from tenancy.quotas import queries
from tenancy.quotas.commands import AssignPlan, DefinePlan, assign_plan, define_plan

pages = Blueprint("plans", __name__, template_folder="templates")


@pages.get("/plans")
@requires(Permission.PLAN_READ)
def plans() -> tuple[str, int]:
    """Every plan with the quotas that hold today."""
    return render_page(
        "quotas/plans",
        plans=queries.plans(session(), clock.today()),
        dimensions=queries.dimensions(session()),
        done=request.args.get("done", ""),
    )


@pages.route("/plans/define", methods=["GET", "POST"])
@requires(Permission.PLAN_DEFINE)
def plan_defining() -> AnyResponse | tuple[str, int]:
    """A new plan, or with `?plan=` other values of one; an empty value is no limit."""
    named = request.args.get("plan", "")
    existing = queries.get_plan(session(), named, clock.today()) if named else None
    dimensions = queries.dimensions(session())
    now = existing.quotas if existing is not None else {}
    initial = Form.initial(
        name="", label="", valid_from="", **{f"quota_{one.name}": now.get(one.name) for one in dimensions}
    )
    form = Form.from_request() if request.method == "POST" else initial
    if existing is not None:
        form.values.update(name=existing.name, label=existing.label)
    if request.method == "POST" and form.step != "enter":
        name, label, valid_from = form.required("name"), form.required("label"), form.day("valid_from")
        quotas = {one.name: form.integer(f"quota_{one.name}") for one in dimensions}
        if form.is_valid and not form.is_final:
            return render_page(
                "quotas/plan_defining_confirm",
                form=form,
                existing=existing,
                dimensions=dimensions,
                quotas=quotas,
                now=now,
                valid_from=valid_from,
            )
        if form.is_valid:
            with form.collect_errors(*(f"quotas.{one.name}=quota_{one.name}" for one in dimensions)):
                define_plan(
                    DefinePlan(name=name, label=label, quotas=quotas, valid_from=valid_from),
                    actor=current_actor(),
                    key=form.key,
                )
                return redirect(url_for("plans.plans", done="defined"), 303)
    return render_page("quotas/plan_defining", form=form, existing=existing, dimensions=dimensions)


@pages.route("/tenants/<uuid:tenant_id>/plan", methods=["GET", "POST"])
@requires(Permission.PLAN_ASSIGN)
def plan_assigning(tenant_id: UUID) -> AnyResponse | tuple[str, int]:
    """The plan a tenant is on from a day on."""
    tenant = directory.tenant_by_id(session(), tenant_id)
    today = clock.today()
    form = Form.from_request() if request.method == "POST" else Form.initial(plan="", valid_from="")
    if request.method == "POST":
        plan, valid_from = form.required("plan"), form.day("valid_from")
        if form.is_valid:
            with form.collect_errors():
                assign_plan(
                    AssignPlan(tenant_id=tenant_id, plan=plan, valid_from=valid_from),
                    actor=current_actor(),
                    key=form.key,
                )
                return redirect(url_for("tenant_editing.tenant_done", tenant_id=tenant_id, action="plan-assigned"), 303)
    return render_page(
        "quotas/plan_assigning",
        form=form,
        tenant=tenant,
        plans=queries.plans(session(), today),
        dimensions=queries.dimensions(session()),
        present=queries.plan_in_force(session(), tenant_id, today),
    )
