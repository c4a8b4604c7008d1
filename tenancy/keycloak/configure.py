"""Bringing the two realms to their specification, or only telling what differs.

Done by the bootstrap administrator of `master`, by a person's command, never at run time. Missing and changed things
that are declared are written; what somebody else put beside them is reported as foreign and left alone, because a hit
in a comparison is no reason to delete. One thing of Keycloak's own is deleted by its name: `offline_access`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from governance.kernel.errors import Conflict
from tenancy.keycloak.comparison import DifferenceKind, RealmDifference, differing_fields
from tenancy.keycloak.connection import Credential, RealmConnection, SecretCredential
from tenancy.keycloak.keys import key_ids
from tenancy.keycloak.login_flow import LoginFlow
from tenancy.keycloak.messages import FOREIGN_KEYS
from tenancy.keycloak.port import MANAGED_BY, Realm
from tenancy.keycloak.representations import attribute, merged
from tenancy.keycloak.specification.model import (
    REALM_MANAGEMENT,
    ClientScope,
    ClientSpecification,
    RealmSpecification,
)
from tenancy.keycloak.specification.shared import BUILT_IN_CLIENTS, OFFLINE_ACCESS, ONE_YEAR_AND_A_DAY
from tenancy.keycloak.theme import THEME, THEME_KINDS

Representation = dict[str, Any]

MASTER = "master"
MASTER_SETTINGS: Representation = {
    "bruteForceProtected": True,
    "eventsEnabled": True,
    "eventsExpiration": ONE_YEAR_AND_A_DAY,
    "adminEventsEnabled": True,
    "adminEventsDetailsEnabled": True,
    "attributes": {"adminEventsExpiration": str(ONE_YEAR_AND_A_DAY)},
}
"""What the realm of Keycloak's own administrators lacks as it comes: wrong passwords are counted, and what is done
there is kept as long as our logs."""

SETUP_TIMEOUT_SECONDS = 120.0
KEY_SET = "jwks.string"
"""The attribute of a client that holds its public keys."""


@dataclass(frozen=True, slots=True)
class ConfigurationResult:
    """What `configure` found, and what still differs when it was done. Equal where it only looked.

    `version` is the server's own; the accounts of run time cannot read it. A missing theme is reported, not refused:
    until it is there Keycloak shows its own pages.
    """

    found: tuple[RealmDifference, ...]
    remaining: tuple[RealmDifference, ...]
    writes: int
    version: str

    @property
    def in_sync(self) -> bool:
        return not self.remaining

    @property
    def lacks_theme(self) -> bool:
        """Whether people see Keycloak's own pages and mails, because the server does not have our theme."""
        return any(one.object.startswith(f"theme {THEME}/") for one in self.remaining)


def configure(
    server_url: str,
    administrator: SecretCredential,
    specifications: Iterable[RealmSpecification],
    *,
    check: bool,
    replace_keys: bool = False,
    withdrawn: frozenset[str] = frozenset(),
) -> ConfigurationResult:
    """Bring each realm to its specification; with `check` write nothing. Safe to repeat and to interrupt.

    A public key in Keycloak that is neither specified nor `withdrawn` (key ids) is another host's: unless
    `replace_keys`, it is refused with Conflict before anything is written. Raises `DependencyUnavailable` when Keycloak
    does not answer, `AccountNotAuthorized` when it does not know the administrator.
    """
    specified = tuple(specifications)
    if not (check or replace_keys):
        _refuse_foreign_keys(server_url, administrator, specified, withdrawn)
    version, without_theme = _server(server_url, administrator)
    found, writes = _reconcile(server_url, administrator, specified, write=not check)
    found = (*without_theme, *found)
    if check or not writes:
        return ConfigurationResult(found, found, 0, version)
    remaining, _ = _reconcile(server_url, administrator, specified, write=False)
    return ConfigurationResult(found, (*without_theme, *remaining), writes, version)


def _refuse_foreign_keys(
    server_url: str, administrator: Credential, specified: tuple[RealmSpecification, ...], withdrawn: frozenset[str]
) -> None:
    foreign: list[str] = []
    for specification in specified:
        connection = _connection(server_url, specification.realm, administrator)
        if connection.find("") is None:
            continue
        found = {row["clientId"]: row for row in connection.read_pages("clients")}
        for client in specification.clients:
            ours = key_ids(attribute(client.settings, KEY_SET)) | withdrawn
            if (row := found.get(client.client_id)) is None or KEY_SET not in client.settings.get("attributes", {}):
                continue
            foreign += [
                f"{specification.realm}: {client.client_id} {kid[:8]}…"
                for kid in sorted(key_ids(attribute(row, KEY_SET)) - ours)
            ]
    if foreign:
        raise Conflict(FOREIGN_KEYS, clients=", ".join(foreign))


def _compare_master(server_url: str, administrator: Credential, *, write: bool) -> tuple[list[RealmDifference], int]:
    """The differing settings of realm `master`, and the number of writes. Nothing else there is Moyai's business."""
    connection = _connection(server_url, Realm.TENANTS, administrator)
    path = f"admin/realms/{MASTER}"
    found = connection.raw_get(path).json()
    differences = [
        RealmDifference(
            realm=MASTER,
            kind=DifferenceKind.CHANGED,
            object="settings",
            field=field,
            intended=intended,
            found=present,
        )
        for field, intended, present in differing_fields(MASTER_SETTINGS, found)
    ]
    if not (write and differences):
        return differences, 0
    connection.raw_put(path, merged(found, MASTER_SETTINGS))
    return differences, 1


def remove_administrator(server_url: str, administrator: SecretCredential) -> None:
    """Delete the administrator's own client from realm `master`: its secret is then worth nothing.

    Raises `DependencyUnavailable` and `AccountNotAuthorized` as `configure` does.
    """
    connection = _connection(server_url, Realm.TENANTS, administrator)
    path = f"admin/realms/{MASTER}/clients"
    for row in connection.raw_get(path, clientId=administrator.client_id).json():
        if row["clientId"] == administrator.client_id:
            connection.raw_delete(f"{path}/{row['id']}")


def _connection(server_url: str, realm: Realm, administrator: Credential) -> RealmConnection:
    # Making a realm on a server that has just started takes seconds, on a busy machine many.
    return RealmConnection(
        server_url, realm, administrator, home_realm="master", threads=1, read_seconds=SETUP_TIMEOUT_SECONDS
    )


def _server(server_url: str, administrator: Credential) -> tuple[str, tuple[RealmDifference, ...]]:
    """The server's version, and which parts of our theme it does not have: its files are put there by its operator."""
    master = RealmConnection(server_url, Realm.TENANTS, administrator, home_realm="master", threads=1)
    facts = master.raw_get("admin/serverinfo").json()
    missing = tuple(
        RealmDifference(realm=MASTER, kind=DifferenceKind.MISSING, object=f"theme {THEME}/{kind}")
        for kind in THEME_KINDS
        if THEME not in {row["name"] for row in facts["themes"].get(kind, ())}
    )
    return str(facts["systemInfo"]["version"]), missing


def _reconcile(
    server_url: str,
    administrator: Credential,
    specified: tuple[RealmSpecification, ...],
    *,
    write: bool,
) -> tuple[tuple[RealmDifference, ...], int]:
    differences, writes = _compare_master(server_url, administrator, write=write)
    for specification in specified:
        # The token names the realms it may administer, so one asked for before a realm was made is refused there.
        connection = _connection(server_url, specification.realm, administrator)
        reconciler = RealmReconciler(connection, specification, write=write)
        reconciler.run()
        differences += reconciler.differences
        writes += reconciler.writes
    return tuple(differences), writes


class RealmReconciler:
    """One pass over one realm, comparing each declared thing and, when asked to, writing it."""

    def __init__(
        self,
        connection: RealmConnection,
        specification: RealmSpecification,
        *,
        write: bool,
    ) -> None:
        self._realm = connection
        self._specification = specification
        self._write = write
        self.differences: list[RealmDifference] = []
        self.writes = 0

    def run(self) -> None:
        """Top to bottom: each thing stands on the ones before it."""
        if not self._realm_exists():
            return
        self._compare_user_profile()
        for flow in self._specification.flows:
            LoginFlow(self._realm, flow, self._add_difference, self._apply).compare()
        self._compare_settings()
        self._compare_client_scopes()
        self._compare_clients()
        self._compare_scope_roles()
        self._compare_management_roles()
        self._find_hidden_management_roles()

    # -- the realm itself

    def _realm_exists(self) -> bool:
        if self._realm.find("") is not None:
            return True
        self._add_difference(DifferenceKind.MISSING, f"realm {self._specification.realm}")
        # The flows named in the settings do not exist yet; they are set when they do.
        bindings = {flow.binding for flow in self._specification.flows}
        settings = {name: value for name, value in self._specification.settings.items() if name not in bindings}
        body = {"realm": str(self._specification.realm), **settings}
        return self._apply(lambda: self._realm.admin.create_realm(body))

    def _compare_settings(self) -> None:
        found = self._realm.read("")
        if self._compare_fields("settings", self._specification.settings, found):
            self._apply(lambda: self._realm.replace("", merged(found, self._specification.settings)))

    def _compare_user_profile(self) -> None:
        found = self._realm.read("users/profile")
        by_name = {row["name"]: row for row in found["attributes"]}
        declared = {row["name"]: row for row in self._specification.user_profile}
        differ = [
            self._compare_fields(f"user profile {name}", row, by_name.get(name, {}))
            # A field asked for at sign-in would stop people whom Moyai has entered without it.
            or self._compare_fields(f"user profile {name}", {"required": None}, by_name.get(name, {}))
            for name, row in declared.items()
        ]
        for name in by_name.keys() - declared.keys():
            self._add_difference(DifferenceKind.FOREIGN, f"user profile {name}")
        others = [row for name, row in by_name.items() if name not in declared]
        if any(differ):
            self._apply(
                lambda: self._realm.replace(
                    "users/profile",
                    {**found, "attributes": [*declared.values(), *others]},
                )
            )

    # -- scopes

    def _compare_client_scopes(self) -> None:
        found = {row["name"]: row for row in self._realm.read("client-scopes")}
        for scope in self._specification.client_scopes:
            row = found.get(scope.name)
            if row is None:
                self._add_difference(DifferenceKind.MISSING, f"client scope {scope.name}")
                body = {
                    "name": scope.name,
                    **scope.settings,
                    "protocolMappers": list(scope.mappers),
                }
                self._create("client-scopes", body)
                continue
            if self._compare_fields(f"client scope {scope.name}", scope.settings, row):
                body = merged(row, scope.settings)
                body.pop("protocolMappers", None)
                self._replace(f"client-scopes/{row['id']}", body)
            self._compare_mappers(scope, row)
        self._withdraw_offline_access(found)

    def _withdraw_offline_access(self, scopes: Mapping[str, Representation]) -> None:
        """Delete Keycloak's scope and role of that name.

        A token that outlives its session is not ended by a log-out: nobody may ask for one or be given one.
        """
        if OFFLINE_ACCESS in scopes:
            self._add_difference(DifferenceKind.FOREIGN, f"client scope {OFFLINE_ACCESS}")
            self._delete(f"client-scopes/{scopes[OFFLINE_ACCESS]['id']}")
        if self._realm.find(f"roles/{OFFLINE_ACCESS}") is not None:
            self._add_difference(DifferenceKind.FOREIGN, f"role {OFFLINE_ACCESS}")
            self._delete(f"roles/{OFFLINE_ACCESS}")

    def _compare_mappers(self, scope: ClientScope, row: Representation) -> None:
        path = f"client-scopes/{row['id']}/protocol-mappers/models"
        found = {mapper["name"]: mapper for mapper in row.get("protocolMappers") or []}
        for mapper in scope.mappers:
            resource = f"client scope {scope.name}, mapper {mapper['name']}"
            there = found.pop(mapper["name"], None)
            if there is None:
                self._add_difference(DifferenceKind.MISSING, resource)
                self._create(path, mapper)
            elif self._compare_fields(resource, mapper, there):
                self._replace(
                    f"{path}/{there['id']}",
                    {
                        **there,
                        **mapper,
                        "config": {**there["config"], **mapper["config"]},
                    },
                )
        for name in found:
            self._add_difference(DifferenceKind.FOREIGN, f"client scope {scope.name}, mapper {name}")

    # -- clients

    def _compare_clients(self) -> None:
        found = self._clients()
        for client in self._specification.clients:
            row = found.get(client.client_id)
            if row is None:
                if client.only_if_present:
                    continue
                self._add_difference(DifferenceKind.MISSING, f"client {client.client_id}")
                if not self._create("clients", self._client_body(client)):
                    continue
            else:
                if self._compare_fields(f"client {client.client_id}", client.settings, row):
                    body = merged(row, {"clientId": client.client_id, **client.settings})
                    for apart in (
                        "protocolMappers",
                        "defaultClientScopes",
                        "optionalClientScopes",
                        "secret",
                    ):
                        body.pop(apart, None)
                    self._replace(f"clients/{row['id']}", body)
                self._compare_scopes_of(client, row)
            self._compare_roles_of(client)
        specified = {client.client_id for client in self._specification.clients}
        for name, row in found.items():
            if name not in specified | BUILT_IN_CLIENTS and attribute(row, "managed_by") != MANAGED_BY:
                self._add_difference(DifferenceKind.FOREIGN, f"client {name}")

    @staticmethod
    def _client_body(client: ClientSpecification) -> Representation:
        body = {"clientId": client.client_id, **client.settings}
        if client.default_scopes is not None:
            body["defaultClientScopes"] = sorted(client.default_scopes)
            body["optionalClientScopes"] = sorted(client.optional_scopes)
        return body

    def _compare_scopes_of(self, client: ClientSpecification, row: Representation) -> None:
        if client.default_scopes is None:
            return
        ids = {scope["name"]: scope["id"] for scope in self._realm.read("client-scopes")}
        for kind, wanted in (
            ("default", client.default_scopes),
            ("optional", client.optional_scopes),
        ):
            # Keycloak itself adds this scope to every client with a service account.
            present = set(row.get(f"{kind}ClientScopes") or ()) - {"service_account"}
            for name in sorted(wanted - present):
                self._add_difference(
                    DifferenceKind.MISSING,
                    f"client {client.client_id}, {kind} scope {name}",
                )
                if name in ids:
                    self._replace(f"clients/{row['id']}/{kind}-client-scopes/{ids[name]}")
            for name in sorted(present - wanted):
                is_former = kind == "default" and name in client.former_scopes
                self._add_difference(
                    DifferenceKind.ORPHAN if is_former else DifferenceKind.FOREIGN,
                    f"client {client.client_id}, {kind} scope {name}",
                )
                if is_former:
                    self._delete(f"clients/{row['id']}/default-client-scopes/{ids[name]}")
        for mapper in row.get("protocolMappers") or []:
            self._add_difference(
                DifferenceKind.FOREIGN,
                f"client {client.client_id}, mapper {mapper['name']}",
            )

    def _compare_roles_of(self, client: ClientSpecification) -> None:
        if not client.roles:
            return
        path = f"clients/{self._client_id(client.client_id)}/roles"
        present = {row["name"] for row in self._realm.read(path)}
        for name in sorted(client.roles - present):
            self._add_difference(DifferenceKind.MISSING, f"client {client.client_id}, role {name}")
            self._create(path, {"name": name})
        for name in sorted(present - client.roles):
            self._add_difference(DifferenceKind.FOREIGN, f"client {client.client_id}, role {name}")

    # -- which roles reach a token, and what our accounts may do

    def _compare_scope_roles(self) -> None:
        """Client scopes let only the roles through that they name; clients have no full scope."""
        ids = {row["name"]: row["id"] for row in self._realm.read("client-scopes")}
        for scope in self._specification.client_scopes:
            for client, roles in scope.roles.items():
                if scope.name in ids:
                    parent_path = f"client-scopes/{ids[scope.name]}/scope-mappings"
                    self._compare_role_mapping(parent_path, f"client scope {scope.name}", client, roles)

    def _compare_management_roles(self) -> None:
        clients = self._clients()
        for client in self._specification.clients:
            row = clients.get(client.client_id)
            if row is None or not client.management_roles:
                continue
            account = self._realm.read(f"clients/{row['id']}/service-account-user")["id"]
            resource = f"service account of {client.client_id}"
            self._compare_role_mapping(
                f"users/{account}/role-mappings",
                resource,
                REALM_MANAGEMENT,
                client.management_roles,
            )
            self._compare_role_mapping(
                f"clients/{row['id']}/scope-mappings",
                f"client {client.client_id}",
                REALM_MANAGEMENT,
                client.management_roles,
            )

    def _find_hidden_management_roles(self) -> None:
        """A role everybody has, or one of ours, that contains a management role would make administrators of people."""
        management = self._client_id(REALM_MANAGEMENT)
        for role in self._realm.read("roles"):
            if not role["composite"]:
                continue
            for contained in self._realm.read(f"roles-by-id/{role['id']}/composites/clients/{management}"):
                self._add_difference(
                    DifferenceKind.FOREIGN, f"role {role['name']}, role {REALM_MANAGEMENT}:{contained['name']}"
                )

    def _compare_role_mapping(self, parent_path: str, resource: str, client: str, wanted: frozenset[str]) -> None:
        owner = self._client_id(client)
        path = f"{parent_path}/clients/{owner}"
        present = {row["name"] for row in self._realm.read(path)}
        if missing := wanted - present:
            for name in sorted(missing):
                self._add_difference(DifferenceKind.MISSING, f"{resource}, role {client}:{name}")
            if self._write:
                known = {row["name"]: row for row in self._realm.read(f"clients/{owner}/roles")}
                self._create(path, [known[name] for name in sorted(missing)])
        for name in sorted(present - wanted):
            self._add_difference(DifferenceKind.FOREIGN, f"{resource}, role {client}:{name}")

    # -- telling and writing

    def _clients(self) -> dict[str, Representation]:
        return {row["clientId"]: row for row in self._realm.read_pages("clients")}

    def _client_id(self, client_id: str) -> str:
        return str(self._realm.read("clients", clientId=client_id)[0]["id"])

    def _compare_fields(self, resource: str, declared: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
        differ = False
        for field, wanted, got in differing_fields(declared, found):
            differ = True
            self._add_difference(DifferenceKind.CHANGED, resource, field, wanted, got)
        return differ

    def _add_difference(
        self,
        kind: DifferenceKind,
        resource: str,
        field: str | None = None,
        intended: object = None,
        found: object = None,
    ) -> None:
        self.differences.append(
            RealmDifference(
                realm=str(self._specification.realm),
                kind=kind,
                object=resource,
                field=field,
                intended=intended,
                found=found,
            )
        )

    def _create(self, path: str, body: object) -> bool:
        return self._apply(lambda: self._realm.create(path, body))

    def _replace(self, path: str, body: object = None) -> bool:
        return self._apply(lambda: self._realm.replace(path, body))

    def _delete(self, path: str) -> bool:
        return self._apply(lambda: self._realm.delete(path))

    def _apply(self, write: Callable[[], object]) -> bool:
        """Write, unless this pass only looks; answers whether it was written."""
        if self._write:
            write()
            self.writes += 1
        return self._write
