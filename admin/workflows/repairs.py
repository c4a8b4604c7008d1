"""The job of a repair: what of one tenant differs in Keycloak is written as Moyai wants it, or nothing of it."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from admin.workflows.drift import wanted_of
from admin.workflows.identity_providers import ensure_identity_provider
from governance.actors import Actor
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from tenancy.drift_checks.commands import enqueue_check
from tenancy.keycloak.comparison import DifferenceKind, TenantDifference
from tenancy.keycloak.drift import identity_provider_drift, tenant_drift
from tenancy.keycloak.port import TENANT_ROLE_GROUPS, Identities
from tenancy.onboarding.intents import read_intent
from tenancy.people.identity_providers.queries import identity_provider_intent
from tenancy.repairs.commands import RecordRepair, record_repair, repair_limit
from tenancy.tenants.facts import operator_id
from tenancy.tenants.states import PROVISIONED_STATES


def repair(identities: Identities, tenant_id: UUID, up_to: int | None, *, actor: Actor) -> None:
    """Write what is missing or changed of the tenant, unless that is more than `up_to` objects. Safe to repeat.

    `up_to` None stands for `repair_limit`. What Moyai did not make, or wants no longer, is left alone. Raises
    DependencyUnavailable while Keycloak is away.
    """
    with system_transaction(OPERATOR) as session:
        intent = read_intent(session, tenant_id, on=clock.today(), now=clock.now())
        provider = identity_provider_intent(session, tenant_id, with_secret=True)
    if intent.state not in PROVISIONED_STATES:
        return
    wanted = wanted_of(intent)

    def differences() -> set[tuple[str, str]]:
        found = list(tenant_drift(wanted, identities.describe_tenant(tenant_id)))
        if provider is not None:
            own = {intent.name: provider}
            found += identity_provider_drift(own, identities.find_identity_providers(), others=False)
        return _objects(found)

    differing = differences()
    all_objects = (
        1 + (provider is not None) + len(TENANT_ROLE_GROUPS) + len(wanted.people) + len(wanted.service_clients)
    )
    limit = up_to or repair_limit(all_objects)
    if len(differing) > limit:
        stopped = RecordRepair(tenant_id=tenant_id, repaired=0, differing=len(differing), limit=limit)
        record_repair(stopped, actor=actor)
        return
    if differing:
        identities.ensure_organization(wanted.organization)
        identities.ensure_role_groups(tenant_id)
        identities.ensure_each_person(tenant_id, wanted.people)
        identities.ensure_service_clients(tenant_id, wanted.service_clients)
        if provider is not None:
            ensure_identity_provider(identities, provider)
    left = differences()
    repaired = len(differing - left)
    record_repair(RecordRepair(tenant_id=tenant_id, repaired=repaired, differing=len(left), limit=None), actor=actor)
    if repaired:
        # What the last comparison said is no longer so: whoever looks after it sees what is left.
        with system_transaction(OPERATOR) as session:
            operator = operator_id(session)
            if operator is not None:
                enqueue_check(session, operator, asked_by=actor.id, now=clock.now())


def _objects(differences: Iterable[TenantDifference]) -> set[tuple[str, str]]:
    """The objects that Moyai would write, each once however much of it differs."""
    return {
        (one.about.kind, one.about.name)
        for one in differences
        if one.about is not None and one.kind in (DifferenceKind.MISSING, DifferenceKind.CHANGED)
    }
