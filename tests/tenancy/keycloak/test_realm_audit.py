"""Both realms, looked at by kcwarden: no finding of high severity, and nothing left open that nobody of ours uses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tenancy.keycloak.port import Realm
from tests.tenancy.keycloak.installation import Installation


def findings(realm: dict[str, Any], folder: Path) -> set[tuple[str, str, str]]:
    """What kcwarden finds in the export of a realm from high severity on: severity, rule, name of the object."""
    export = folder / "realm.json"
    export.write_text(json.dumps(realm), encoding="utf-8")
    command = [sys.executable, "-m", "kcwarden.cli", "audit", "--format", "json", "--min-severity", "HIGH", str(export)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {(found["severity"], found["reporting_auditor"], found["entity"]) for found in json.loads(done.stdout)}


@pytest.fixture(params=list(Realm))
def exported(request: pytest.FixtureRequest, installation: Installation) -> dict[str, Any]:
    """A realm with its clients, scopes and roles, as its administrator exports it."""
    connection = installation.as_administrator(request.param)
    path = f"admin/realms/{request.param}/partial-export?exportClients=true&exportGroupsAndRoles=true"
    realm: dict[str, Any] = connection.raw_post(path, None).json()
    return realm


def test_kcwarden_finds_nothing_of_high_severity(exported: dict[str, Any], tmp_path: Path) -> None:
    assert findings(exported, tmp_path) == set()


def test_kcwarden_would_find_it(exported: dict[str, Any], tmp_path: Path) -> None:
    """The same export with the account pages as Keycloak makes them."""
    (account,) = [client for client in exported["clients"] if client["clientId"] == "account"]
    account.update(enabled=True, standardFlowEnabled=True)

    assert [name for _, _, name in findings(exported, tmp_path)] == ["account"]


def test_nobody_is_given_a_token_that_outlives_the_session(exported: dict[str, Any]) -> None:
    assert "offline_access" not in {scope["name"] for scope in exported["clientScopes"]}
    assert "offline_access" not in {role["name"] for role in exported["roles"]["realm"]}


def test_the_clients_of_keycloak_itself_are_closed(exported: dict[str, Any]) -> None:
    # The last one is Keycloak's own, for its pages when somebody comes there from no client.
    used = {"broker", "realm-management", "_system"}
    kept_open = {
        client["clientId"]
        for client in exported["clients"]
        if client["enabled"]
        and not client["clientId"].startswith(("moyai-", "svc-"))
        and client["clientId"] not in used
    }

    assert kept_open == set()
