"""利用プラン: the plans with their quotas, and the form of a plan, whose fields are the dimensions there are.

The form that assigns a plan to a tenant is derived.
"""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, requires
from admin.features.quotas.entry_points import PLAN_ENTRY_POINTS
from admin.interface.command_forms import add_forms
from admin.interface.forms import Form, new_name
from admin.interface.kept_forms import restored_form
from admin.interface.pages import render_page, session
from governance.declaration import read_command
from governance.kernel import clock
from governance.permissions import Permission
from tenancy.quotas import queries
from tenancy.quotas.commands import DefinePlan, define_plan

pages = add_forms(Blueprint("plans", __name__, template_folder="templates"), PLAN_ENTRY_POINTS)


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
    """A new plan, or with `?plan=` other values of one; an empty value is unlimited."""
    named = request.args.get("plan", "")
    existing = queries.get_plan(session(), named, clock.today()) if named else None
    dimensions = queries.dimensions(session())
    now = existing.quotas if existing is not None else {}
    fields = {one.name: f"quota_{one.name}" for one in dimensions}
    initial = Form.initial(
        name=new_name(), label="", valid_from="", **{field: now.get(name) for name, field in fields.items()}
    )
    form = Form.from_request() if request.method == "POST" else restored_form() or initial
    if existing is not None:
        form.values.update(name=existing.name, label=existing.label)
    if request.method == "POST" and form.step != "enter":
        with form.collect_errors(*(f"quotas.{name}={field}" for name, field in fields.items())):
            command = read_command(
                DefinePlan,
                {
                    "name": form.text("name"),
                    "label": form.text("label"),
                    "valid_from": form.text("valid_from") or None,
                    "quotas": {name: form.text(field) or None for name, field in fields.items()},
                },
                typed=True,
            )
            if not form.is_final:
                return render_page(
                    "quotas/plan_defining_confirm",
                    form=form,
                    existing=existing,
                    dimensions=dimensions,
                    quotas=command.quotas,
                    now=now,
                    valid_from=command.valid_from,
                )
            define_plan(command, actor=current_actor(), key=form.key)
            return redirect(url_for("plans.plans", done="defined"), 303)
    return render_page("quotas/plan_defining", form=form, existing=existing, dimensions=dimensions)
