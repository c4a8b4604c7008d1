"""Reading what Keycloak holds, through the account that can only read: for plans, drift and readiness."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from governance.kernel.concurrency import ParallelMap
from governance.kernel.errors import DependencyUnavailable
from tenancy.keycloak.comparison import RealmDifference
from tenancy.keycloak.configure import RealmReconciler
from tenancy.keycloak.connection import RealmConnection
from tenancy.keycloak.organizations import find_organizations
from tenancy.keycloak.port import (
    SERVICE_CLIENT_PREFIX,
    IssuedToken,
    KeycloakTenantFacts,
    OrganizationFacts,
    Privilege,
    Realm,
    ServerFacts,
    ServiceClientFacts,
)
from tenancy.keycloak.representations import (
    organization_facts,
    person_facts,
    role_group_facts,
    service_client_facts,
)
from tenancy.keycloak.service_clients import find_service_clients
from tenancy.keycloak.specification.model import REALM_MANAGEMENT, RealmSpecification
from tenancy.keycloak.specification.shared import BACKEND_CLIENTS, PASSWORD_EVENTS, TOKEN_EVENTS

ORGANIZATION_PAGE_SIZE = 100
EVENT_PAGE_SIZE = 100
CLOCK_SECONDS = 60
"""An event is looked for from so long before the token's own time."""


class KeycloakReader:
    """The reconciler's view of both realms."""

    def __init__(self, tenants: RealmConnection, operators: RealmConnection, parallel: ParallelMap) -> None:
        self._tenants = tenants
        self._operators = operators
        self._parallel = parallel

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

    def find_organizations(self) -> tuple[OrganizationFacts, ...]:
        rows = self._tenants.read_pages("organizations", page=ORGANIZATION_PAGE_SIZE, briefRepresentation="false")
        return tuple(organization_facts(row) for row in rows)

    def find_service_clients(self) -> tuple[ServiceClientFacts, ...]:
        rows = self._tenants.read_pages("clients", clientId=SERVICE_CLIENT_PREFIX, search="true")
        return tuple(service_client_facts(row) for row in rows if row["clientId"].startswith(SERVICE_CLIENT_PREFIX))

    def has_session(self, realm: Realm, user: str, sid: str) -> bool:
        sessions = self._of(realm).find(f"users/{user}/sessions")
        return sessions is not None and any(row["id"] == sid for row in sessions)

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
