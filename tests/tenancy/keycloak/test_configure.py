"""The realms' specification: applied twice, spoiled by hand, looked at without touching."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from admin.features.system.keycloak_cli import keycloak
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.calls import counted_calls
from tenancy.keycloak.comparison import DifferenceKind
from tenancy.keycloak.drift import privilege_drift
from tenancy.keycloak.keys import load_or_create_keys
from tenancy.keycloak.port import Realm
from tests.tenancy.keycloak.installation import Installation, Municipality


def test_configuring_again_writes_nothing_and_finds_nothing(installation: Installation) -> None:
    with counted_calls() as calls:
        again = installation.configure()

    assert again.found == again.remaining == ()
    assert again.writes == 0
    assert calls.writes == []
    assert again.version.startswith("26.7")


def test_what_was_spoiled_by_hand_is_reported_by_check_and_repaired_by_configure(installation: Installation) -> None:
    by_hand = installation.as_administrator()
    by_hand.replace("", {**by_hand.read(""), "failureFactor": 99, "registrationAllowed": True})
    console = by_hand.read("clients", clientId="moyai-console")[0]
    by_hand.replace(f"clients/{console['id']}", {**console, "redirectUris": ["*"]})
    api = by_hand.read("clients", clientId="moyai-api")[0]
    by_hand.delete(f"clients/{api['id']}/roles/tenant-auditor")

    with counted_calls() as calls:
        reported = installation.configure(check=True)
    assert calls.writes == []
    assert {(d.realm, str(d.kind), d.object, d.field) for d in reported.remaining} == {
        ("moyai", "changed", "settings", "failureFactor"),
        ("moyai", "changed", "settings", "registrationAllowed"),
        ("moyai", "changed", "client moyai-console", "redirectUris"),
        ("moyai", "missing", "client moyai-api, role tenant-auditor", None),
    }

    repaired = installation.configure()

    assert repaired.in_sync
    assert by_hand.read("")["failureFactor"] == 5
    assert installation.configure(check=True).in_sync


def test_what_somebody_put_beside_ours_is_reported_and_left_alone(installation: Installation) -> None:
    by_hand = installation.as_administrator()
    client = by_hand.create("clients", {"clientId": "somebodys-own"})
    scope = next(row for row in by_hand.read("client-scopes") if row["name"] == "moyai-api")
    mappers = f"client-scopes/{scope['id']}/protocol-mappers/models"
    mapper = by_hand.create(
        mappers,
        {
            "name": "everybody an owner",
            "protocol": "openid-connect",
            "protocolMapper": "oidc-hardcoded-role-mapper",
            "config": {"role": "moyai-api.tenant-owner"},
        },
    )

    try:
        reported = installation.configure()
        assert not reported.in_sync
        assert {(d.kind, d.object) for d in reported.remaining} == {
            (DifferenceKind.FOREIGN, "client somebodys-own"),
            (DifferenceKind.FOREIGN, "client scope moyai-api, mapper everybody an owner"),
        }
        assert by_hand.read("clients", clientId="somebodys-own")
    finally:
        by_hand.delete(f"clients/{client}")
        by_hand.delete(f"{mappers}/{mapper}")
    assert installation.configure(check=True).in_sync


def test_a_login_flow_somebody_rearranged_is_built_anew(installation: Installation) -> None:
    by_hand = installation.as_administrator()
    steps = by_hand.read("authentication/flows/moyai-browser/executions")
    factor = next(step for step in steps if step.get("providerId") == "auth-otp-form")
    by_hand.delete(f"authentication/executions/{factor['id']}")

    reported = installation.configure(check=True)
    repaired = installation.configure()

    assert [(d.kind, d.object, d.field) for d in reported.remaining] == [
        (DifferenceKind.CHANGED, "flow moyai-browser", "steps")
    ]
    assert repaired.in_sync
    assert by_hand.read("")["browserFlow"] == "moyai-browser"


def test_nobody_but_the_backends_accounts_may_administer_our_realms(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality
) -> None:
    assert identities.find_privileges() == ()
    municipality.onboard(identities)
    found = identities.ensure_people(municipality.tenant_id, [municipality.person()])[0].found
    by_hand = installation.as_administrator()
    management = by_hand.read("clients", clientId="realm-management")[0]["id"]
    role = by_hand.read(f"clients/{management}/roles/manage-users")
    mapping = f"users/{found.id}/role-mappings/clients/{management}"
    by_hand.create(mapping, [role])
    group = by_hand.create("groups", {"name": "administrators"})
    by_hand.create(f"groups/{group}/role-mappings/clients/{management}", [role])

    try:
        reported = privilege_drift(identities.find_privileges())
    finally:
        by_hand.delete(mapping, [role])
        by_hand.delete(f"groups/{group}")

    assert {(d.tenant, d.kind, d.object) for d in reported} == {
        ("moyai", DifferenceKind.FOREIGN, f"user {found.username}, role realm-management:manage-users"),
        ("moyai", DifferenceKind.FOREIGN, "group /administrators, role realm-management:manage-users"),
    }
    assert identities.find_privileges() == ()


def test_a_role_everybody_has_may_not_contain_a_management_role(installation: Installation) -> None:
    by_hand = installation.as_administrator(Realm.OPERATORS)
    management = by_hand.read("clients", clientId="realm-management")[0]["id"]
    role = by_hand.read(f"clients/{management}/roles/view-users")
    by_hand.create("roles/default-roles-moyai-operators/composites", [role])

    reported = installation.configure(check=True)
    by_hand.delete("roles/default-roles-moyai-operators/composites", [role])

    assert [d.object for d in reported.remaining] == [
        "role default-roles-moyai-operators, role realm-management:view-users"
    ]


@pytest.mark.parametrize(
    ("realm", "setting", "value"),
    [
        (realm, setting, value)
        for realm in Realm
        for setting, value in {
            "organizationsEnabled": realm is Realm.TENANTS,
            "registrationAllowed": False,
            "bruteForceProtected": True,
            "failureFactor": 5,
            "defaultLocale": "ja",
            "accessTokenLifespan": 300,
            "revokeRefreshToken": True,
            "eventsEnabled": True,
            "adminEventsDetailsEnabled": True,
        }.items()
    ],
)
def test_a_realm_keeps_the_security_settings(
    installation: Installation, realm: Realm, setting: str, value: object
) -> None:
    assert installation.as_administrator(realm).read("")[setting] == value


def test_keys_are_made_once_and_are_their_owners_alone(home: Path) -> None:
    first = load_or_create_keys(home / "keys")
    again = load_or_create_keys(home / "keys")

    assert again == first
    assert len({first.people.kid, first.clients.kid, first.reconciler.kid, first.console.kid}) == 4
    assert stat.S_IMODE((home / "keys").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (home / "keys").iterdir()} == {0o600}
    assert "PRIVATE" not in repr(first)
    assert '"d"' not in first.people.public_jwks


# ---- the command line ------------------------------------------------------------------------------------------------


def test_the_command_answers_one_object_and_zero_when_in_sync(installation: Installation) -> None:
    answer = CliRunner().invoke(keycloak, ["configure", "--check", "--json"], env=installation.environment())

    assert answer.exit_code == 0, answer.output
    reported = json.loads(answer.stdout)
    assert reported["in_sync"] is True
    assert reported["differences"] == []
    assert reported["writes"] == 0


def test_the_command_answers_one_when_something_differs(installation: Installation) -> None:
    by_hand = installation.as_administrator()
    by_hand.replace("", {**by_hand.read(""), "rememberMe": True})

    checked = CliRunner().invoke(keycloak, ["configure", "--check", "--json"], env=installation.environment())
    repaired = CliRunner().invoke(keycloak, ["configure", "--json"], env=installation.environment())

    remember_me = {
        "realm": "moyai",
        "kind": "changed",
        "object": "settings",
        "field": "rememberMe",
        "intended": False,
        "found": True,
    }
    assert checked.exit_code == 1
    assert json.loads(checked.stdout)["differences"] == [remember_me]
    assert repaired.exit_code == 0
    assert json.loads(repaired.stdout)["repaired"] == [remember_me]


def test_realm_master_limits_wrong_passwords_and_keeps_events(installation: Installation) -> None:
    by_hand = installation.as_administrator()
    found = by_hand.raw_get("admin/realms/master").json()
    by_hand.raw_put("admin/realms/master", {**found, "bruteForceProtected": False, "eventsEnabled": False})

    reported = installation.configure(check=True)
    repaired = installation.configure()

    assert [(d.realm, d.object, d.field) for d in reported.remaining] == [
        ("master", "settings", "bruteForceProtected"),
        ("master", "settings", "eventsEnabled"),
    ]
    assert repaired.in_sync
    now = by_hand.raw_get("admin/realms/master").json()
    assert (now["bruteForceProtected"], now["eventsEnabled"], now["adminEventsEnabled"]) == (True, True, True)
    assert now["eventsExpiration"] == 366 * 24 * 60 * 60
    # What else is set there is nobody's of ours.
    assert {**found, **{name: now[name] for name in ("bruteForceProtected", "eventsEnabled")}} == now


def test_the_administrators_client_is_removed_when_that_is_asked_for_and_all_is_as_specified(
    installation: Installation,
) -> None:
    by_hand, clients = installation.as_administrator(), "admin/realms/master/clients"
    temporary = {"clientId": "temporary", "secret": "of-this-test-only", "serviceAccountsEnabled": True}
    made = by_hand.raw_post(clients, temporary).headers["Location"].rsplit("/", 1)[-1]
    account = by_hand.raw_get(f"{clients}/{made}/service-account-user").json()["id"]
    role = by_hand.raw_get("admin/realms/master/roles/admin").json()
    by_hand.raw_post(f"admin/realms/master/users/{account}/role-mappings/realm", [role])
    env = installation.environment() | {
        "MOYAI_KEYCLOAK_CLIENT_ID": "temporary",
        "MOYAI_KEYCLOAK_CLIENT_SECRET": "of-this-test-only",
    }

    both = CliRunner().invoke(keycloak, ["configure", "--check", "--remove-administrator"], env=env)
    assert both.exit_code == 2
    assert by_hand.raw_get(clients, clientId="temporary").json()
    done = CliRunner().invoke(keycloak, ["configure", "--remove-administrator", "--json"], env=env)
    again = CliRunner().invoke(keycloak, ["configure", "--json"], env=env)

    assert done.exit_code == 0, done.output
    assert by_hand.raw_get(clients, clientId="temporary").json() == []
    assert by_hand.raw_get(clients, clientId=installation.server.administrator_client_id).json()
    assert again.exit_code == 1
    assert json.loads(again.stdout)["error"]["code"] == "keycloak.not_permitted"


def test_the_embedded_keycloaks_administrator_is_not_removed(home: Path) -> None:
    env = {"MOYAI_HOME": str(home)}

    answer = CliRunner().invoke(keycloak, ["configure", "--remove-administrator", "--json"], env=env)

    assert (answer.exit_code, json.loads(answer.stdout)["error"]["code"]) == (1, "keycloak.administrator_needed")


def test_the_command_answers_three_when_keycloak_is_away(installation: Installation) -> None:
    away = installation.environment() | {"KEYCLOAK_URL": "http://127.0.0.1:9"}

    answer = CliRunner().invoke(keycloak, ["configure", "--json"], env=away)

    assert answer.exit_code == 3


def test_the_command_answers_two_when_no_administrator_is_named(installation: Installation) -> None:
    unnamed = installation.environment() | {"MOYAI_KEYCLOAK_CLIENT_ID": "", "MOYAI_KEYCLOAK_CLIENT_SECRET": ""}

    answer = CliRunner().invoke(keycloak, ["configure", "--json"], env=unnamed)

    assert answer.exit_code == 2
