"""Twelve things changed by hand in Keycloak: each is found with what was intended, and only Moyai's own is restored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from admin.workflows.drift import Drift, enqueue_nightly_checks, find_drift
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.errors import Conflict, NotAllowed
from governance.outbox import JobState
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy import directory
from tenancy.clients.ownership import SYNC_CLIENT
from tenancy.drift_checks.commands import (
    CHECK_DRIFT,
    RequestDriftCheck,
    enqueue_nightly_check,
    request_drift_check,
)
from tenancy.drift_checks.queries import drift_checks, last_check
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.calls import Call, CallLog, counted_calls
from tenancy.keycloak.comparison import DifferenceKind, OutsideChange, TenantDifference
from tenancy.keycloak.connection import RealmConnection
from tenancy.keycloak.reader import ORGANIZATION_PAGE_SIZE
from tenancy.onboarding.worker import OnboardingWorker
from tenancy.repairs.commands import REPAIR_TENANT, RepairTenant, repair_tenant
from tenancy.tenants.state_changes import SYNC_TENANT
from tenancy.tenants.states import TenantState
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
    assert enqueue_and_check(do_jobs) == 1

    begun = datetime.now(UTC) - timedelta(seconds=1)
    by_hand = installation.as_administrator()
    # What other tests did by hand in this Keycloak is none of what is looked for.
    by_hand.delete("admin-events")
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

    drift = find_drift(identities)
    reported = found_in(tenant, drift)
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

        # Beside each stands who did it and when, as Keycloak recorded it; of an account's own work there is nothing.
        changes = changes_in(tenant, drift)
        assert changes.keys() == reported.keys()
        assert {(one.realm, one.ip_address) for one in changes.values()} == {("master", "127.0.0.1")}
        assert {str(changes[about].operation) for about in reported if reported[about][0] == "missing"} == {"delete"}
        assert all(one.at >= begun for one in changes.values())

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

        # The repair had everything compared anew, and what is left is kept with who made it.
        assert do_jobs(CHECK_DRIFT) == 1
        with system_transaction(OPERATOR) as session:
            kept = last_check(session)
        assert kept is not None
        as_kept = Drift(in_sync=False, differences=kept.differences)
        assert (found_in(tenant, as_kept), changes_in(tenant, as_kept)) == (left, {one: changes[one] for one in left})
    finally:
        by_hand.delete(f"clients/{client}")
        by_hand.delete(f"users/{stranger}")
        by_hand.delete(f"clients/{api['id']}/roles/tenant-mayor")


@pytest.mark.usefixtures("secrets_key")
def test_in_sync_a_tenant_costs_four_calls_at_most_and_nothing_is_written(
    installation: Installation,
    identities: KeycloakIdentities,
    applicants: Applicants,
    worker: OnboardingWorker,
    do_jobs: Callable[[str], int],
) -> None:
    active, suspended = applicants.ready(people=2), applicants.ready(people=2)
    for tenant in (active, suspended):
        worker.run(applicants.start(tenant))
    applicants.with_secret(active)
    do_jobs(SYNC_CLIENT)
    applicants.factory.change_state(suspended.tenant_id, TenantState.SUSPENDED)
    assert do_jobs(SYNC_TENANT) == 1

    for tenant in (active, suspended):
        assert found_in(tenant, find_drift(identities)) == {}
    # Listings are read page by page: what other tests made and did in this Keycloak is not counted.
    by_hand = installation.as_administrator()
    by_hand.delete("admin-events")
    further_pages = int(by_hand.read("organizations/count")) // ORGANIZATION_PAGE_SIZE
    with counted_calls() as calls:
        assert found_in(suspended, find_drift(identities)) == {}

    assert calls.writes == []
    assert [len(calls_about(tenant, calls, identities)) for tenant in (active, suspended)] == [2, 2]
    listings = [call for call in calls.calls if call.path.endswith(("/moyai/organizations", "/moyai/admin-events"))]
    assert len(listings) - further_pages <= 4

    # Somebody put into a role group by hand is found all the same: Keycloak recorded it.
    facts = identities.describe_tenant(active.tenant_id)
    assert facts.organization is not None
    person = next(one for one in facts.people if one.email == f"person0@{active.domain}")
    group = next(one for one in facts.role_groups if one.name == "tenant-auditor")
    path = f"organizations/{facts.organization.id}/groups/{group.id}/members/{person.id}"
    by_hand.replace(path)
    with counted_calls() as calls:
        found = found_in(active, find_drift(identities))
    assert found == {(active.code, f"person {person.username}, role tenant-auditor", None): ("foreign", None, None)}
    assert [len(calls_about(tenant, calls, identities)) for tenant in (active, suspended)] == [7, 2]

    # And when nothing is recorded, nothing is remembered.
    change(by_hand, "", adminEventsEnabled=False)
    try:
        by_hand.delete(path)
        assert found_in(active, find_drift(identities)).keys() == {("moyai", "settings", "adminEventsEnabled")}
    finally:
        installation.configure()


def test_a_nights_comparison_is_made_once_and_again_only_where_keycloak_did_not_answer(
    applicants: Applicants, do_jobs: Callable[[str], int], identities: KeycloakIdentities
) -> None:
    def at_night(day: int, hour: int, minute: int = 0) -> int:
        with clock.at(datetime(2026, 5, day, hour, minute, tzinfo=clock.JST)):
            enqueue_nightly_checks(lambda: applicants.actors.worker)
            enqueue_nightly_checks(lambda: applicants.actors.worker)
            return waiting_jobs(CHECK_DRIFT)

    assert at_night(1, 1, 59) == 0
    assert at_night(1, 2) == 1
    assert at_night(1, 2, 29) == 1
    assert at_night(1, 2, 31) == 2, "nobody answered for half an hour"
    with clock.at(datetime(2026, 5, 1, 3, tzinfo=clock.JST)), pytest.raises(Conflict) as refused:
        request_drift_check(RequestDriftCheck(), actor=applicants.actors.security)
    assert refused.value.code == "drift.check_under_way"
    with pytest.raises(NotAllowed):
        request_drift_check(RequestDriftCheck(), actor=applicants.actors.auditor)
    assert do_jobs(CHECK_DRIFT) == 2
    assert at_night(1, 23) == 0
    assert at_night(2, 9) == 1, "the worker was down at two"

    (event,) = recorded("drift.checked")
    with system_transaction(OPERATOR) as session:
        checks = drift_checks(session)
    assert [one.ended_at is None for one in checks] == [True, False]
    assert event.facts == {"differences": checks[1].number}


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


About = tuple[str, str, str | None]
"""A difference by its tenant, object and field."""


def found_in(tenant: Applicant, drift: Drift) -> dict[About, tuple[str, object, object]]:
    """What differs in this tenant or in the realms. Other tests share the server."""
    return {
        (one.tenant, one.object, one.field): (str(one.kind), one.intended, one.found)
        for one in drift.differences
        if concerns(tenant, one)
    }


def changes_in(tenant: Applicant, drift: Drift) -> dict[About, OutsideChange]:
    """What stands beside those of `found_in` of who made them."""
    return {
        (one.tenant, one.object, one.field): one.change
        for one in drift.differences
        if concerns(tenant, one) and one.change is not None
    }


def concerns(tenant: Applicant, one: TenantDifference) -> bool:
    """Tenants of other tests have the same code, and are nobody's here."""
    return one.tenant in (tenant.code, "moyai", "moyai-operators") and one.kind is not DifferenceKind.ORPHAN


def calls_about(tenant: Applicant, calls: CallLog, identities: KeycloakIdentities) -> list[Call]:
    """The calls about this tenant alone, its organization's and its clients'."""
    organization = identities.describe_tenant(tenant.tenant_id).organization
    assert organization is not None
    return [call for call in calls.calls if f"/{organization.id}/" in call.path]


def waiting_jobs(name: str) -> int:
    with system_transaction(OPERATOR) as session:
        waiting = select(func.count()).where(Job.name == name, Job.state == JobState.QUEUED)
        return session.scalar(waiting) or 0


def enqueue_and_check(do_jobs: Callable[[str], int]) -> int:
    """Tonight's comparison."""
    with system_transaction(OPERATOR) as session:
        operator = directory.operator(session).id
        enqueue_nightly_check(session, operator, asked_by="system:worker", night=clock.today(), now=clock.now())
    return do_jobs(CHECK_DRIFT)
