"""Organizations and their role groups: one organization per tenant, one group per role."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from governance.kernel.concurrency import ParallelMap
from governance.kernel.errors import Conflict, Invalid
from tenancy.keycloak.adoption import create_or_adopt
from tenancy.keycloak.connection import RealmConnection, ResourceMissing
from tenancy.keycloak.messages import (
    MEMBERS_LEFT,
    NOT_CONFIGURED,
    ORGANIZATION_MISSING,
    ORGANIZATION_NOT_OURS,
    ORGANIZATION_TAKEN,
    TOO_LONG,
)
from tenancy.keycloak.port import (
    MANAGED_BY,
    TENANT_ROLE_GROUPS,
    EnsureOutcome,
    EnsureResult,
    OrganizationFacts,
    OrganizationIntent,
    RoleGroupFacts,
)
from tenancy.keycloak.representations import (
    API_CLIENT,
    merged,
    organization_body,
    organization_changes,
    organization_facts,
    role_group_facts,
)

MAX_LENGTH = 255
"""Characters of an attribute or name; Keycloak answers 500 to a longer one."""


@dataclass(frozen=True, slots=True)
class RoleIds:
    """Keycloak's ids of client `moyai-api` and its roles in one realm."""

    client: str
    roles: dict[str, str]


class RoleCatalogue:
    """The ids a role mapping needs, read once per process; the account that writes people may not read them."""

    def __init__(self, reader: RealmConnection) -> None:
        self._reader = reader
        self._known: RoleIds | None = None
        self._reading = threading.Lock()

    def read(self) -> RoleIds:
        with self._reading:
            if self._known is None:
                clients = self._reader.read("clients", clientId=API_CLIENT)
                if not clients:
                    raise Conflict(NOT_CONFIGURED, realm=self._reader.realm, missing=API_CLIENT)
                client = clients[0]["id"]
                roles = {row["name"]: row["id"] for row in self._reader.read(f"clients/{client}/roles")}
                self._known = RoleIds(client, roles)
            return self._known

    def mapping(self, roles: set[str] | frozenset[str]) -> list[dict[str, str]]:
        """The body of a role mapping; the server wants id and name."""
        known = self.read()
        if missing := roles - known.roles.keys():
            raise Conflict(
                NOT_CONFIGURED,
                realm=self._reader.realm,
                missing=", ".join(sorted(missing)),
            )
        return [{"id": known.roles[role], "name": role} for role in sorted(roles)]

    def invalidate(self) -> None:
        with self._reading:
            self._known = None


class Organizations:
    """The organizations of realm `moyai`, through the account that may write people and organizations."""

    def __init__(
        self,
        people: RealmConnection,
        catalogue: RoleCatalogue,
        parallel: ParallelMap,
    ) -> None:
        self._people = people
        self._catalogue = catalogue
        self._parallel = parallel
        # An organization's id never changes while it exists; whoever is answered 404 forgets it and looks anew.
        self._ids: dict[UUID, str] = {}
        self._groups: dict[UUID, dict[str, str]] = {}

    def ensure(self, intent: OrganizationIntent) -> EnsureResult[OrganizationFacts]:
        check_length("name", intent.title)
        check_length("code", intent.code)
        row = self._find(intent.tenant_id)
        if row is None:
            row = create_or_adopt(
                lambda: self._people.create("organizations", organization_body(intent)),
                lambda: self._find(intent.tenant_id),
                already_exists=lambda: Conflict(ORGANIZATION_TAKEN, title=intent.title, alias=intent.alias),
            )
            if row is None:
                return EnsureResult(EnsureOutcome.CREATED, self._read_back(intent))
        changes = organization_changes(intent, organization_facts(row))
        if "alias" in changes:
            raise Conflict(ORGANIZATION_NOT_OURS, alias=row["alias"])
        if changes:
            # Without its alias Keycloak refuses the change; without its domains it would drop them.
            self._people.replace(f"organizations/{row['id']}", merged(row, organization_body(intent)))
            return EnsureResult(EnsureOutcome.CHANGED, self._read_back(intent), tuple(changes))
        return EnsureResult(EnsureOutcome.KEPT, organization_facts(row))

    def ensure_role_groups(self, tenant_id: UUID) -> EnsureResult[tuple[RoleGroupFacts, ...]]:
        found = {group.name: group for group in self.role_groups(tenant_id)}
        organization = self.id_of(tenant_id)
        missing = [name for name in TENANT_ROLE_GROUPS if name not in found]
        unmapped = [name for name in TENANT_ROLE_GROUPS if name in found and name not in found[name].roles]
        if not missing and not unmapped:
            return EnsureResult(EnsureOutcome.KEPT, tuple(found[name] for name in TENANT_ROLE_GROUPS))
        self._catalogue.read()

        def make(name: str) -> None:
            group = found[name].id if name in found else self._create_group(tenant_id, organization, name)
            self._map_role(organization, group, name)

        self._parallel.map(make, missing + unmapped)
        now = {group.name: group for group in self.role_groups(tenant_id)}
        outcome = EnsureOutcome.CREATED if missing else EnsureOutcome.CHANGED
        return EnsureResult(
            outcome,
            tuple(now[name] for name in TENANT_ROLE_GROUPS),
            tuple(missing + unmapped),
        )

    def remove(self, tenant_id: UUID) -> None:
        row = self._find(tenant_id)
        if row is None:
            return
        # Deleting an organization with members takes longer with every member and deletes managed ones with it.
        if count := self._people.read(f"organizations/{row['id']}/members/count"):
            raise Conflict(MEMBERS_LEFT, count=count)
        self._people.delete(f"organizations/{row['id']}")
        self.invalidate(tenant_id)

    # -- what the other modules of this package look up

    def id_of(self, tenant_id: UUID) -> str:
        """Keycloak's id of the tenant's organization; `Conflict` when there is none."""
        if tenant_id not in self._ids and self._find(tenant_id) is None:
            raise Conflict(ORGANIZATION_MISSING)
        return self._ids[tenant_id]

    def group_ids(self, tenant_id: UUID) -> dict[str, str]:
        """Keycloak's ids of the tenant's groups by name."""
        if tenant_id not in self._groups:
            self.role_groups(tenant_id)
        return self._groups[tenant_id]

    def role_groups(self, tenant_id: UUID) -> list[RoleGroupFacts]:
        path = f"organizations/{self.id_of(tenant_id)}/groups"
        try:
            rows = self._people.read_pages(path, briefRepresentation="false")
        except ResourceMissing:
            self.invalidate(tenant_id)
            rows = self._people.read_pages(
                f"organizations/{self.id_of(tenant_id)}/groups",
                briefRepresentation="false",
            )
        groups = [role_group_facts(row) for row in rows]
        self._groups[tenant_id] = {group.name: group.id for group in groups}
        return groups

    def invalidate(self, tenant_id: UUID) -> None:
        """Forget the ids of an organization that another process or person has removed."""
        self._ids.pop(tenant_id, None)
        self._groups.pop(tenant_id, None)

    # -- one thing each

    def _find(self, tenant_id: UUID) -> dict[str, Any] | None:
        rows = find_organizations(self._people, tenant_id)
        if not rows:
            self.invalidate(tenant_id)
            return None
        row = rows[0]
        if len(rows) > 1 or organization_facts(row).managed_by != MANAGED_BY:
            raise Conflict(ORGANIZATION_NOT_OURS, alias=row["alias"])
        if self._ids.get(tenant_id) != row["id"]:
            self.invalidate(tenant_id)
            self._ids[tenant_id] = row["id"]
        return row

    def _read_back(self, intent: OrganizationIntent) -> OrganizationFacts:
        row = self._find(intent.tenant_id)
        if row is None:
            raise Conflict(ORGANIZATION_MISSING)
        return organization_facts(row)

    def _create_group(self, tenant_id: UUID, organization: str, name: str) -> str:
        path = f"organizations/{organization}/groups"
        made: list[str] = []
        adopted = create_or_adopt(
            lambda: made.append(self._people.create(path, {"name": name})),
            lambda: next(
                (group.id for group in self.role_groups(tenant_id) if group.name == name),
                None,
            ),
            already_exists=lambda: Conflict(ORGANIZATION_MISSING),
        )
        return adopted or made[-1]

    def _map_role(self, organization: str, group: str, role: str) -> None:
        for last_try in (False, True):
            path = f"organizations/{organization}/groups/{group}/role-mappings/clients/{self._catalogue.read().client}"
            try:
                self._people.create(path, self._catalogue.mapping({role}))
                return
            except ResourceMissing:
                # The role was made anew since its id was read.
                if last_try:
                    raise Conflict(NOT_CONFIGURED, realm=self._people.realm, missing=role) from None
                self._catalogue.invalidate()


def find_organizations(connection: RealmConnection, tenant_id: UUID) -> list[dict[str, Any]]:
    """By exact attribute, never by `search`, which looks at names and domains."""
    rows: list[dict[str, Any]] = connection.read(
        "organizations", q=f"tenant_id:{tenant_id}", briefRepresentation="false", max=2
    )
    return rows


def check_length(field: str, value: str) -> None:
    if len(value) > MAX_LENGTH:
        raise Invalid(TOO_LONG, field=field, what=field, limit=MAX_LENGTH, given=len(value))
