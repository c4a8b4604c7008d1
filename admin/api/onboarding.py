"""Cohorts, their plans, and onboardings in progress; intent against Keycloak."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from flask import current_app
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from admin.api.keycloak_port import identities_of
from admin.api.paging import Page, page_of
from admin.api.reading import PageQuery, Query
from admin.api.routes import Tag, act, deed, read
from admin.cohort_plan import apply_plan, plan_cohort
from admin.drift import find_drift
from admin.guard import asks, current_actor
from governance.commands import Order
from governance.kernel.database import db
from governance.permissions import Permission
from tenancy.onboarding import queries
from tenancy.onboarding.commands import CohortApplied, decide_step, start_onboarding
from tenancy.onboarding.queries import OnboardingView
from tenancy.onboarding.steps import OnboardingState, StepName, StepState
from tenancy.tenants import queries as tenants
from tenancy.tenants.cohorts import CohortName
from tenancy.tenants.commands import define_cohort


class CohortShown(BaseModel):
    """Tenants that come in together, with a fiscal year."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    label: str
    fiscal_year: int


class CohortPage(Page[CohortShown]):
    """Cohorts by fiscal year and name."""


class ApplyPlan(Order):
    """The digest of the plan that was seen."""

    cohort: CohortName
    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class PlannedChange(BaseModel):
    """One object that applying would make, change, or leave as it is."""

    where: str
    object: str
    action: str


class PlannedTenant(BaseModel):
    """What applying would do for one tenant."""

    code: str | None
    changes: list[PlannedChange]


class PlannedShare(BaseModel):
    """One member's share of the cohort's fiscal year, before and after, in whole yen."""

    code: str | None
    before_yen: int
    after_yen: int


class CohortPlanned(BaseModel):
    """A plan. Applying it names its digest."""

    digest: str
    tenants: list[PlannedTenant]
    shares: list[PlannedShare]


class StepShown(BaseModel):
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


class OnboardingShown(BaseModel):
    """An onboarding with its steps in their order."""

    id: UUID
    tenant_id: UUID
    cohort_id: UUID | None
    state: OnboardingState
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None
    plan_digest: str | None
    steps: list[StepShown]


class OnboardingPage(Page[OnboardingShown]):
    """Onboardings."""


class DriftQuery(Query):
    """Of one tenant, by its code, or of everything."""

    tenant: str | None = Field(default=None, pattern=r"^[0-9]{6}$")


class DriftShown(BaseModel):
    """Every difference between what Moyai wants and what Keycloak holds."""

    in_sync: bool
    differences: list[dict[str, Any]]


@read("/cohorts", Tag.ONBOARDING)
@asks(Permission.COHORT_READ)
def list_cohorts(query: PageQuery) -> CohortPage:
    """List cohorts."""
    return page_of(CohortPage, tenants.cohorts(db.session()), lambda row: str(row.id), query)


@read("/cohorts/<cohort>/plan", Tag.ONBOARDING)
@asks(Permission.COHORT_READ)
def show_cohort_plan(cohort: str) -> CohortPlanned:
    """Plan what taking the cohort in would do; changes nothing here or in Keycloak."""
    return CohortPlanned.model_validate(plan_cohort(identities_of(current_app), cohort).as_json())


@act("/cohorts/<cohort>/applications", Tag.ONBOARDING, ApplyPlan, {"cohort": "cohort"})
@asks(Permission.COHORT_APPLY)
def apply_cohort_plan(order: ApplyPlan, key: str) -> CohortApplied:
    """Take the cohort in, as the plan with this digest showed; 409 when it is stale."""
    return apply_plan(identities_of(current_app), order.cohort, order.digest, actor=current_actor(), key=key)


@read("/onboardings", Tag.ONBOARDING)
@asks(Permission.ONBOARDING_READ)
def list_open_onboardings(query: PageQuery) -> OnboardingPage:
    """List the onboardings in progress, oldest first."""
    found = [_shown(view) for view in queries.open_onboardings(db.session())]
    return page_of(OnboardingPage, found, lambda row: str(row.id), query)


@read("/onboardings/<onboarding>", Tag.ONBOARDING)
@asks(Permission.ONBOARDING_READ)
def show_onboarding(onboarding: UUID) -> OnboardingShown:
    """Show one onboarding with its steps."""
    return _shown(queries.onboarding(db.session(), onboarding))


@read("/tenants/<tenant>/onboardings", Tag.ONBOARDING)
@asks(Permission.ONBOARDING_READ)
def list_onboardings_of_tenant(tenant: UUID, query: PageQuery) -> OnboardingPage:
    """List a tenant's onboardings, newest first."""
    found = [_shown(view) for view in queries.onboardings_of(db.session(), tenant)]
    return page_of(OnboardingPage, found, lambda row: str(row.id), query)


@read("/drift", Tag.ONBOARDING)
@asks(Permission.DRIFT_READ)
def show_drift(query: DriftQuery) -> DriftShown:
    """Compare Keycloak with what Moyai wants; changes nothing."""
    return DriftShown.model_validate(find_drift(identities_of(current_app), query.tenant).as_json())


deed("POST", "/cohorts", define_cohort, Tag.ONBOARDING)
deed("POST", "/tenants/<tenant>/onboardings", start_onboarding, Tag.ONBOARDING, {"tenant": "tenant_id"})
deed(
    "POST",
    "/onboardings/<onboarding>/steps/<step>/decisions",
    decide_step,
    Tag.ONBOARDING,
    {"onboarding": "onboarding_id", "step": "step"},
)


def _shown(view: OnboardingView) -> OnboardingShown:
    return OnboardingShown(
        id=view.id,
        tenant_id=view.tenant_id,
        cohort_id=view.cohort_id,
        state=view.state,
        requested_by=view.requested_by,
        requested_at=view.requested_at,
        finished_at=view.finished_at,
        plan_digest=view.plan_digest,
        steps=[
            StepShown(
                name=step.name,
                state=step.state,
                attempts=step.attempts,
                retry_at=step.retry_at,
                reason=step.reason,
                why=step.why(),
                hint=step.hint(),
                outcome=step.outcome,
                started_at=step.started_at,
                finished_at=step.finished_at,
            )
            for step in view.steps
        ],
    )
