"""Planning a cohort's onboarding: read the intents, read Keycloak, compare. Changes nothing.

Keycloak is read after the transaction that reads the intents, so that a slow answer does not hold it open.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from governance.kernel import clock
from governance.kernel.concurrency import MAX_TENANTS, ParallelMap
from governance.kernel.errors import Conflict
from tenancy.directory import CohortFacts, TenantFacts, cohort, cohort_members
from tenancy.keycloak.port import Identities
from tenancy.onboarding.commands import EMPTY_COHORT
from tenancy.onboarding.intents import OnboardingIntent, read_intent
from tenancy.onboarding.plan import OnboardingPlan, plan_tenant, required_roles
from tenancy.onboarding.queries import intents_digest


@dataclass(frozen=True, slots=True)
class CohortIntents:
    """What Moyai wants of a cohort's tenants, read in one transaction, with its digest."""

    cohort: CohortFacts
    members: tuple[TenantFacts, ...]
    intents: dict[UUID, OnboardingIntent]
    digest: str


def read_intents(session: Session, name: str) -> CohortIntents:
    """What is wanted of the cohort's tenants today. Raises NotFound, and Conflict for a cohort without tenants."""
    found = cohort(session, name)
    members = cohort_members(session, name)
    if not members:
        raise Conflict(EMPTY_COHORT, given=name)
    on, now = clock.today(), clock.now()
    ids = [member.id for member in members]
    intents = {tenant_id: read_intent(session, tenant_id, on=on, now=now) for tenant_id in ids}
    return CohortIntents(found, members, intents, intents_digest(session, ids, on=on, now=now))


def plan_tenants(cohort_intents: CohortIntents, identities: Identities) -> tuple[OnboardingPlan, ...]:
    """The plan of each tenant, in the order of the codes. Raises DependencyUnavailable when Keycloak is unreachable."""

    def plan(member: TenantFacts) -> OnboardingPlan:
        intent = cohort_intents.intents[member.id]
        return plan_tenant(intent, identities.describe_tenant(member.id, holders_of=required_roles(intent)))

    with ParallelMap(MAX_TENANTS, "plan") as parallel:
        return tuple(parallel.map(plan, cohort_intents.members))
