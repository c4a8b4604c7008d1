"""Onboardings over the API: their steps, starting one, deciding a step."""

from __future__ import annotations

from uuid import UUID

from admin.core.guard import requires
from admin.features.onboarding.entry_points import ENTRY_POINTS
from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.paging import Page, paginate
from governance.kernel.database import db
from governance.permissions import Permission
from tenancy.onboarding import queries
from tenancy.onboarding.models import OnboardingView

routes = ApiRoutes(Tag.ONBOARDING, ENTRY_POINTS)


class OnboardingPage(Page[OnboardingView]):
    """Onboardings."""


@routes.query_route("/onboardings")
@requires(Permission.ONBOARDING_READ)
def list_onboardings_in_progress(query: PageQuery) -> OnboardingPage:
    """List the onboardings in progress, oldest first."""
    return paginate(OnboardingPage, queries.onboardings_in_progress(db.session()), lambda row: str(row.id), query)


@routes.query_route("/onboardings/<onboarding>")
@requires(Permission.ONBOARDING_READ)
def get_onboarding(onboarding: UUID) -> OnboardingView:
    """Show one onboarding with its steps."""
    return queries.onboarding(db.session(), onboarding)


@routes.query_route("/tenants/<tenant>/onboardings")
@requires(Permission.ONBOARDING_READ)
def list_tenant_onboardings(tenant: UUID, query: PageQuery) -> OnboardingPage:
    """List a tenant's onboardings, newest first."""
    return paginate(OnboardingPage, queries.onboardings_of(db.session(), tenant), lambda row: str(row.id), query)
