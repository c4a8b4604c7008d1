"""Cohorts and their plans over the API."""

from __future__ import annotations

from typing import Annotated

from flask import current_app
from pydantic import StringConstraints

from admin.core.guard import current_actor, requires
from admin.features.cohorts.entry_points import ENTRY_POINTS
from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.keycloak_port import identities_of
from admin.interface.paging import Page, paginate
from admin.workflows.cohort_plan import CohortPlan, apply_plan, plan_cohort
from governance.commands import Command
from governance.kernel.database import db
from governance.permissions import Permission
from tenancy.onboarding.commands import CohortApplied
from tenancy.tenants import queries as tenants
from tenancy.tenants.cohorts import CohortName
from tenancy.tenants.models import CohortFacts

routes = ApiRoutes(Tag.ONBOARDING, ENTRY_POINTS)


class CohortPage(Page[CohortFacts]):
    """Cohorts by fiscal year and name."""


class ApplyPlan(Command):
    """The digest of the plan that was seen."""

    cohort: CohortName
    digest: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


@routes.query_route("/cohorts")
@requires(Permission.COHORT_READ)
def list_cohorts(query: PageQuery) -> CohortPage:
    """List cohorts."""
    return paginate(CohortPage, tenants.cohorts(db.session()), lambda row: str(row.id), query)


@routes.query_route("/cohorts/<cohort>/plan")
@requires(Permission.COHORT_READ)
def get_cohort_plan(cohort: str) -> CohortPlan:
    """Plan what taking the cohort in would do; changes nothing here or in Keycloak."""
    return plan_cohort(identities_of(current_app), cohort)


@routes.action_route("/cohorts/<cohort>/applications", ApplyPlan, {"cohort": "cohort"})
@requires(Permission.COHORT_APPLY)
def apply_cohort_plan(command: ApplyPlan, key: str) -> CohortApplied:
    """Take the cohort in, as the plan with this digest showed; 409 when it is stale."""
    return apply_plan(identities_of(current_app), command.cohort, command.digest, actor=current_actor(), key=key)
