"""Stopping a tenant's service client for good, and the quota that counts those that are not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, NotAllowed, NotFound
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.clients import queries
from tenancy.clients.commands import RegisterClient, register_client
from tenancy.clients.stopping import StopClient, stop_client
from tenancy.clients.suspension import ResumeClient, SuspendClient, resume_client, suspend_client
from tenancy.keycloak.keys import SigningKey
from tenancy.onboarding.intents import read_intent
from tests.actors import Actors
from tests.database_rows import recorded, rows
from tests.factories import Factory

JWKS = SigningKey.generate().public_jwks


def _stop(tenant_id: UUID, client_id: UUID) -> StopClient:
    return StopClient(tenant_id=tenant_id, client_id=client_id, reason="システムの更新")


def _register(tenant_id: UUID, name: str) -> RegisterClient:
    return RegisterClient(tenant_id=tenant_id, name=name, jwks=JWKS, scopes=("moyai:quota.read",))


def _payloads() -> list[dict[str, Any]]:
    """What the jobs have to do, in their order."""
    with tenant_scope(OPERATOR):
        return [job.payload for job in db.session.scalars(select(Job).order_by(Job.id))]


def test_a_client_that_was_stopped_for_good_frees_its_place_and_its_name_and_does_not_come_back(
    actors: Actors, factory: Factory
) -> None:
    tenant_id = factory.kumamoto_city()
    factory.define_standard()
    factory.put_on_standard(tenant_id)
    admin = actors.municipal(tenant_id, Role.TENANT_CLIENT_ADMIN)
    client_id = factory.add_service_client(tenant_id, "帳票")
    suspend_client(SuspendClient(tenant_id=tenant_id, client_id=client_id, reason="点検"), actor=admin)
    with pytest.raises(Conflict) as full:
        register_client(_register(tenant_id, "二つ目"), actor=admin)
    assert full.value.code == "quota.full", "a suspended one keeps its place"

    stop_client(_stop(tenant_id, client_id), actor=admin)

    with tenant_scope(OPERATOR):
        assert queries.service_client(db.session(), tenant_id, client_id).state == "stopped"
        assert read_intent(db.session(), tenant_id, on=clock.today(), now=clock.now()).service_clients == ()
    event = recorded("client.stopped")[-1]
    assert (event.subject, event.facts["reason"]) == (str(client_id), "システムの更新")
    assert _payloads()[-1] == {"tenant_id": str(tenant_id), "client_id": str(client_id)}
    for refused in (
        lambda: stop_client(_stop(tenant_id, client_id), actor=admin),
        lambda: resume_client(ResumeClient(tenant_id=tenant_id, client_id=client_id, reason="再開"), actor=admin),
    ):
        before = rows("service_client")
        with pytest.raises(Conflict):
            refused()
        assert rows("service_client") == before
    register_client(_register(tenant_id, "帳票"), actor=admin)


def test_who_may_not_and_who_is_of_elsewhere_stops_nothing_for_good(actors: Actors, factory: Factory) -> None:
    kumamoto, aso = factory.kumamoto_city(), factory.aso_city()
    client_id = factory.add_service_client(kumamoto)
    operators = factory.add_service_client(actors.operator_tenant)
    before = rows("service_client")

    for actor in (actors.finance, actors.onboarding, actors.municipal(kumamoto, Role.TENANT_USER_ADMIN)):
        with pytest.raises(NotAllowed):
            stop_client(_stop(kumamoto, client_id), actor=actor)
    for tenant_id in (kumamoto, aso):
        with pytest.raises(NotFound):
            stop_client(_stop(tenant_id, client_id), actor=actors.municipal(aso, Role.TENANT_OWNER))
    with pytest.raises(Conflict) as refusal:
        stop_client(_stop(actors.operator_tenant, operators), actor=actors.security)
    assert refusal.value.code == "client.stopped_elsewhere"

    assert rows("service_client") == before


def test_the_last_place_of_the_quota_is_given_once_to_four_who_ask_at_the_same_time(
    database: Flask, actors: Actors, factory: Factory
) -> None:
    tenant_id = factory.kumamoto_city()
    factory.define_standard()
    factory.put_on_standard(tenant_id)

    def attempt(number: int) -> str:
        with database.app_context():
            try:
                register_client(_register(tenant_id, f"システム{number}"), actor=actors.security)
            except Conflict as refusal:
                return refusal.code
            finally:
                db.session.remove()
            return "registered"

    with ThreadPoolExecutor(4) as together:
        outcomes = sorted(together.map(attempt, range(4)))

    assert outcomes == ["quota.full"] * 3 + ["registered"]
    assert len(rows("service_client")) == 1
