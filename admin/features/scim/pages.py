"""ディレクトリ連携: the address for the tenant's own directory, its tokens, and the page that shows a new one once."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from flask import Blueprint, current_app, request

from admin.bootstrap import settings_of
from admin.core.guard import current_actor, requires
from admin.core.language import gettext
from admin.features.scim.entry_points import ENTRY_POINTS
from admin.interface.command_forms import add_forms, day_as_typed
from admin.interface.forms import Form
from admin.interface.kept_forms import shown_once
from admin.interface.pages import render_page, session
from governance.declaration import read_command
from governance.kernel import clock
from governance.kernel.field_types import last_day
from governance.permissions import SCIM_ROLES, Permission, Role
from tenancy import directory as tenants
from tenancy.keycloak.port import organization_alias
from tenancy.people.queries import names_of_people
from tenancy.people.scim.models import ScimTokenState
from tenancy.people.scim.queries import ROLE_GROUPS, count_linked
from tenancy.people.scim.tokens import LONGEST, MOST, IssueScimToken, issue_scim_token, scim_tokens

pages = add_forms(Blueprint("scim", __name__, template_folder="templates"), ENTRY_POINTS)

BY_GROUP: Final[tuple[Role, ...]] = tuple(role for role in ROLE_GROUPS if role in SCIM_ROLES)


@pages.get("/tenants/<uuid:tenant_id>/scim")
@requires(Permission.SCIM_READ)
def directory(tenant_id: UUID) -> tuple[str, int]:
    """What the directory is to be told, which tokens there are, and what it does."""
    tenant = tenants.tenant_by_id(session(), tenant_id)
    tokens = scim_tokens(session(), tenant_id, clock.today())
    return render_page(
        "scim/directory",
        tenant=tenant,
        address=_address(tenant_id),
        tokens=tokens,
        names=names_of_people(session(), {one.issued_by for one in tokens}),
        may_issue=sum(one.state is ScimTokenState.ACTIVE for one in tokens) < MOST,
        linked=count_linked(session(), tenant_id),
        by_group=BY_GROUP,
        done=request.args.get("done", ""),
    )


@pages.route("/tenants/<uuid:tenant_id>/scim/tokens/issue", methods=["GET", "POST"])
@requires(Permission.SCIM_ISSUE_TOKEN)
@shown_once("a token is shown and kept nowhere")
def token_issuing(tenant_id: UUID) -> tuple[str, int]:
    """Issue a token and show it: in the answer to the form, and nowhere after."""
    today = clock.today()
    proposed = last_day(today.replace(year=today.year + 1, day=min(today.day, 28)))
    form = Form.from_request() if request.method == "POST" else Form.initial(valid_until=day_as_typed(proposed))
    issued = None
    if request.method == "POST":
        with form.collect_errors():
            texts = {"valid_until": form.values.get("valid_until", "")}
            issued = issue_scim_token(
                read_command(IssueScimToken, texts, typed=True, given={"tenant_id": tenant_id}),
                actor=current_actor(),
                key=form.key,
            )
    return render_page(
        "scim/token_issued",
        form=form,
        tenant=tenants.tenant_by_id(session(), tenant_id),
        address=_address(tenant_id),
        longest=gettext("At most %(days)s days from today.", days=LONGEST.days),
        issued=issued,
    )


def _address(tenant_id: UUID) -> str:
    """What the directory is given as the address of the SCIM service."""
    return f"{settings_of(current_app).public_url}/scim/v2/tenants/{organization_alias(tenant_id)}"
