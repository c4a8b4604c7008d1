"""The drift report: what Moyai wants compared with what Keycloak holds, of one tenant or of all. Changes nothing there.

Every night, and when somebody asks for it, everything is compared by a job and the result is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from governance.actors import Actor
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.deadlines import WaitLimits, current_budget, wait_limits
from governance.kernel.models import ReadModel
from tenancy import directory
from tenancy.clients.queries import operators_clients
from tenancy.drift_checks.commands import RecordDriftCheck, enqueue_nightly_check, record_drift_check
from tenancy.drift_checks.models import DriftCheckDetails, to_findings
from tenancy.drift_checks.queries import drift_check, last_check
from tenancy.keycloak.comparison import TenantDifference
from tenancy.keycloak.drift import (
    TenantIntent,
    identity_provider_drift,
    orphaned_organizations,
    orphaned_service_clients,
    privilege_drift,
    realm_drift,
    tenant_drift,
)
from tenancy.keycloak.outside_changes import with_changes
from tenancy.keycloak.port import Identities
from tenancy.onboarding.intents import OnboardingIntent, read_intent
from tenancy.people.identity_providers.queries import identity_provider_intent
from tenancy.tenants.facts import operator_id
from tenancy.tenants.queries import list_tenants
from tenancy.tenants.states import PROVISIONED_STATES, TenantState

COMMAND_LINE_LIMITS: Final = WaitLimits(one=20.0, total=60.0)
"""At the command line: a Keycloak that has just started answers its first requests, eight side by side, far more slowly
than a page may wait; on a busy machine one of them took longer than ten seconds."""

JOB_LIMITS: Final = WaitLimits(one=20.0, total=240.0)
"""In the job, which is leased for five minutes."""

NIGHT_HOUR: Final = 2
"""The hour in Japan from which on the night's comparison is made; of a night that was missed, as soon as possible."""

LOOKED_BACK: Final = timedelta(days=30)
"""Before the first comparison that was kept, what was changed in Keycloak is looked for so far back."""
OVERLAP: Final = timedelta(minutes=10)
"""An event of Keycloak's may be stamped a little before it can be read."""

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


def check_drift(identities: Identities, check_id: UUID, *, actor: Actor) -> None:
    """Compare everything and keep what was found. Safe to repeat: one that has ended stays as it is.

    Raises DependencyUnavailable while Keycloak is away.
    """
    with system_transaction(OPERATOR) as session:
        if drift_check(session, check_id).ended_at is not None:
            return
    looked_at = clock.now()
    with wait_limits(JOB_LIMITS):
        found = _find_drift(identities, None)
    findings = to_findings(found.differences)
    record_drift_check(RecordDriftCheck(check_id=check_id, looked_at=looked_at, findings=findings), actor=actor)


def enqueue_nightly_checks(actor: Callable[[], Actor]) -> None:
    """One round: a job for this night's comparison, once, as soon as the night is so late. `actor` is the worker."""
    now = clock.now()
    if now.astimezone(clock.JST).hour < NIGHT_HOUR:
        return
    with system_transaction(OPERATOR) as session:
        operator = operator_id(session)
    if operator is None:
        return
    asked_by = actor().id
    with system_transaction(OPERATOR) as session:
        enqueue_nightly_check(session, operator, asked_by=asked_by, night=clock.jst_date(now), now=now)


def _find_drift(identities: Identities, code: str | None) -> Drift:
    with system_transaction(OPERATOR) as session:
        states = {one.id: one.state for one in list_tenants(session) if not one.is_operator}
        chosen = list(states) if code is None else [directory.tenant_by_code(session, code).id]
        on, now = clock.today(), clock.now()
        operator = operator_id(session)
        systems = () if operator is None else operators_clients(session, operator, on)
        intents = [read_intent(session, one, on=on, now=now) for one in chosen if states.get(one) in PROVISIONED_STATES]
        last = last_check(session)
        providers = {one.code or one.name: identity_provider_intent(session, one.tenant_id) for one in intents}
    own = {tenant: provider for tenant, provider in providers.items() if provider is not None}
    if code is None:
        known = {one for one, state in states.items() if state in PROVISIONED_STATES | ONBOARDING_STATES}
        differences = _compare_all(intents, known, identities)
        differences += privilege_drift(identities.find_privileges())
        differences += realm_drift(identities.find_realm_differences(systems))
    else:
        # Everything of one tenant is read anew: whoever asks for it by name does not want what was remembered.
        differences = [
            one
            for intent in intents
            for one in tenant_drift(wanted_of(intent), identities.describe_tenant(intent.tenant_id))
        ]
    if own or code is None:
        found = identities.find_identity_providers()
        differences += identity_provider_drift(own, found, others=code is None)
    if not differences:
        return Drift(in_sync=True, differences=())
    return Drift(in_sync=False, differences=_explained(identities, differences, last, now))


def _explained(
    identities: Identities, differences: Sequence[TenantDifference], last: DriftCheckDetails | None, now: datetime
) -> tuple[TenantDifference, ...]:
    """The differences with who made them, as far as Keycloak recorded it since the last comparison, or it was known."""
    since = now - LOOKED_BACK if last is None or last.looked_at is None else last.looked_at - OVERLAP
    known = () if last is None else last.differences
    return with_changes(differences, identities.find_outside_changes(since), known)


def wanted_of(intent: OnboardingIntent) -> TenantIntent:
    """What Keycloak is meant to hold of the tenant, without the people whom somebody decided to leave out."""
    people = tuple(person.intent for person in intent.people if not person.is_skipped)
    return TenantIntent(intent.organization, people, intent.service_clients)


def _compare_all(
    intents: Sequence[OnboardingIntent], known: set[UUID], identities: Identities
) -> list[TenantDifference]:
    found = identities.describe_tenants([intent.tenant_id for intent in intents])
    differences = [
        one for intent in intents for one in tenant_drift(wanted_of(intent), found.tenants[intent.tenant_id])
    ]
    differences += orphaned_organizations(known, found.organizations)
    differences += orphaned_service_clients(known, found.service_clients)
    return differences
