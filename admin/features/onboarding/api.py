"""Onboardings over the API and the command line: their steps, starting one, deciding a step."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from admin.features.onboarding.entry_points import ENTRY_POINTS
from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.param_types import TenantParam, find_tenant
from admin.interface.queries import cli_query
from governance.kernel.database import db
from governance.permissions import Permission
from tenancy.onboarding import queries
from tenancy.onboarding.models import OnboardingView

routes = ApiRoutes(Tag.ONBOARDING, ENTRY_POINTS)


class OnboardingsQuery(PageQuery):
    """Those of one tenant, finished ones too, or those in progress."""

    tenant: TenantParam | None = None


def onboarding_text(view: OnboardingView) -> str:
    """The onboarding in lines: its tenant, kind, state, id and start, then its steps with why they wait or failed."""
    started = f"{view.requested_at:%Y-%m-%d %H:%M}"
    lines = [f"{view.code or '------'}\t{view.name}\t{view.kind}\t{view.state}\t{view.id}\t{started}"]
    lines += [f"\t{step.name}\t{step.state}\t{step.why}".rstrip() for step in view.steps]
    return "\n".join(lines)


@routes.list("/onboardings", Permission.ONBOARDING_READ, "OnboardingPage")
@cli_query("onboarding list", "参加手続の一覧", "onboardings", onboarding_text, arguments=["tenant"])
def list_onboardings_in_progress(query: OnboardingsQuery) -> Sequence[OnboardingView]:
    """List the onboardings in progress, oldest first, or every one of a tenant, newest first."""
    if query.tenant is None:
        return queries.onboardings_in_progress(db.session())
    return queries.onboardings_of(db.session(), find_tenant(db.session(), query.tenant, field="tenant").id)


@routes.query("/onboardings/<onboarding>", Permission.ONBOARDING_READ)
@cli_query("onboarding show", "参加手続を 1 つ見る", line=onboarding_text)
def get_onboarding(onboarding: UUID) -> OnboardingView:
    """Show one onboarding with its steps."""
    return queries.onboarding(db.session(), onboarding)


@routes.list("/tenants/<tenant>/onboardings", Permission.ONBOARDING_READ, "OnboardingPage", ja="団体の参加手続の一覧")
def list_tenant_onboardings(tenant: UUID) -> Sequence[OnboardingView]:
    """List a tenant's onboardings, newest first."""
    return queries.onboardings_of(db.session(), tenant)
