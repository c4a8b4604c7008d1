"""Twelve things changed by hand in Keycloak: each is found with what was intended, and only Moyai's own is restored."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from admin.workflows.drift import Drift, find_drift
from governance.kernel.errors import Conflict, NotAllowed
from governance.permissions import Role
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.calls import counted_calls
from tenancy.keycloak.comparison import DifferenceKind, TenantDifference
from tenancy.keycloak.connection import RealmConnection
from tenancy.onboarding.worker import OnboardingWorker
from tenancy.repairs.commands import REPAIR_TENANT, RepairTenant, repair_tenant
from tests.database_rows import recorded
from tests.tenancy.keycloak.installation import Installation
from tests.tenancy.onboarding.applicants import Applicant, Applicants

pytestmark = [pytest.mark.keycloak, pytest.mark.slow]

STRANGER = "stranger-by-hand"
CLIENT = "somebodys-own"


def test_each_of_twelve_changes_by_hand_is_found_and_what_is_moyais_is_restored(
    installation: Installation,
    identities: KeycloakIdentities,
    applicants: Applicants,
    worker: OnboardingWorker,
    do_jobs: Callable[[str], int],
) -> None:
    tenant = applicants.ready(people=2)
    finance = applicants.with_person(tenant, f"finance@{tenant.domain}", Role.TENANT_FINANCE)
    worker.run(applicants.start(tenant))
    before = found_in(tenant, find_drift(identities))
    assert before == {}

    by_hand = installation.as_administrator()
    facts = identities.describe_tenant(tenant.tenant_id)
    assert facts.organization is not None
    people = {person.email: person for person in facts.people}
    owner, first = people[tenant.owner_email], people[f"person0@{tenant.domain}"]
    second = people[f"person1@{tenant.domain}"]
    below = f"organizations/{facts.organization.id}"
    groups = {group.name: group.id for group in facts.role_groups}
    scope = next(row for row in by_hand.read("client-scopes") if row["name"] == "organization")
    mapper = next(row for row in scope["protocolMappers"] if row["name"] == "organization roles")
    console = by_hand.read("clients", clientId="moyai-console")[0]
    api = by_hand.read("clients", clientId="moyai-api")[0]

    change(by_hand, f"users/{first.id}", enabled=False)
    by_hand.create(f"clients/{api['id']}/roles", {"name": "tenant-mayor"})
    by_hand.replace(f"{below}/groups/{groups['tenant-auditor']}/members/{second.id}")
    change(by_hand, below, name=f"{tenant.name}役場")
    by_hand.delete(f"{below}/groups/{groups['tenant-finance']}")
    client = by_hand.create("clients", {"clientId": CLIENT})
    by_hand.replace(f"clients/{console['id']}", {**console, "redirectUris": ["*"]})
    change(by_hand, "", accessTokenLifespan=86400, bruteForceProtected=False)
    stranger = by_hand.create("users", {"username": STRANGER, "enabled": True})
    by_hand.create(f"{below}/members", stranger)
    change(by_hand, f"users/{owner.id}", email=f"elsewhere@{tenant.domain}")
    by_hand.delete(f"client-scopes/{scope['id']}/protocol-mappers/models/{mapper['id']}")

    reported = found_in(tenant, find_drift(identities))
    try:
        assert reported == {
            (tenant.code, f"person {first.username}", "enabled"): ("changed", True, False),
            ("moyai", "client moyai-api, role tenant-mayor", None): ("foreign", None, None),
            (tenant.code, f"person {second.username}, role tenant-auditor", None): ("foreign", None, None),
            (tenant.code, f"organization {facts.organization.alias}", "name"): (
                *("changed", facts.organization.title, f"{tenant.name}役場"),
            ),
            (tenant.code, "role group tenant-finance", None): ("missing", None, None),
            # Who was in the group that is gone is missing there.
            (tenant.code, f"person {finance}, role tenant-finance", None): ("missing", None, None),
            ("moyai", f"client {CLIENT}", None): ("foreign", None, None),
            ("moyai", "client moyai-console", "redirectUris"): ("changed", console["redirectUris"], ["*"]),
            ("moyai", "settings", "accessTokenLifespan"): ("changed", 300, 86400),
            ("moyai", "settings", "bruteForceProtected"): ("changed", True, False),
            (tenant.code, f"person {STRANGER}", None): ("foreign", None, None),
            (tenant.code, f"person {owner.username}", "email"): (
                *("changed", tenant.owner_email, f"elsewhere@{tenant.domain}"),
            ),
            ("moyai", "client scope organization, mapper organization roles", None): ("missing", None, None),
        }

        repair_tenant(RepairTenant(tenant_id=tenant.tenant_id), actor=applicants.actors.onboarding)
        assert do_jobs(REPAIR_TENANT) == 1
        installation.configure()

        with counted_calls() as calls:
            left = found_in(tenant, find_drift(identities))
        assert calls.writes == []
        assert left.keys() == {about for about in reported if reported[about][0] == "foreign"}
        (event,) = recorded("drift.repaired")
        assert (event.tenant_id, event.facts) == (tenant.tenant_id, {"repaired": 5})
        assert by_hand.find(f"users/{stranger}") is not None
        assert by_hand.find(f"clients/{client}") is not None
    finally:
        by_hand.delete(f"clients/{client}")
        by_hand.delete(f"users/{stranger}")
        by_hand.delete(f"clients/{api['id']}/roles/tenant-mayor")


def test_a_repair_of_more_than_five_objects_writes_nothing_until_it_is_asked_for_by_number(
    installation: Installation,
    identities: KeycloakIdentities,
    applicants: Applicants,
    worker: OnboardingWorker,
    do_jobs: Callable[[str], int],
) -> None:
    tenant = applicants.ready(people=6)
    worker.run(applicants.start(tenant))
    by_hand = installation.as_administrator()
    people = [one for one in identities.describe_tenant(tenant.tenant_id).people if one.email != tenant.owner_email]
    for person in people:
        change(by_hand, f"users/{person.id}", enabled=False)

    repair_tenant(RepairTenant(tenant_id=tenant.tenant_id), actor=applicants.actors.onboarding)
    with counted_calls() as calls:
        do_jobs(REPAIR_TENANT)

    assert calls.writes == []
    assert [event.facts for event in recorded("drift.repaired")] == [{"differing": 6, "limit": 5}]
    assert not by_hand.read(f"users/{people[0].id}")["enabled"]

    repair_tenant(RepairTenant(tenant_id=tenant.tenant_id, up_to=6), actor=applicants.actors.onboarding)
    do_jobs(REPAIR_TENANT)

    assert [event.facts for event in recorded("drift.repaired")][1:] == [{"repaired": 6}]
    assert find_drift(identities, tenant.code).in_sync


def test_nobody_repairs_a_tenant_that_is_not_in_or_without_the_right(applicants: Applicants) -> None:
    applicant = applicants.agreed()

    with pytest.raises(Conflict) as refused:
        repair_tenant(RepairTenant(tenant_id=applicant.tenant_id), actor=applicants.actors.onboarding)
    with pytest.raises(NotAllowed):
        repair_tenant(RepairTenant(tenant_id=applicant.tenant_id), actor=applicants.actors.finance)

    assert refused.value.code == "drift.not_provisioned"
    assert recorded("drift.repair_requested") == []


def change(by_hand: RealmConnection, path: str, **fields: object) -> None:
    """Write these fields of an object beside what it has."""
    by_hand.replace(path, {**by_hand.read(path), **fields})


def found_in(tenant: Applicant, drift: Drift) -> dict[tuple[str, str, str | None], tuple[str, object, object]]:
    """What differs in this tenant or in the realms, by tenant, object and field. Other tests share the server."""

    def concerns(one: TenantDifference) -> bool:
        # Tenants of other tests have the same code, and are nobody's here.
        return one.tenant in (tenant.code, "moyai", "moyai-operators") and one.kind is not DifferenceKind.ORPHAN

    return {
        (one.tenant, one.object, one.field): (str(one.kind), one.intended, one.found)
        for one in drift.differences
        if concerns(one)
    }
