"""IdP 連携: the tenant's own identity provider, what is to be entered there, and what the last check found."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, current_app, request

from admin.bootstrap import settings_of
from admin.core.guard import requires
from admin.features.identity_providers.entry_points import ENTRY_POINTS
from admin.interface.command_forms import add_forms
from admin.interface.pages import render_page, session
from governance.kernel import clock
from governance.permissions import Permission
from tenancy import directory
from tenancy.keycloak.port import redirect_address
from tenancy.people.identity_providers.queries import WARNED_BEFORE, find_own_identity_provider
from tenancy.people.queries import names_of_people

pages = add_forms(Blueprint("identity_providers", __name__, template_folder="templates"), ENTRY_POINTS)


@pages.get("/tenants/<uuid:tenant_id>/identity-provider")
@requires(Permission.IDENTITY_PROVIDER_READ)
def identity_provider(tenant_id: UUID) -> tuple[str, int]:
    """What is registered, whether it may be used, and what to do next."""
    tenant = directory.tenant_by_id(session(), tenant_id)
    found = find_own_identity_provider(session(), tenant_id)
    ends = None if found is None else found.certificate_ends_on
    return render_page(
        "identity_providers/identity_provider",
        tenant=tenant,
        provider=found,
        redirect_address=redirect_address(settings_of(current_app).keycloak_url, tenant_id),
        ends_soon=ends is not None and ends <= clock.today() + WARNED_BEFORE,
        names=names_of_people(session(), {found.registered_by} if found is not None else set()),
        done=request.args.get("done", ""),
    )
