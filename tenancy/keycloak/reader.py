"""Reading what Keycloak holds, through the account that can only read: for plans, drift and readiness."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

from governance.kernel.concurrency import ParallelMap
from governance.kernel.errors import DependencyUnavailable
from tenancy.keycloak.comparison import ChangeKind, OutsideChange, RealmDifference
from tenancy.keycloak.configure import RealmReconciler
from tenancy.keycloak.connection import RealmConnection
from tenancy.keycloak.organizations import find_organizations
from tenancy.keycloak.port import (
    SERVICE_CLIENT_PREFIX,
    TENANT_ROLE_GROUPS,
    AdminChange,
    AllTenantsFacts,
    IdentityProviderFacts,
    IssuedToken,
    KeycloakTenantFacts,
    OrganizationFacts,
    Privilege,
    Realm,
    ServerFacts,
    ServiceClientFacts,
    SessionFacts,
    service_client_prefix,
)
from tenancy.keycloak.representations import (
    identity_provider_facts,
    organization_facts,
    person_facts,
    role_group_facts,
    service_client_facts,
    session_facts,
)
from tenancy.keycloak.role_holders import RoleHolders
from tenancy.keycloak.service_clients import find_service_clients
from tenancy.keycloak.specification.model import REALM_MANAGEMENT, RealmSpecification
from tenancy.keycloak.specification.shared import BACKEND_CLIENTS, PASSWORD_EVENTS, TOKEN_EVENTS

MASTER_REALM = "master"
"""The realm of the administrators of the whole server: the only one whose accounts reach into ours."""

ORGANIZATION_PAGE_SIZE = 100
EVENT_PAGE_SIZE = 100
ADMIN_EVENT_PAGE_SIZE = 500
CLOCK_SECONDS = 60
"""An event is looked for from so long before the token's own time."""


class KeycloakReader:
    """The reconciler's view of both realms."""

    def __init__(self, tenants: RealmConnection, operators: RealmConnection, parallel: ParallelMap) -> None:
        self._tenants = tenants
        self._operators = operators
        self._parallel = parallel
        self._holders = RoleHolders(tenants, parallel)

    def describe_server(self) -> ServerFacts:
        try:
            self._tenants.read("")
        except DependencyUnavailable:
            return ServerFacts(ready=False)
        return ServerFacts(ready=True)

    def describe_tenant(self, tenant_id: UUID, holders_of: Collection[str]) -> KeycloakTenantFacts:
        organizations = find_organizations(self._tenants, tenant_id)
        clients = tuple(service_client_facts(row) for row in find_service_clients(self._tenants, tenant_id))
        if not organizations:
            return KeycloakTenantFacts(None, service_clients=clients)
        organization = organization_facts(organizations[0])
        below = f"organizations/{organization.id}"
        groups = [role_group_facts(row) for row in self._pages(f"{below}/groups")]
        read = {group.name: group.id for group in groups if group.name in holders_of}
        found = self._parallel.map(lambda group: self._pages(f"{below}/groups/{group}/members"), read.values())
        holders = {name: {row["id"] for row in rows} for name, rows in zip(read, found, strict=True)}
        people = tuple(
            person_facts(row, frozenset(name for name, ids in holders.items() if row["id"] in ids))
            for row in self._pages(f"{below}/members")
        )
        return KeycloakTenantFacts(organization, tuple(groups), people, clients)

    def describe_tenants(self, tenant_ids: Sequence[UUID]) -> AllTenantsFacts:
        organizations, clients = self._find_organizations(), self._find_service_clients()
        of_tenant = {facts.tenant_id: facts for facts in reversed(organizations)}
        there = {one: of_tenant[str(one)] for one in tenant_ids if str(one) in of_tenant}
        questions = [(facts.id, what) for facts in there.values() for what in ("groups", "members")]
        answers = self._parallel.map(lambda asked: self._pages(f"organizations/{asked[0]}/{asked[1]}"), questions)
        rows = dict(zip(questions, answers, strict=True))
        groups = {facts.id: [role_group_facts(row) for row in rows[facts.id, "groups"]] for facts in there.values()}
        holders = self._holders.read(
            {
                organization: {group.name: group.id for group in found if group.name in TENANT_ROLE_GROUPS}
                for organization, found in groups.items()
            }
        )
        tenants = {}
        for tenant_id in tenant_ids:
            prefix = service_client_prefix(tenant_id)
            own_clients = tuple(one for one in clients if one.client_id.startswith(prefix))
            organization = there.get(tenant_id)
            if organization is None:
                tenants[tenant_id] = KeycloakTenantFacts(None, service_clients=own_clients)
                continue
            held = holders[organization.id]
            people = tuple(
                person_facts(row, frozenset(name for name, ids in held.items() if row["id"] in ids))
                for row in rows[organization.id, "members"]
            )
            tenants[tenant_id] = KeycloakTenantFacts(organization, tuple(groups[organization.id]), people, own_clients)
        return AllTenantsFacts(organizations, clients, tenants)

    def _find_organizations(self) -> tuple[OrganizationFacts, ...]:
        rows = self._tenants.read_pages("organizations", page=ORGANIZATION_PAGE_SIZE, briefRepresentation="false")
        return tuple(organization_facts(row) for row in rows)

    def _find_service_clients(self) -> tuple[ServiceClientFacts, ...]:
        rows = self._tenants.read_pages("clients", clientId=SERVICE_CLIENT_PREFIX, search="true")
        return tuple(service_client_facts(row) for row in rows if row["clientId"].startswith(SERVICE_CLIENT_PREFIX))

    def find_identity_providers(self) -> tuple[IdentityProviderFacts, ...]:
        rows = self._tenants.read_pages("identity-provider/instances", briefRepresentation="false")
        mappers = self._parallel.map(
            lambda row: self._tenants.read(f"identity-provider/instances/{quote(row['alias'])}/mappers"), rows
        )
        return tuple(identity_provider_facts(row, found) for row, found in zip(rows, mappers, strict=True))

    def has_session(self, realm: Realm, user: str, sid: str) -> bool:
        return any(session.sid == sid for session in self.find_sessions(realm, user))

    def find_sessions(self, realm: Realm, user: str) -> tuple[SessionFacts, ...]:
        return tuple(session_facts(row) for row in self._of(realm).find(f"users/{user}/sessions") or ())

    def was_issued(self, realm: Realm, token: IssuedToken) -> bool:
        rows = self._of(realm).read_pages(
            "events",
            page=EVENT_PAGE_SIZE,
            type=TOKEN_EVENTS,
            client=token.client,
            user=token.user,
            dateFrom=(token.issued_at - CLOCK_SECONDS) * 1000,
        )
        return any(
            row.get("sessionId") == token.sid and (row.get("details") or {}).get("token_id") == token.token_id
            for row in rows
        )

    def find_outdated_sessions(self, realm: Realm, since: datetime) -> tuple[str, ...]:
        connection = self._of(realm)
        rows = connection.read_pages(
            "events", page=EVENT_PAGE_SIZE, type=PASSWORD_EVENTS, dateFrom=int(since.timestamp() * 1000)
        )
        set_at: dict[str, int] = {}
        for row in rows:
            if (row.get("details") or {}).get("credential_type", "password") == "password" and "userId" in row:
                set_at[row["userId"]] = max(row["time"], set_at.get(row["userId"], 0))
        return tuple(
            session["id"]
            for user, at in set_at.items()
            for session in connection.find(f"users/{user}/sessions") or ()
            if session["start"] // 1000 < at // 1000
        )

    def find_outside_changes(self, since: datetime) -> tuple[AdminChange, ...]:
        found = [*self._outside_changes(self._tenants, since), *self._outside_changes(self._operators, since)]
        return tuple(sorted(found, key=lambda one: one.change.at, reverse=True))

    def _outside_changes(self, connection: RealmConnection, since: datetime) -> list[AdminChange]:
        rows = connection.read_pages("admin-events", page=ADMIN_EVENT_PAGE_SIZE, dateFrom=int(since.timestamp() * 1000))
        if not rows:
            return []
        # An event names the account by Keycloak's ids: those of this realm are looked up, once each.
        realm_id = connection.read("")["id"]
        clients = connection.read_pages("clients", clientId="moyai-", search="true")
        ours = {row["id"] for row in clients if row["clientId"] in BACKEND_CLIENTS}
        names: dict[str, str] = {}
        found = []
        for row in rows:
            by = row.get("authDetails") or {}
            is_local = by.get("realmId") in (realm_id, str(connection.realm))
            if (is_local and by.get("clientId") in ours) or row.get("error"):
                continue
            user = str(by.get("userId") or "")
            if is_local and user not in names:
                account = connection.find(f"users/{user}") if user else None
                names[user] = user if account is None else str(account["username"])
            found.append(_admin_change(connection.realm, row, names.get(user, user) if is_local else user, is_local))
        return found

    def _of(self, realm: Realm) -> RealmConnection:
        return self._tenants if realm is Realm.TENANTS else self._operators

    def find_realm_differences(self, specified: Iterable[RealmSpecification]) -> tuple[RealmDifference, ...]:
        found: list[RealmDifference] = []
        for specification in specified:
            compared = RealmReconciler(self._of(specification.realm), specification, write=False)
            compared.run()
            found += compared.differences
        return tuple(found)

    def find_privileges(self) -> tuple[Privilege, ...]:
        return (*self._privileges(self._tenants), *self._privileges(self._operators))

    def _privileges(self, connection: RealmConnection) -> list[Privilege]:
        """Who is directly given a role of `realm-management`. Roles that contain such roles, `configure` looks at."""
        client = connection.read("clients", clientId=REALM_MANAGEMENT)[0]["id"]
        roles = [row["name"] for row in connection.read(f"clients/{client}/roles")]
        questions = [(role, kind) for role in roles for kind in ("users", "groups")]
        answers = self._parallel.map(
            lambda question: connection.read_pages(f"clients/{client}/roles/{question[0]}/{question[1]}"), questions
        )
        ours = {f"service-account-{name}" for name in BACKEND_CLIENTS}
        return [
            Privilege(connection.realm, holder, "user" if kind == "users" else "group", role)
            for (role, kind), rows in zip(questions, answers, strict=True)
            for row in rows
            if (holder := str(row.get("username") or row.get("path") or row["id"])) not in ours
        ]

    def _pages(self, path: str) -> list[dict[str, Any]]:
        return self._tenants.read_pages(path, briefRepresentation="false")


def _admin_change(realm: Realm, row: Mapping[str, Any], account: str, is_local: bool) -> AdminChange:
    """The event as the port says it. What was written is read as far as it is an object."""
    try:
        written = json.loads(row.get("representation") or "{}")
    except ValueError:
        written = {}
    by = row.get("authDetails") or {}
    return AdminChange(
        realm=realm,
        resource_type=str(row.get("resourceType") or ""),
        path=str(row.get("resourcePath") or ""),
        written=written if isinstance(written, dict) else {},
        username=(row.get("details") or {}).get("username"),
        change=OutsideChange(
            at=datetime.fromtimestamp(row["time"] / 1000, UTC),
            operation=ChangeKind(str(row["operationType"]).lower()),
            realm=str(realm) if is_local else MASTER_REALM,
            account=account,
            ip_address=str(by.get("ipAddress") or ""),
        ),
    )
