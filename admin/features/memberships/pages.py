"""利用できる団体: the page to switch from one tenant to another, and to see who asks. The forms are derived."""

from __future__ import annotations

from flask import Blueprint, request

from admin.core.guard import current_actor, requires
from admin.features.memberships.entry_points import ENTRY_POINTS
from admin.identity.memberships import consent_requests_of, memberships_of
from admin.interface.command_forms import add_forms
from admin.interface.pages import render_page
from governance.permissions import Permission

pages = add_forms(Blueprint("memberships", __name__, template_folder="templates"), ENTRY_POINTS)


@pages.get("/memberships")
@requires(Permission.MEMBER_CONSENT)
def memberships() -> tuple[str, int]:
    """One's own tenants, and those that ask."""
    done = request.args.get("done", "")
    return render_page(
        "memberships/memberships",
        rows=memberships_of(current_actor()),
        asked=consent_requests_of(current_actor()),
        done=done if done in ("consented", "declined") else "",
    )
