"""緊急時の操作: who holds the emergency role, and who held it. The forms are derived."""

from __future__ import annotations

from flask import Blueprint, request

from admin.core.guard import current_actor, requires
from admin.features.break_glass.entry_points import ENTRY_POINTS
from admin.interface.command_forms import add_forms
from admin.interface.pages import render_page, session
from governance.kernel import clock
from governance.permissions import Permission
from tenancy import directory
from tenancy.people.break_glass import break_glass_hours
from tenancy.people.queries import names_of_people

pages = add_forms(Blueprint("break_glass", __name__, template_folder="templates"), ENTRY_POINTS)


@pages.get("/break-glass")
@requires(Permission.BREAK_GLASS_READ)
def break_glass() -> tuple[str, int]:
    """The latest hours, each with its person, its reason and who approved it."""
    rows = break_glass_hours(session())
    people = names_of_people(session(), {str(row.person_id) for row in rows} | {row.approved_by for row in rows})
    done = request.args.get("done", "")
    return render_page(
        "break_glass/break_glass",
        rows=[
            {
                **dict(row),
                "name": people.get(str(row.person_id), ""),
                "approver": people.get(row.approved_by, ""),
                "is_open": row.closed_at is None and row.ends_at > clock.now(),
            }
            for row in rows
        ],
        operator=directory.tenant_by_id(session(), current_actor().tenant_id),
        done=done if done in ("opened", "closed") else "",
    )
