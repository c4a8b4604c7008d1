"""The drift report: what Moyai wants compared with what Keycloak holds, of one tenant or of all. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.concurrency import MAX_TENANTS, ParallelMap
from governance.kernel.database import OPERATOR
from governance.kernel.deadlines import WaitLimits, current_budget, wait_limits
from governance.kernel.models import ReadModel
from tenancy import directory
from tenancy.clients.queries import operators_clients
from tenancy.keycloak.comparison import TenantDifference
from tenancy.keycloak.drift import (
    TenantIntent,
    orphaned_organizations,
    orphaned_service_clients,
    privilege_drift,
    realm_drift,
    tenant_drift,
)
from tenancy.keycloak.port import Identities
from tenancy.onboarding.intents import OnboardingIntent, read_intent
from tenancy.tenants.facts import operator_id
from tenancy.tenants.queries import list_tenants
from tenancy.tenants.states import PROVISIONED_STATES, TenantState

COMMAND_LINE_LIMITS: Final = WaitLimits(one=20.0, total=60.0)
"""At the command line: a Keycloak that has just started answers its first requests, eight side by side, far more slowly
than a page may wait; on a busy machine one of them took longer than ten seconds."""

ONBOARDING_STATES: Final = frozenset({TenantState.PROVISIONING})
"""States whose Keycloak objects are not reported as orphans, because onboarding is creating them."""


class Drift(ReadModel):
    """Every difference between what Moyai wants and what Keycloak holds, tenant by tenant."""

    in_sync: bool
    differences: tuple[TenantDifference, ...]


def find_drift(identities: Identities, code: str | None = None) -> Drift:
    """Compare one tenant by its code, or all of them and what belongs to none. Differences in the order of the tenants.

    Raises NotFound for an unknown code, DependencyUnavailable while Keycloak is away. Needs an application context.
    """
    if current_budget() is not None:
        # A page or a call of the API is answered within five seconds, this one like any other.
        return _find_drift(identities, code)
    with wait_limits(COMMAND_LINE_LIMITS):
        return _find_drift(identities, code)


def _find_drift(identities: Identities, code: str | None) -> Drift:
    with system_transaction(OPERATOR) as session:
        states = {one.id: one.state for one in list_tenants(session) if not one.is_operator}
        chosen = list(states) if code is None else [directory.tenant_by_code(session, code).id]
        on, now = clock.today(), clock.now()
        operator = operator_id(session)
        systems = () if operator is None else operators_clients(session, operator, on)
        intents = [read_intent(session, one, on=on, now=now) for one in chosen if states.get(one) in PROVISIONED_STATES]
    differences = list(_compare(intents, identities))
    if code is None:
        known = {one for one, state in states.items() if state in PROVISIONED_STATES | ONBOARDING_STATES}
        differences += orphaned_organizations(known, identities.find_organizations())
        differences += orphaned_service_clients(known, identities.find_service_clients())
        differences += privilege_drift(identities.find_privileges())
        differences += realm_drift(identities.find_realm_differences(systems))
    return Drift(in_sync=not differences, differences=tuple(differences))


def wanted_of(intent: OnboardingIntent) -> TenantIntent:
    """What Keycloak is meant to hold of the tenant, without the people whom somebody decided to leave out."""
    people = tuple(person.intent for person in intent.people if not person.is_skipped)
    return TenantIntent(intent.organization, people, intent.service_clients)


def _compare(intents: Sequence[OnboardingIntent], identities: Identities) -> list[TenantDifference]:
    def compare(intent: OnboardingIntent) -> tuple[TenantDifference, ...]:
        return tenant_drift(wanted_of(intent), identities.describe_tenant(intent.tenant_id))

    with ParallelMap(MAX_TENANTS, "drift") as parallel:
        return [difference for differences in parallel.map(compare, intents) for difference in differences]
