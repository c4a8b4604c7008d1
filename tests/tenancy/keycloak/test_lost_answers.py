"""Answers that never arrive, two at once, and how much is asked: nothing is made twice."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from governance.kernel.errors import DependencyUnavailable
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.calls import counted_calls
from tenancy.keycloak.port import TENANT_ROLE_GROUPS, EnsureOutcome
from tests.tenancy.keycloak.fault_proxy import FaultProxy
from tests.tenancy.keycloak.installation import Installation, Municipality


def test_what_was_made_without_an_answer_is_adopted_and_not_made_again(
    installation: Installation,
    over_fault_proxy: KeycloakIdentities,
    fault_proxy: FaultProxy,
    municipality: Municipality,
) -> None:
    owner, client = municipality.person("tenant-owner"), municipality.service_client()
    fault_proxy.drop_response("POST", "/organizations")
    fault_proxy.drop_response("POST", "/groups", times=2)
    fault_proxy.drop_response("POST", "/users")
    fault_proxy.drop_response("POST", "/members")
    fault_proxy.drop_response("PUT", "/groups/[^/]+/members/[^/]+")
    fault_proxy.drop_response("POST", "/clients")

    municipality.onboard(over_fault_proxy)
    over_fault_proxy.ensure_people(municipality.tenant_id, [owner])
    over_fault_proxy.ensure_service_clients(municipality.tenant_id, [client])

    assert fault_proxy.dropped_all
    found = over_fault_proxy.describe_tenant(municipality.tenant_id)
    assert sorted(group.name for group in found.role_groups) == sorted(TENANT_ROLE_GROUPS)
    assert [(person.username, person.groups) for person in found.people] == [
        (owner.username, frozenset({"tenant-owner"}))
    ]
    assert [one.client_id for one in found.service_clients] == [client.client_id]
    administrator = installation.as_administrator()
    assert administrator.read("organizations/count", q=f"tenant_id:{municipality.tenant_id}") == 1
    assert administrator.read("users/count", q=f"tenant_id:{municipality.tenant_id}") == 1


def test_an_answer_lost_again_and_again_is_unreachable_and_a_later_run_completes(
    over_fault_proxy: KeycloakIdentities, fault_proxy: FaultProxy, municipality: Municipality
) -> None:
    fault_proxy.drop_response("GET", "/organizations.*", times=4)

    with pytest.raises(DependencyUnavailable):
        over_fault_proxy.ensure_organization(municipality.organization)
    while not fault_proxy.dropped_all:
        with pytest.raises(DependencyUnavailable):
            over_fault_proxy.ensure_organization(municipality.organization)

    assert over_fault_proxy.ensure_organization(municipality.organization).outcome is EnsureOutcome.CREATED


def test_two_at_once_make_one_organization(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality
) -> None:
    other_process = installation.identities()

    _at_once(
        lambda: municipality.onboard(identities),
        lambda: municipality.onboard(other_process),
        lambda: municipality.onboard(identities),
    )
    other_process.close()

    administrator = installation.as_administrator()
    assert administrator.read("organizations/count", q=f"tenant_id:{municipality.tenant_id}") == 1
    groups = identities.describe_tenant(municipality.tenant_id).role_groups
    assert sorted(group.name for group in groups) == sorted(TENANT_ROLE_GROUPS)
    assert all(group.roles == {group.name} for group in groups)


def test_two_at_once_make_each_person_and_client_once(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality
) -> None:
    municipality.onboard(identities)
    people = [municipality.person("tenant-owner"), *(municipality.person() for _ in range(9))]
    clients = [municipality.service_client() for _ in range(3)]
    other_process = installation.identities()

    def onboard(through: KeycloakIdentities) -> None:
        through.ensure_people(municipality.tenant_id, people)
        through.ensure_service_clients(municipality.tenant_id, clients)

    _at_once(lambda: onboard(identities), lambda: onboard(other_process))
    other_process.close()

    found = identities.describe_tenant(municipality.tenant_id)
    assert sorted(person.username for person in found.people) == sorted(person.username for person in people)
    assert sorted(one.client_id for one in found.service_clients) == sorted(one.client_id for one in clients)
    administrator = installation.as_administrator()
    assert administrator.read("users/count", q=f"tenant_id:{municipality.tenant_id}") == 10


def test_onboarding_fifty_people_and_three_clients_asks_at_most_140_times(
    installation: Installation, municipality: Municipality
) -> None:
    owner = municipality.person("tenant-owner")
    people = [municipality.person() for _ in range(50)]
    clients = [municipality.service_client() for _ in range(3)]
    fresh_process = installation.identities()

    def onboard() -> None:
        municipality.onboard(fresh_process)
        fresh_process.ensure_people(municipality.tenant_id, [owner])
        fresh_process.ensure_people(municipality.tenant_id, people)
        fresh_process.ensure_service_clients(municipality.tenant_id, clients)

    with counted_calls() as first:
        onboard()
    with counted_calls() as again:
        onboard()
    fresh_process.close()

    # Tokens included; 107 is the least Keycloak's API allows: organization, 51 × (user, membership), clients, token.
    assert len(first) <= 135
    assert again.writes == []
    assert {call.status for call in first.calls} <= {200, 201, 204}


def test_a_run_with_nothing_to_do_asks_four_times(identities: KeycloakIdentities, municipality: Municipality) -> None:
    owner, client = municipality.person("tenant-owner"), municipality.service_client()

    def onboard() -> None:
        municipality.onboard(identities)
        identities.ensure_people(municipality.tenant_id, [owner])
        identities.ensure_service_clients(municipality.tenant_id, [client])

    onboard()
    with counted_calls() as calls:
        onboard()

    assert len(calls) == 4
    assert calls.writes == []


def test_calls_of_tenants_side_by_side_are_counted_apart(identities: KeycloakIdentities) -> None:
    counted: dict[str, int] = {}

    def onboard(municipality: Municipality) -> None:
        with counted_calls() as calls:
            municipality.onboard(identities)
        counted[municipality.code] = len(calls)

    first, second = Municipality(code="s00001"), Municipality(code="s00002")
    onboard(Municipality(code="s00000"))
    _at_once(lambda: onboard(first), lambda: onboard(second))

    assert counted["s00001"] == counted["s00002"]


def _at_once(*actions: Callable[[], object]) -> None:
    """Run all at the same moment; the first error of any of them is raised."""
    together = threading.Barrier(len(actions))
    failed: list[BaseException] = []

    def run(action: Callable[[], object]) -> None:
        together.wait()
        try:
            action()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
