"""A system of the operator's and a real Keycloak: approved, made by `moyai keycloak configure`, let in by its key."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from admin.identity.realms import realm_endpoints
from admin.operations.settings import Settings
from governance.actors import Actor, ActorKind
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.ids import new_id
from governance.permissions import Role
from tenancy.clients import queries
from tenancy.clients.commands import (
    ClientRegistered,
    RegisterClient,
    StopOperatorClient,
    register_client,
    stop_operator_client,
)
from tenancy.keycloak.keys import ASSERTION_TYPE, SigningKey
from tenancy.keycloak.port import Realm
from tests.admin.live_app import LiveApp
from tests.database_rows import recorded
from tests.second_person import approved
from tests.tenancy.keycloak.installation import Installation

ROOT = Path(__file__).parents[3]


def configure(settings: Settings, installation: Installation, *words: str) -> dict[str, Any]:
    """`moyai keycloak configure` as the operator's machine runs it; exit code 0."""
    environment = {name: os.environ[name] for name in ("PATH", "XDG_CONFIG_HOME")} | {"PYTHONPATH": str(ROOT)}
    environment |= installation.environment() | settings.as_environment()
    done = subprocess.run(
        [sys.executable, "-m", "admin.cli", "keycloak", "configure", "--json", *words],
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def ask_for_token(settings: Settings, client_name: str, key: SigningKey) -> httpx.Response:
    realm = realm_endpoints(settings.keycloak_url)[Realm.OPERATORS]
    return httpx.post(
        realm.token,
        data={
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": key.assertion(client_name, realm.issuer),
        },
    )


def test_a_system_of_the_operators_is_let_in_by_its_key_within_its_scopes(
    live_app: LiveApp, installation: Installation
) -> None:
    actors, key = live_app.factory.actors, SigningKey.generate()
    tenant_id = actors.operator_tenant
    command = RegisterClient(
        tenant_id=tenant_id, name="財務会計システム", jwks=key.public_jwks, scopes=("moyai:ledger.read",)
    )
    client = approved(register_client, command, ClientRegistered, actor=actors.onboarding, by=actors.security)
    assert ask_for_token(live_app.settings, client.client_name, key).status_code == 401

    made = configure(live_app.settings, installation)

    assert made["operator_clients"] == [client.client_name]
    assert f"client {client.client_name}" in [one["object"] for one in made["repaired"]]
    with tenant_scope(OPERATOR):
        assert queries.service_client(db.session(), tenant_id, client.client_id).state.value == "active"
    assert [event.subject for event in recorded("client.synced")] == [str(client.client_id)]
    again = configure(live_app.settings, installation)
    assert (again["writes"], again["in_sync"]) == (0, True)

    answer = ask_for_token(live_app.settings, client.client_name, key)
    assert answer.status_code == 200, answer.text
    with httpx.Client(headers={"Authorization": f"Bearer {answer.json()['access_token']}"}) as caller:
        statuses = {
            path: caller.get(f"{live_app.url}/api/v1{path}").status_code
            for path in ("/me", "/ledger/books?fiscal_year=2025", "/audit-events", "/tenants")
        }
        assert statuses == {"/me": 200, "/ledger/books?fiscal_year=2025": 200, "/audit-events": 403, "/tenants": 403}
        assert caller.get(f"{live_app.url}/api/v1/me").json()["kind"] == "client"

        security = Actor(str(new_id()), ActorKind.PERSON, tenant_id, frozenset({Role.OPERATOR_SECURITY}))
        stop_operator_client(StopOperatorClient(client_id=client.client_id, reason="鍵の交換"), actor=security)

        assert caller.get(f"{live_app.url}/api/v1/me").status_code == 401
    assert configure(live_app.settings, installation)["writes"] == 1
    assert ask_for_token(live_app.settings, client.client_name, key).status_code == 401
