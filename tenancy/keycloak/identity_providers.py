"""Identity providers of tenants' own: one a tenant, linked to its organization, and who of its people it speaks for.

Nobody is made or changed by a login there: Moyai links each person beforehand, and whoever is not linked is refused.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote
from uuid import UUID

from governance.kernel.errors import Conflict
from tenancy.keycloak.adoption import create_or_adopt
from tenancy.keycloak.connection import AlreadyExists, RealmConnection
from tenancy.keycloak.messages import IDENTITY_PROVIDER_NOT_OURS
from tenancy.keycloak.organizations import Organizations
from tenancy.keycloak.port import (
    MANAGED_BY,
    EnsureOutcome,
    EnsureResult,
    IdentityProviderFacts,
    IdentityProviderIntent,
    identity_provider_alias,
)
from tenancy.keycloak.representations import (
    LINK_MAPPER,
    identity_provider_body,
    identity_provider_changes,
    identity_provider_facts,
    link_mapper,
)
from tenancy.keycloak.specification.shared import AFTER_IDENTITY_PROVIDER_FLOW, UNKNOWN_PERSON_FLOW

FLOWS = (UNKNOWN_PERSON_FLOW, AFTER_IDENTITY_PROVIDER_FLOW)
_INSTANCES = "identity-provider/instances"
_HIDDEN = "**********"
"""What Keycloak answers in the place of a secret; sent back, it leaves the secret as it is."""


class IdentityProviders:
    """The identity providers of realm `moyai`, through the account that may write people and organizations.

    That account may let itself in as anybody already, so the right to write identity providers adds no person to those
    it reaches; an account of its own would need the right to write organizations besides.
    """

    def __init__(self, people: RealmConnection, organizations: Organizations) -> None:
        self._people = people
        self._organizations = organizations

    def ensure(self, intent: IdentityProviderIntent) -> EnsureResult[IdentityProviderFacts]:
        found = self._find(intent.tenant_id)
        body = identity_provider_body(intent, *FLOWS)
        changes: list[str] = []
        created = False
        if found is None:
            created = (
                create_or_adopt(
                    lambda: self._people.create(_INSTANCES, body),
                    lambda: self._find(intent.tenant_id),
                    already_exists=lambda: Conflict(IDENTITY_PROVIDER_NOT_OURS, alias=intent.alias),
                )
                is None
            )
            found = self._require(intent.tenant_id)
        row, facts = found
        if not created:
            if facts.kind != intent.kind:
                # Keycloak keeps the kind that an identity provider was made with.
                self._people.delete(f"{_INSTANCES}/{intent.alias}")
                return self.ensure(intent)
            changes = list(identity_provider_changes(intent, facts, FLOWS))
            config = {"clientSecret": _HIDDEN, **row["config"], **body["config"]}
            if "clientSecret" not in body["config"] and "clientSecret" not in row["config"]:
                del config["clientSecret"]
            if changes or intent.secret is not None:
                self._people.replace(f"{_INSTANCES}/{intent.alias}", {**row, **body, "config": config})
        self._ensure_mapper(intent)
        self._ensure_organization(intent.tenant_id, facts)
        _, now = self._require(intent.tenant_id)
        outcome = EnsureOutcome.CREATED if created else EnsureOutcome.CHANGED if changes else EnsureOutcome.KEPT
        return EnsureResult(outcome, now, tuple(changes))

    def remove(self, tenant_id: UUID) -> None:
        if self._find(tenant_id) is not None:
            self._people.delete(f"{_INSTANCES}/{identity_provider_alias(tenant_id)}")

    def ensure_linked(self, tenant_id: UUID, keycloak_id: str, name: str) -> None:
        alias = identity_provider_alias(tenant_id)
        path = f"users/{keycloak_id}/federated-identity"
        there = [row for row in self._people.read(path) if row["identityProvider"] == alias]
        if any(row["userId"] == name for row in there):
            return
        if there:
            self._people.delete(f"{path}/{quote(alias)}")
        try:
            self._people.create(f"{path}/{quote(alias)}", {"identityProvider": alias, "userId": name, "userName": name})
        except AlreadyExists:
            # Another worker linked the same person at this moment.
            return

    def remove_link(self, tenant_id: UUID, keycloak_id: str) -> None:
        self._people.delete(f"users/{keycloak_id}/federated-identity/{quote(identity_provider_alias(tenant_id))}")

    # -- one thing each

    def _ensure_mapper(self, intent: IdentityProviderIntent) -> None:
        wanted = link_mapper(intent)
        path = f"{_INSTANCES}/{intent.alias}/mappers"
        found = {row["name"]: row for row in self._people.read(path)}
        row = found.get(LINK_MAPPER)
        if row is None:
            self._people.create(path, wanted)
        elif row["config"] != wanted["config"] or row["identityProviderMapper"] != wanted["identityProviderMapper"]:
            self._people.replace(f"{path}/{row['id']}", {**row, **wanted})

    def _ensure_organization(self, tenant_id: UUID, facts: IdentityProviderFacts) -> None:
        organization = self._organizations.id_of(tenant_id)
        if facts.organization == organization:
            return
        try:
            # The body is a bare alias, as JSON.
            self._people.create(f"organizations/{organization}/identity-providers", json.dumps(facts.alias))
        except AlreadyExists:
            return

    def _require(self, tenant_id: UUID) -> tuple[dict[str, Any], IdentityProviderFacts]:
        found = self._find(tenant_id)
        if found is None:
            raise Conflict(IDENTITY_PROVIDER_NOT_OURS, alias=identity_provider_alias(tenant_id))
        return found

    def _find(self, tenant_id: UUID) -> tuple[dict[str, Any], IdentityProviderFacts] | None:
        """The tenant's identity provider. Raises Conflict for one of its alias that Moyai did not make."""
        found = find_identity_provider(self._people, identity_provider_alias(tenant_id))
        if found is not None and (found[1].managed_by, found[1].tenant_id) != (MANAGED_BY, str(tenant_id)):
            raise Conflict(IDENTITY_PROVIDER_NOT_OURS, alias=found[1].alias)
        return found


def find_identity_provider(
    connection: RealmConnection, alias: str
) -> tuple[dict[str, Any], IdentityProviderFacts] | None:
    """The identity provider of this alias, as Keycloak writes it and as facts."""
    row = connection.find(f"{_INSTANCES}/{quote(alias)}")
    if row is None:
        return None
    return row, identity_provider_facts(row, connection.read(f"{_INSTANCES}/{quote(alias)}/mappers"))
