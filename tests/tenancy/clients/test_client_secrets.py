"""Secrets of a service client: shown once, stored nowhere, two at most, each with a last day of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select, text

from admin.workflows.job_handlers import periodic_tasks
from governance.commands import system_transaction
from governance.declaration import build_command
from governance.derived_secrets import SECRETS_KEY
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, Invalid, NotAllowed, NotFound
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.clients import queries
from tenancy.clients.client_secrets import (
    ClientSecretMade,
    MakeClientSecret,
    RemoveClientSecret,
    make_client_secret,
    remove_client_secret,
)
from tenancy.clients.commands import RegisterClient, register_client
from tenancy.clients.stopping import StopClient, stop_client
from tenancy.keycloak.client_secrets import client_secret
from tenancy.keycloak.port import ServiceClientIntent
from tenancy.onboarding.intents import read_intent
from tests.actors import Actors
from tests.admin.empty_keycloak import EmptyKeycloak
from tests.database_rows import recorded, rows
from tests.factories import Factory

TABLES = ("service_client", "job", "audit_event", "idempotency_key")


@pytest.fixture(autouse=True)
def key(database: Flask) -> Iterator[None]:
    SECRETS_KEY.set(database, lambda: b"k" * 32)
    yield
    SECRETS_KEY.set(database, lambda: None)


def _make(tenant_id: UUID, client_id: UUID, days: int = 90) -> MakeClientSecret:
    return build_command(
        MakeClientSecret, tenant_id=tenant_id, client_id=client_id, valid_until=clock.today() + timedelta(days=days)
    )


def _remove(tenant_id: UUID, client_id: UUID, number: int) -> RemoveClientSecret:
    return build_command(RemoveClientSecret, tenant_id=tenant_id, client_id=client_id, number=number, reason="漏えい")


def _wanted(tenant_id: UUID) -> list[ServiceClientIntent]:
    with tenant_scope(OPERATOR):
        intent = read_intent(db.session(), tenant_id, on=clock.today(), now=clock.now())
    return [one for one in intent.service_clients if one.secret_number is not None]


def _payloads() -> list[dict[str, Any]]:
    """What the jobs have to do, in their order."""
    with tenant_scope(OPERATOR):
        return [job.payload for job in db.session.scalars(select(Job).order_by(Job.id))]


def test_a_secret_is_shown_once_and_written_nowhere(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    admin = actors.municipal(tenant_id, Role.TENANT_CLIENT_ADMIN)
    command = RegisterClient(tenant_id=tenant_id, name="帳票", scopes=("moyai:quota.read",))
    registered = register_client(command, actor=admin)
    client_id = registered.client_id  # type: ignore[union-attr]  # a municipality's waits for nobody

    made = make_client_secret(_make(tenant_id, client_id), actor=admin, key="one")
    again = make_client_secret(_make(tenant_id, client_id), actor=admin, key="one")

    assert made.secret is not None
    assert len(made.secret) == 43
    assert made.secret == client_secret(client_id, 1)
    assert again == made.model_copy(update={"secret": None})
    assert made.client_name.endswith(f"-{client_id}-s1")
    for table in TABLES:
        assert made.secret not in json.dumps(rows(table), default=str), table
    assert recorded("client.secret_made")[-1].facts.keys() == {"number", "valid_until"}
    [wanted] = _wanted(tenant_id)
    assert (wanted.client_id, wanted.enabled, wanted.jwks) == (made.client_name, True, "")
    assert made.secret not in repr(wanted)


def test_two_secrets_overlap_and_a_number_is_never_used_again(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    client_id = factory.add_service_client(tenant_id)
    owner = actors.municipal(tenant_id, Role.TENANT_OWNER)
    first, second = (make_client_secret(_make(tenant_id, client_id), actor=owner) for _ in range(2))
    assert first.secret != second.secret

    with pytest.raises(Conflict) as refusal:
        make_client_secret(_make(tenant_id, client_id), actor=owner)
    assert refusal.value.code == "client.too_many_secrets"
    remove_client_secret(_remove(tenant_id, client_id, 2), actor=actors.security)

    assert [one.secret_number for one in _wanted(tenant_id)] == [1]
    assert _payloads()[-1]["removed_secrets"] == [2]
    assert make_client_secret(_make(tenant_id, client_id), actor=owner).number == 3
    stop_client(StopClient(tenant_id=tenant_id, client_id=client_id, reason="廃止"), actor=owner)
    assert _payloads()[-1]["removed_secrets"] == [1, 3]
    assert _wanted(tenant_id) == []


def test_a_secret_whose_last_day_is_over_is_taken_out_by_the_worker(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    client_id = factory.add_service_client(tenant_id)
    owner = actors.municipal(tenant_id, Role.TENANT_OWNER)
    for days in (3, 90):
        make_client_secret(_make(tenant_id, client_id, days), actor=owner)
    end_keys = periodic_tasks(EmptyKeycloak())[1]  # type: ignore[arg-type]

    end_keys()
    assert recorded("client.secret_removed") == []
    with clock.at(clock.now() + timedelta(days=3)):
        assert [one.enabled for one in _wanted(tenant_id)] == [False, True], "before the worker was there"
        end_keys()
        end_keys()
        assert [one.secret_number for one in _wanted(tenant_id)] == [2]
    [event] = recorded("client.secret_removed")
    assert event.facts == {"number": 1}


def test_a_day_too_early_or_too_late_and_a_secret_that_is_not_there_are_refused(
    actors: Actors, factory: Factory
) -> None:
    tenant_id = factory.kumamoto_city()
    client_id = factory.add_service_client(tenant_id)
    owner = actors.municipal(tenant_id, Role.TENANT_OWNER)
    before = rows("service_client")

    for days, why in ((0, "client.ends_before_it_begins"), (367, "client.secret_ends_too_late")):
        with pytest.raises(Invalid) as refusal:
            make_client_secret(_make(tenant_id, client_id, days), actor=owner)
        assert (refusal.value.code, refusal.value.field) == (why, "valid_until")
    with pytest.raises(Invalid) as unknown:
        remove_client_secret(_remove(tenant_id, client_id, 1), actor=owner)
    assert unknown.value.code == "client.no_such_secret"

    assert rows("service_client") == before


def test_only_owners_and_client_administrators_make_secrets_and_only_of_their_own(
    database: Flask, actors: Actors, factory: Factory
) -> None:
    kumamoto, aso = factory.kumamoto_city(), factory.aso_city()
    client_id = factory.add_service_client(kumamoto)
    operators = factory.add_service_client(actors.operator_tenant)
    before = rows("service_client")

    for actor in (actors.security, actors.onboarding, actors.municipal(kumamoto, Role.TENANT_USER_ADMIN)):
        with pytest.raises(NotAllowed):
            make_client_secret(_make(kumamoto, client_id), actor=actor)
    for tenant_id in (kumamoto, aso):
        with pytest.raises(NotFound):
            make_client_secret(_make(tenant_id, client_id), actor=actors.municipal(aso, Role.TENANT_OWNER))
    with pytest.raises(Conflict) as of_operator:
        remove_client_secret(_remove(actors.operator_tenant, operators, 1), actor=actors.security)
    assert of_operator.value.code == "client.no_secret_of_the_operators"
    with system_transaction(OPERATOR) as session:
        session.execute(text("""UPDATE service_client SET scopes = '["moyai:audit.read"]'"""))
    admin, before = actors.municipal(kumamoto, Role.TENANT_CLIENT_ADMIN), rows("service_client")
    with pytest.raises(NotAllowed) as above:
        make_client_secret(_make(kumamoto, client_id), actor=admin)
    assert above.value.code == "client.scope_above_own"
    SECRETS_KEY.set(database, lambda: None)
    with pytest.raises(Conflict) as no_key:
        make_client_secret(_make(kumamoto, client_id), actor=actors.municipal(kumamoto, Role.TENANT_OWNER))
    assert no_key.value.code == "client.secrets_key_missing"

    assert rows("service_client") == before


def test_the_operators_systems_need_a_key(actors: Actors, factory: Factory) -> None:
    with pytest.raises(Invalid) as refusal:
        register_client(RegisterClient(tenant_id=actors.operator_tenant, name="会計"), actor=actors.security)

    assert (refusal.value.code, refusal.value.field) == ("client.key_of_operators_missing", "jwks")
    with tenant_scope(OPERATOR):
        assert queries.service_clients(db.session(), actors.operator_tenant) == []


def test_what_is_made_says_it_is_shown_once() -> None:
    assert ClientSecretMade.shown_once == {"secret"}
