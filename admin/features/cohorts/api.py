"""Cohorts and their plans over the API and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from flask import current_app
from pydantic import StringConstraints

from admin.core.guard import current_actor, requires
from admin.features.cohorts.entry_points import ENTRY_POINTS
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.keycloak_port import identities_of
from admin.interface.queries import cli_query
from admin.workflows.cohort_plan import CohortPlan, apply_plan, plan_cohort
from governance.commands import Command
from governance.kernel.database import db
from governance.permissions import Permission
from tenancy.onboarding.commands import CohortApplied
from tenancy.onboarding.plan import Action
from tenancy.tenants import queries as tenants
from tenancy.tenants.cohorts import CohortName
from tenancy.tenants.models import CohortFacts

routes = ApiRoutes(Tag.ONBOARDING, ENTRY_POINTS)


class ApplyPlan(Command):
    """The digest of the plan that was seen."""

    cohort: CohortName
    digest: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


def _plan_lines(planned: CohortPlan) -> str:
    lines = []
    for tenant in planned.tenants:
        counts = {action: sum(change.action is action for change in tenant.changes) for action in Action}
        lines.append(f"{tenant.code}\t{tenant.name}\t" + " ".join(f"{action.ja} {counts[action]}" for action in Action))
        lines += [f"\t{change.action}\t{change.where}\t{change.object}" for change in tenant.changes]
    lines.append(f"\n{planned.fiscal_year} 年度の負担額（円） / Shares of the fiscal year (yen)")
    if planned.shares_refused is not None:
        lines.append(planned.shares_refused.text("ja"))
    for share in planned.shares:
        lines.append(f"{share.code}\t{share.before_yen:>14,}\t{share.after_yen:>14,}\t{share.name}")
    return "\n".join([*lines, f"\ndigest {planned.digest}"])


@routes.list("/cohorts", Permission.COHORT_READ, "CohortPage")
@cli_query("cohort list", "参加期の一覧", "cohorts", "name fiscal_year label")
def list_cohorts() -> Sequence[CohortFacts]:
    """List cohorts by fiscal year and name."""
    return tenants.cohorts(db.session())


@routes.query("/cohorts/<cohort>/plan", Permission.COHORT_READ, may_conflict=True)
@cli_query("cohort plan", "参加手続の計画を見る", line=_plan_lines)
def get_cohort_plan(cohort: str) -> CohortPlan:
    """Plan what taking the cohort in would do; changes nothing here or in Keycloak."""
    return plan_cohort(identities_of(current_app), cohort)


@routes.action_route(
    "/cohorts/<cohort>/applications", ApplyPlan, {"cohort": "cohort"}, ja="計画のとおりに参加期を受け入れる"
)
@requires(Permission.COHORT_APPLY)
def apply_cohort_plan(command: ApplyPlan, key: str) -> CohortApplied:
    """Take the cohort in, as the plan with this digest showed; 409 when it is stale."""
    return apply_plan(identities_of(current_app), command.cohort, command.digest, actor=current_actor(), key=key)
