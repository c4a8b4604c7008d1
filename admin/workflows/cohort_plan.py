"""The plan of a cohort: what applying would create or change in Keycloak and Moyai, and every member's share after it.

The first half comes from tenancy, the second from billing; console, API and command line show this one plan. Applying
names its digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from pydantic import ConfigDict, Field
from sqlalchemy.orm import Session

from billing.runs.preview import preview
from governance.actors import Actor
from governance.commands import system_transaction
from governance.kernel.database import OPERATOR
from governance.kernel.digest import digest_of
from governance.kernel.errors import Conflict
from governance.kernel.models import ReadModel
from tenancy.directory import TenantFacts, members_of_year
from tenancy.keycloak.port import Identities
from tenancy.onboarding.commands import ApplyCohort, CohortApplied, apply_cohort
from tenancy.onboarding.plan import OnboardingPlan
from tenancy.onboarding.planning import CohortIntents, plan_tenants, read_intents


class ShareChange(ReadModel):
    """One member's share of the cohort's fiscal year, before and after, in whole yen."""

    code: str | None
    before_yen: int
    after_yen: int
    name: str = Field(exclude=True)
    is_joining: bool = Field(exclude=True)
    tenant_id: UUID = Field(exclude=True)


class CohortPlan(ReadModel):
    """A plan. Applying it names its digest.

    `shares_refused` says why there are no shares, such as a year without costs. What is excluded is for pages; of it
    the cohort's name and the digest of the intents are part of the plan's digest.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    digest: str
    tenants: tuple[OnboardingPlan, ...]
    shares: tuple[ShareChange, ...]
    cohort: str = Field(exclude=True)
    fiscal_year: int = Field(exclude=True)
    shares_refused: Conflict | None = Field(exclude=True)
    intents_digest: str = Field(exclude=True)

    @property
    def is_empty(self) -> bool:
        return all(tenant.is_empty for tenant in self.tenants)


def plan_digest(
    cohort: str, tenants: Sequence[OnboardingPlan], shares: Sequence[ShareChange], intents_digest: str
) -> str:
    """The digest of a plan, in the form `moyai.cohort-plan/1`: all that it shows, and the intents it was made from."""
    return digest_of(
        {
            "form": "moyai.cohort-plan/1",
            "intents": intents_digest,
            "cohort": cohort,
            "tenants": [
                {
                    "code": tenant.code,
                    "changes": [
                        {"where": change.where, "object": change.object, "action": change.action.value}
                        for change in tenant.changes
                    ],
                }
                for tenant in tenants
            ],
            "shares": [
                {"code": share.code, "before_yen": share.before_yen, "after_yen": share.after_yen} for share in shares
            ],
        }
    )


def plan_cohort(identities: Identities, name: str) -> CohortPlan:
    """The cohort's plan now. Changes nothing in the database or in Keycloak; the same state gives the same digest.

    Raises NotFound for an unknown cohort, Conflict for one without tenants, DependencyUnavailable while Keycloak is
    away. Needs an application context; reads in the operator's scope.
    """
    with system_transaction(OPERATOR) as session:
        cohort_intents = read_intents(session, name)
        shares, refused = _shares(session, cohort_intents)
    cohort, tenants = cohort_intents.cohort, plan_tenants(cohort_intents, identities)
    return CohortPlan(
        digest=plan_digest(cohort.name, tenants, shares, cohort_intents.digest),
        cohort=cohort.name,
        fiscal_year=cohort.fiscal_year,
        tenants=tenants,
        shares=shares,
        shares_refused=refused,
        intents_digest=cohort_intents.digest,
    )


def apply_plan(
    identities: Identities, name: str, digest: str, *, actor: Actor, key: str | None = None
) -> CohortApplied:
    """Plan again and apply it. Raises Stale, with nothing done, when the plan's digest is not `digest` any more."""
    plan = plan_cohort(identities, name)
    command = ApplyCohort(cohort=name, digest=digest, planned_digest=plan.digest, intents_digest=plan.intents_digest)
    return apply_cohort(command, actor=actor, key=key)


def _shares(session: Session, cohort_intents: CohortIntents) -> tuple[tuple[ShareChange, ...], Conflict | None]:
    present = members_of_year(session, cohort_intents.cohort.fiscal_year)
    joining = {member.id for member in cohort_intents.members} - {member.id for member in present}
    together = (*present, *(member for member in cohort_intents.members if member.id in joining))
    try:
        after = preview(session, cohort_intents.cohort.fiscal_year, together)
        before = _before(session, cohort_intents.cohort.fiscal_year, present, after.previous_yen)
    except Conflict as refused:
        return (), refused
    return tuple(
        ShareChange(
            code=member.code,
            name=member.name,
            is_joining=member.id in joining,
            tenant_id=member.id,
            before_yen=before.get(member.id, 0),
            after_yen=after.shares_yen[member.id],
        )
        for member in after.members
    ), None


def _before(
    session: Session, fiscal_year: int, present: tuple[TenantFacts, ...], posted: dict[UUID, int]
) -> dict[UUID, int]:
    """The shares posted last, in whole yen; where none are posted, what the present members would pay by themselves."""
    if any(posted.values()) or not present:
        return posted
    return preview(session, fiscal_year, present).shares_yen
