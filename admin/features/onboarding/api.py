"""Onboardings in progress over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from admin.core.guard import requires
from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.paging import Page, paginate
from governance.kernel.database import db
from governance.permissions import Permission
from tenancy.onboarding import queries
from tenancy.onboarding.commands import decide_step, start_onboarding
from tenancy.onboarding.queries import OnboardingView
from tenancy.onboarding.steps import OnboardingState, StepName, StepState

routes = ApiRoutes(Tag.ONBOARDING)


class StepResponse(BaseModel):
    """One step of an onboarding. `why` and `hint` are worded in Japanese, empty where there is nothing to say."""

    name: StepName
    state: StepState
    attempts: int
    retry_at: datetime | None
    reason: str | None
    why: str
    hint: str
    outcome: dict[str, Any]
    started_at: datetime | None
    finished_at: datetime | None


class OnboardingResponse(BaseModel):
    """An onboarding with its steps in their order."""

    id: UUID
    tenant_id: UUID
    cohort_id: UUID | None
    state: OnboardingState
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None
    plan_digest: str | None
    steps: list[StepResponse]


class OnboardingPage(Page[OnboardingResponse]):
    """Onboardings."""


@routes.query_route("/onboardings")
@requires(Permission.ONBOARDING_READ)
def list_open_onboardings(query: PageQuery) -> OnboardingPage:
    """List the onboardings in progress, oldest first."""
    found = [_to_response(view) for view in queries.open_onboardings(db.session())]
    return paginate(OnboardingPage, found, lambda row: str(row.id), query)


@routes.query_route("/onboardings/<onboarding>")
@requires(Permission.ONBOARDING_READ)
def show_onboarding(onboarding: UUID) -> OnboardingResponse:
    """Show one onboarding with its steps."""
    return _to_response(queries.onboarding(db.session(), onboarding))


@routes.query_route("/tenants/<tenant>/onboardings")
@requires(Permission.ONBOARDING_READ)
def list_onboardings_of_tenant(tenant: UUID, query: PageQuery) -> OnboardingPage:
    """List a tenant's onboardings, newest first."""
    found = [_to_response(view) for view in queries.onboardings_of(db.session(), tenant)]
    return paginate(OnboardingPage, found, lambda row: str(row.id), query)


routes.command_route("POST", "/tenants/<tenant>/onboardings", start_onboarding, {"tenant": "tenant_id"})

routes.command_route(
    "POST",
    "/onboardings/<onboarding>/steps/<step>/decisions",
    decide_step,
    {"onboarding": "onboarding_id", "step": "step"},
)


def _to_response(view: OnboardingView) -> OnboardingResponse:
    return OnboardingResponse(
        id=view.id,
        tenant_id=view.tenant_id,
        cohort_id=view.cohort_id,
        state=view.state,
        requested_by=view.requested_by,
        requested_at=view.requested_at,
        finished_at=view.finished_at,
        plan_digest=view.plan_digest,
        steps=[
            StepResponse(
                name=step.name,
                state=step.state,
                attempts=step.attempts,
                retry_at=step.retry_at,
                reason=step.reason,
                why=step.reason_text(),
                hint=step.hint(),
                outcome=step.outcome,
                started_at=step.started_at,
                finished_at=step.finished_at,
            )
            for step in view.steps
        ],
    )
