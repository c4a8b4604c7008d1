"""Each of the backend's accounts may do its part and is refused the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tenancy.keycloak.calls import CallLog, counted_calls, observed_by
from tenancy.keycloak.connection import AccountNotAuthorized, KeyCredential, RealmConnection
from tenancy.keycloak.keys import SigningKey
from tenancy.keycloak.port import Realm
from tests.tenancy.keycloak.installation import Installation

Operation = Callable[[RealmConnection], object]

OPERATIONS: dict[str, Operation] = {
    "change the realm": lambda account: account.replace("", {"registrationAllowed": True}),
    "make a client": lambda account: account.create("clients", {"clientId": "never"}),
    "list clients": lambda account: account.read("clients", clientId="moyai-api"),
    "make a user": lambda account: account.create("users", {"username": "never"}),
    "list users": lambda account: account.read("users", max=1),
    "make an organization": lambda account: account.create("organizations", {"name": "never", "alias": "never"}),
    "make a realm role": lambda account: account.create("roles", {"name": "never"}),
    "add an identity provider": lambda account: account.create(
        "identity-provider/instances", {"alias": "never", "providerId": "oidc"}
    ),
    "read events": lambda account: account.read("admin-events", max=1),
    "empty events": lambda account: account.delete("admin-events"),
    "import into the realm": lambda account: account.create("partialImport", {"ifResourceExists": "SKIP", "users": []}),
}

DENIED = {
    "moyai-people": set(OPERATIONS) - {"make a user", "list users", "make an organization", "add an identity provider"},
    "moyai-clients": set(OPERATIONS) - {"make a client", "list clients"},
    "moyai-reconciler": set(OPERATIONS) - {"list clients", "list users", "read events"},
}


@pytest.mark.parametrize(
    ("account", "operation"),
    [(account, operation) for account, operations in DENIED.items() for operation in sorted(operations)],
)
def test_an_account_is_denied_what_is_not_its_part(installation: Installation, account: str, operation: str) -> None:
    with counted_calls() as calls, pytest.raises(AccountNotAuthorized):
        OPERATIONS[operation](installation.as_account(account))

    assert calls.calls[-1].status == 403


@pytest.mark.parametrize(
    ("account", "realm", "roles"),
    [
        ("moyai-people", Realm.TENANTS, {"manage-users", "manage-organizations", "manage-identity-providers"}),
        ("moyai-clients", Realm.TENANTS, {"manage-clients"}),
        (
            "moyai-reconciler",
            Realm.TENANTS,
            {"view-users", "view-organizations", "view-realm", "view-clients", "view-events"}
            | {"view-identity-providers"},
        ),
        ("moyai-people", Realm.OPERATORS, {"manage-users"}),
        ("moyai-reconciler", Realm.OPERATORS, {"view-users", "view-realm", "view-clients", "view-events"}),
    ],
)
def test_an_account_holds_exactly_its_roles(
    installation: Installation, account: str, realm: Realm, roles: set[str]
) -> None:
    administrator = installation.as_administrator(realm)
    client = administrator.read("clients", clientId=account)[0]
    user = administrator.read(f"clients/{client['id']}/service-account-user")["id"]

    mapped = administrator.read(f"users/{user}/role-mappings")["clientMappings"]

    assert {row["name"] for row in mapped["realm-management"]["mappings"]} == roles
    assert client["clientAuthenticatorType"] == "client-jwt"
    assert client["fullScopeAllowed"] is False


def test_people_cannot_make_themselves_more(installation: Installation) -> None:
    administrator, people = installation.as_administrator(), installation.as_account("moyai-people")
    client = administrator.read("clients", clientId="moyai-people")[0]["id"]
    user = administrator.read(f"clients/{client}/service-account-user")["id"]
    management = administrator.read("clients", clientId="realm-management")[0]["id"]
    realm_admin = administrator.read(f"clients/{management}/roles/realm-admin")

    with pytest.raises(AccountNotAuthorized):
        people.create(f"users/{user}/role-mappings/clients/{management}", [realm_admin])


def test_an_account_of_one_realm_is_nobody_in_the_other(installation: Installation) -> None:
    visiting = RealmConnection(
        installation.server.url,
        Realm.OPERATORS,
        KeyCredential("moyai-people", installation.keys.people),
        home_realm=Realm.TENANTS,
    )

    with pytest.raises(AccountNotAuthorized):
        visiting.read("users", max=1)


def test_another_key_is_not_believed(installation: Installation) -> None:
    stranger = RealmConnection(
        installation.server.url, Realm.TENANTS, KeyCredential("moyai-people", SigningKey.generate())
    )

    with pytest.raises(AccountNotAuthorized):
        stranger.read("users", max=1)


def test_twenty_threads_that_find_no_token_ask_for_one(installation: Installation) -> None:
    account = installation.as_account("moyai-people")
    log, together = CallLog(), threading.Barrier(20)

    def read() -> None:
        with observed_by(log):
            together.wait()
            account.read("users", max=1)

    threads = [threading.Thread(target=read) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [call.status for call in log.calls if call.is_token] == [200]
    assert [call.status for call in log.calls if not call.is_token] == [200] * 20


def test_a_token_that_was_withdrawn_is_replaced_once(installation: Installation) -> None:
    account = installation.as_account("moyai-people")
    account.read("users", max=1)
    administrator = installation.as_administrator()
    client = administrator.read("clients", clientId="moyai-people")[0]["id"]
    user = administrator.read(f"clients/{client}/service-account-user")["id"]
    # Sessions end; the token in hand does too.
    administrator.create(f"users/{user}/logout", None)

    with counted_calls() as calls:
        account.read("users", max=1)

    assert calls.calls[-1].status == 200
    assert len([call for call in calls.calls if call.is_token]) <= 1
