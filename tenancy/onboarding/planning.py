"""Making the plan of a cohort: read what is wanted, ask Keycloak what is there, compare. Changes nothing.

Keycloak is asked after the reading has ended, never inside it: a slow answer must not hold a transaction open.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from governance.kernel import clock
from governance.kernel.errors import Conflict
from tenancy.directory import CohortFacts, TenantFacts, cohort, cohort_members
from tenancy.keycloak.port import Identities
from tenancy.onboarding.commands import EMPTY_COHORT
from tenancy.onboarding.intents import OnboardingIntent, read_intent
from tenancy.onboarding.plan import OnboardingPlan, plan_tenant, required_roles
from tenancy.onboarding.queries import intents_digest

MAX_CONCURRENCY: Final = 8


@dataclass(frozen=True, slots=True)
class CohortIntents:
    """What Moyai wants of a cohort's tenants, as read in one transaction."""

    cohort: CohortFacts
    members: tuple[TenantFacts, ...]
    intents: dict[UUID, OnboardingIntent]
    digest: str


def read_intents(session: Session, name: str) -> CohortIntents:
    """What is wanted of the cohort's tenants. Raises NotFound, and Conflict for a cohort without any."""
    found = cohort(session, name)
    members = cohort_members(session, name)
    if not members:
        raise Conflict(EMPTY_COHORT, given=name)
    on, now = clock.today(), clock.now()
    ids = [member.id for member in members]
    intents = {tenant_id: read_intent(session, tenant_id, on=on, now=now) for tenant_id in ids}
    return CohortIntents(found, members, intents, intents_digest(session, ids, on=on, now=now))


def plan_tenants(cohort_intents: CohortIntents, identities: Identities) -> tuple[OnboardingPlan, ...]:
    """The plan of each tenant, in the order of the codes. Raises DependencyUnavailable while Keycloak is away."""

    def plan(member: TenantFacts) -> OnboardingPlan:
        intent = cohort_intents.intents[member.id]
        return plan_tenant(intent, identities.describe_tenant(member.id, holders_of=required_roles(intent)))

    with ThreadPoolExecutor(MAX_CONCURRENCY, thread_name_prefix="plan") as pool:
        futures = [pool.submit(copy_context().run, plan, member) for member in cohort_intents.members]
    return tuple(future.result() for future in futures)
