"""The plan of a cohort, whole: what would be made in Keycloak and here, and what every member's share becomes.

Tenancy knows the one half and billing the other; here they meet, for console, API and command line alike. The digest
names all of it, and applying names the digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from billing.runs.preview import preview
from governance.actors import Actor
from governance.commands import system_transaction
from governance.kernel.database import OPERATOR
from governance.kernel.digest import digest_of
from governance.kernel.errors import Conflict
from tenancy.directory import TenantFacts, members_of_year
from tenancy.keycloak.port import Identities
from tenancy.onboarding.commands import ApplyCohort, CohortApplied, apply_cohort
from tenancy.onboarding.plan import OnboardingPlan
from tenancy.onboarding.planning import CohortIntents, plan_tenants, read_intents


@dataclass(frozen=True, slots=True)
class ShareChange:
    """One member's share of the cohort's fiscal year, before and after. Whole yen."""

    code: str | None
    name: str
    is_joining: bool
    before_yen: int
    after_yen: int

    @property
    def difference_yen(self) -> int:
        return self.after_yen - self.before_yen

    def as_json(self) -> dict[str, Any]:
        return {"code": self.code, "before_yen": self.before_yen, "after_yen": self.after_yen}


@dataclass(frozen=True)
class CohortPlan:
    """What applying would do. `shares_refused` says why there are no shares, such as a year without costs."""

    cohort: str
    fiscal_year: int
    tenants: tuple[OnboardingPlan, ...]
    shares: tuple[ShareChange, ...]
    shares_refused: Conflict | None
    intents_digest: str

    @cached_property
    def digest(self) -> str:
        """Names everything the plan shows, and the wishes it was made from."""
        return digest_of({"form": "moyai.cohort-plan/1", "intents": self.intents_digest, **self._content()})

    @property
    def is_empty(self) -> bool:
        return all(tenant.is_empty for tenant in self.tenants)

    def as_json(self) -> dict[str, Any]:
        """As the contract of the command line has it."""
        content = self._content()
        return {"digest": self.digest, "tenants": content["tenants"], "shares": content["shares"]}

    def _content(self) -> dict[str, Any]:
        return {
            "cohort": self.cohort,
            "tenants": [tenant.as_json() for tenant in self.tenants],
            "shares": [share.as_json() for share in self.shares],
        }


def plan_cohort(identities: Identities, name: str) -> CohortPlan:
    """The cohort's plan as things stand. Changes nothing, in the database or in Keycloak; repeatable to the digest.

    Raises NotFound for an unknown cohort, Conflict for one without tenants, DependencyUnavailable while Keycloak is
    away. Needs an application context; reads in the operator's scope.
    """
    with system_transaction(OPERATOR) as session:
        cohort_intents = read_intents(session, name)
        shares, refused = _shares(session, cohort_intents)
    return CohortPlan(
        cohort=cohort_intents.cohort.name,
        fiscal_year=cohort_intents.cohort.fiscal_year,
        tenants=plan_tenants(cohort_intents, identities),
        shares=shares,
        shares_refused=refused,
        intents_digest=cohort_intents.digest,
    )


def apply_plan(
    identities: Identities, name: str, digest: str, *, actor: Actor, key: str | None = None
) -> CohortApplied:
    """Apply the plan that has this digest. Raises Stale when it has another one by now; then nothing is done."""
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
            before_yen=before.get(member.id, 0),
            after_yen=after.shares_yen[member.id],
        )
        for member in after.members
    ), None


def _before(
    session: Session, fiscal_year: int, present: tuple[TenantFacts, ...], posted: dict[UUID, int]
) -> dict[UUID, int]:
    """What was posted last; where nothing was, what the present members would bear among themselves."""
    if any(posted.values()) or not present:
        return posted
    return preview(session, fiscal_year, present).shares_yen
