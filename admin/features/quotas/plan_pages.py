"""利用プラン: the plans with their quotas, and the form of a plan, whose fields are the dimensions there are.

The form that assigns a plan to a tenant is derived.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, requires
from admin.core.language import gettext
from admin.features.quotas.entry_points import PLAN_ENTRY_POINTS
from admin.interface.command_forms import add_forms
from admin.interface.forms import Form, new_name
from admin.interface.history import history
from admin.interface.kept_forms import restored_form
from admin.interface.pages import render_page, session
from admin.interface.paging import next_cursor, query_part
from governance.declaration import read_command
from governance.events import Event
from governance.kernel import clock
from governance.kernel.errors import not_found
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy.quotas import queries
from tenancy.quotas.commands import DefinePlan, define_plan
from tenancy.tenants.queries import names_of_tenants

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
        assigned=request.args.get("assigned", type=int),
    )


@pages.get("/plans/<uuid:plan_id>")
@requires(Permission.PLAN_READ)
def plan(plan_id: UUID) -> tuple[str, int]:
    """One plan: what it allows today and what it will."""
    known = queries.dimensions(session())
    return _render_part("quotas/plan", plan_id, dimensions=known, labels={one.name: one for one in known})


@pages.get("/plans/<uuid:plan_id>/related")
@requires(Permission.PLAN_READ)
def plan_related(plan_id: UUID) -> tuple[str, int]:
    """Who is on a plan; a municipality sees whether it is."""
    found = queries.tenants_on_plan(session(), plan_id, clock.today(), query_part())
    return _render_part(
        "quotas/plan_related",
        plan_id,
        part_title=gettext("Related"),
        on_plan=found.items,
        next_cursor=next_cursor(found),
        tenant_names=names_of_tenants(session(), [one.tenant_id for one in found.items]),
    )


@pages.get("/plans/<uuid:plan_id>/history")
@requires(Permission.AUDIT_READ)
def plan_history(plan_id: UUID) -> tuple[str, int]:
    """What was done about a plan. It is in the operator's audit log, which no municipality reads."""
    if not current_actor().is_operator:
        raise not_found(what=Label("利用プランの履歴", "history of a plan"), given=plan_id)
    return _render_part("quotas/plan_history", plan_id, actions_shown=50, part_title=gettext("History"), is_wide=True)


def _render_part(template: str, plan_id: UUID, *, actions_shown: int = 5, **values: Any) -> tuple[str, int]:
    """A part of a plan's page, with what every part has: how many are on it, what comes, and its last events."""
    today, own = clock.today(), current_actor().tenant_id
    return render_page(
        template,
        plan=queries.plan_by_id(session(), plan_id, today),
        used_by=queries.count_on_plan(session(), plan_id, today),
        coming=queries.coming_quotas(session(), plan_id, today),
        defined=history(plan_id, own, 1, event=Event.PLAN_DEFINED),
        record=history(plan_id, own, actions_shown),
        **values,
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
