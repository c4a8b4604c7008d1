"""Service clients of the operator: two people give them their scopes, and no scope decides anything."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from governance.actors import Actor, ActorKind, command_line_actor
from governance.approvals.states import Decision
from governance.commands import ApprovalRequested, system_transaction
from governance.declaration import build_command
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.errors import Conflict, Invalid, NotAllowed
from governance.kernel.ids import new_id
from governance.permissions import SecondPerson
from tenancy.clients.commands import (
    ClientRegistered,
    RegisterClient,
    StopOperatorClient,
    SyncOperatorClients,
    register_client,
    stop_operator_client,
    sync_operator_clients,
)
from tenancy.clients.queries import operators_clients, service_clients
from tenancy.keycloak.keys import SigningKey
from tenancy.keycloak.port import ServiceClientIntent
from tests.actors import Actors
from tests.database_rows import recorded, rows
from tests.factories import Factory
from tests.second_person import approve, approved, decide

JWKS = SigningKey.generate().public_jwks


def _client(tenant_id: UUID, **other: Any) -> RegisterClient:
    values: dict[str, Any] = {"name": "財務会計システム", "jwks": JWKS, "scopes": ("moyai:ledger.read",)}
    return build_command(RegisterClient, tenant_id=tenant_id, **(values | other))


def _another(actor: Actor) -> Actor:
    return Actor(str(new_id()), ActorKind.PERSON, actor.tenant_id, actor.roles)


def _registered(actors: Actors, **other: Any) -> UUID:
    command = _client(actors.operator_tenant, **other)
    return approved(register_client, command, ClientRegistered, actor=actors.onboarding, by=actors.security).client_id


def _intents(actors: Actors) -> tuple[ServiceClientIntent, ...]:
    with system_transaction(OPERATOR) as session:
        return operators_clients(session, actors.operator_tenant, clock.today())


def _states(tenant_id: UUID) -> list[str]:
    with system_transaction(OPERATOR) as session:
        return [one.state.value for one in service_clients(session, tenant_id, also_stopped=True)]


def test_another_of_security_decides_what_a_system_of_the_operators_may_do(actors: Actors) -> None:
    asked = register_client(_client(actors.operator_tenant), actor=actors.security)

    assert isinstance(asked, ApprovalRequested)
    assert asked.second_person is SecondPerson.ROLES
    for actor in (actors.security, actors.approver, command_line_actor(actors.operator_tenant)):
        with pytest.raises(NotAllowed):
            approve(asked, actor=actor)
    assert (rows("service_client"), _intents(actors)) == ([], ())

    approve(asked, actor=_another(actors.security))

    assert _states(actors.operator_tenant) == ["registered"]
    assert actors.security.id in rows("service_client")[0]
    (intent,) = _intents(actors)
    assert (intent.enabled, intent.scopes, intent.jwks) == (True, frozenset({"moyai:ledger.read"}), JWKS)
    assert recorded("client.registered")[-1].actor != actors.security.id


def test_a_system_that_was_sent_back_is_none(actors: Actors) -> None:
    asked = register_client(_client(actors.operator_tenant), actor=actors.onboarding)
    assert isinstance(asked, ApprovalRequested)

    decide(asked, Decision.REJECTED, actor=actors.security)

    assert (rows("service_client"), _intents(actors)) == ([], ())


@pytest.mark.parametrize("column", ["scopes = '[\"moyai:tenants.write\"]'", "jwks = '{}'", "id = gen_random_uuid()"])
def test_a_row_that_nobody_approved_as_it_is_reaches_no_keycloak(actors: Actors, column: str) -> None:
    _registered(actors)
    assert len(_intents(actors)) == 1

    with system_transaction(OPERATOR) as session:
        session.execute(text(f"UPDATE service_client SET {column}"))

    assert _intents(actors) == ()


def test_an_unknown_scope_is_refused_before_anybody_is_asked(actors: Actors) -> None:
    with pytest.raises(Invalid) as refusal:
        register_client(_client(actors.operator_tenant, scopes=("moyai:approve",)), actor=actors.onboarding)

    assert refusal.value.code == "client.scope_unknown"
    assert rows("approval_request") == []


def test_configuring_records_once_that_a_system_is_in_keycloak(actors: Actors) -> None:
    client_id = _registered(actors)
    machine = command_line_actor(actors.operator_tenant)

    for expected in ((client_id,), ()):
        done = sync_operator_clients(SyncOperatorClients(client_ids=(client_id,)), actor=machine)
        assert done.client_ids == expected
    assert _states(actors.operator_tenant) == ["active"]
    assert [event.subject for event in recorded("client.synced")] == [str(client_id)]
    with pytest.raises(NotAllowed):
        sync_operator_clients(SyncOperatorClients(client_ids=(client_id,)), actor=actors.security)


def test_one_of_security_stops_a_system_alone_and_once(actors: Actors, factory: Factory) -> None:
    client_id = _registered(actors)
    command = StopOperatorClient(client_id=client_id, reason="鍵が漏れた")
    with pytest.raises(NotAllowed):
        stop_operator_client(command, actor=actors.onboarding)

    stop_operator_client(command, actor=actors.security)

    assert [intent.enabled for intent in _intents(actors)] == [False]
    with pytest.raises(Conflict) as refusal:
        stop_operator_client(command, actor=actors.security)
    assert refusal.value.code == "client.stopped_already"
    city = factory.kumamoto_city()
    members = factory.add_service_client(city)
    with pytest.raises(Conflict) as refusal:
        stop_operator_client(StopOperatorClient(client_id=members, reason="x"), actor=actors.security)
    assert refusal.value.code == "client.not_the_operators"
    assert _states(city) == ["registered"]


def test_a_system_whose_time_is_over_is_disabled(actors: Actors) -> None:
    until = clock.today() + timedelta(days=1)
    _registered(actors, valid_until=until)
    with system_transaction(OPERATOR) as session:
        assert [one.enabled for one in operators_clients(session, actors.operator_tenant, clock.today())] == [True]
        assert [one.enabled for one in operators_clients(session, actors.operator_tenant, until)] == [False]
