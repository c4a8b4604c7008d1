"""ログインの管理: with what somebody signs in, and where they are signed in. The forms are derived."""

from __future__ import annotations

from flask import Blueprint, request

from admin.core.guard import requires
from admin.features.sign_in.entry_points import ENTRY_POINTS, own_factors, sessions_shown
from admin.interface.command_forms import add_forms
from admin.interface.pages import render_page
from governance.permissions import Permission
from tenancy.keycloak.port import FactorKind

pages = add_forms(Blueprint("sign_in", __name__, template_folder="templates"), ENTRY_POINTS)


@pages.get("/preferences/sign-in")
@requires(Permission.SESSION_READ)
def sign_in() -> tuple[str, int]:
    """One's own second factors with what changes them at Keycloak, and one's own sessions, each with its end."""
    rows, is_whole = sessions_shown()
    factors = own_factors()
    return render_page(
        "sign_in/sign_in",
        rows=rows,
        is_whole=is_whole and factors is not None,
        factors=factors,
        may_remove=sum(one.kind is not FactorKind.RECOVERY_CODES for one in factors or ()) > 1,
        done=request.args.get("done") == "ended",
    )
