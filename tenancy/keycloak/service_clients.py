"""Keycloak clients for the systems of tenants: private_key_jwt (RFC 7523), tenant id as a claim in every token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from governance.kernel.concurrency import ParallelMap
from governance.kernel.errors import Conflict, Invalid
from tenancy.keycloak.adoption import create_or_adopt
from tenancy.keycloak.client_secrets import client_secret
from tenancy.keycloak.connection import RealmConnection
from tenancy.keycloak.messages import CLIENT_NOT_OURS, NOT_CONFIGURED, UNKNOWN_SCOPE
from tenancy.keycloak.organizations import check_length
from tenancy.keycloak.port import (
    MANAGED_BY,
    SERVICE_SCOPES,
    EnsureOutcome,
    EnsureResult,
    ServiceClientFacts,
    ServiceClientIntent,
    service_client_name,
    service_client_prefix,
)
from tenancy.keycloak.representations import (
    SERVICE_BASE_SCOPES,
    TENANT_CLAIM_MAPPER,
    merged,
    service_client_body,
    service_client_changes,
    service_client_facts,
    tenant_claim_mapper,
)


class ServiceClients:
    """The clients of realm `moyai` that belong to tenants, through the account that may write clients."""

    def __init__(self, clients: RealmConnection, parallel: ParallelMap) -> None:
        self._clients = clients
        self._parallel = parallel

    def ensure(
        self, tenant_id: UUID, intents: Sequence[ServiceClientIntent]
    ) -> tuple[EnsureResult[ServiceClientFacts], ...]:
        for intent in intents:
            if unknown := intent.scopes - set(SERVICE_SCOPES):
                raise Invalid(
                    UNKNOWN_SCOPE,
                    field="scopes",
                    given=", ".join(sorted(unknown)),
                    known=", ".join(SERVICE_SCOPES),
                )
            check_length("name", intent.name)
        found = self._by_name(tenant_id)
        # Derived here, where the application is known: the connections' threads have none.
        secrets = {
            intent.client_id: client_secret(intent.service_client_id, intent.secret_number)
            for intent in intents
            if intent.secret_number is not None and intent.client_id not in found
        }
        done = self._parallel.map(
            lambda intent: self._ensure_one(intent, found.get(intent.client_id), secrets.get(intent.client_id)),
            intents,
        )
        if any(outcome is not EnsureOutcome.KEPT for outcome, _ in done) or any(
            intent.client_id not in found for intent in intents
        ):
            found = self._by_name(tenant_id)
        return tuple(
            EnsureResult(outcome, service_client_facts(found[intent.client_id]), changes)
            for intent, (outcome, changes) in zip(intents, done, strict=True)
        )

    def remove(self, tenant_id: UUID, service_client_id: UUID, secret_number: int | None = None) -> None:
        name = service_client_name(tenant_id, service_client_id, secret_number)
        row = self._find(name, tenant_id)
        if row is not None:
            self._clients.delete(f"clients/{row['id']}")

    # -- one client

    def _by_name(self, tenant_id: UUID) -> dict[str, dict[str, Any]]:
        return {row["clientId"]: row for row in find_service_clients(self._clients, tenant_id)}

    def _ensure_one(
        self, intent: ServiceClientIntent, row: dict[str, Any] | None, secret: str | None
    ) -> tuple[EnsureOutcome, tuple[str, ...]]:
        if row is None:
            row = create_or_adopt(
                lambda: self._create(intent, secret),
                lambda: self._find(intent.client_id, intent.tenant_id),
                already_exists=lambda: Conflict(CLIENT_NOT_OURS, client_id=intent.client_id),
            )
            if row is None:
                return EnsureOutcome.CREATED, ()
        _require_managed_by_us(row, intent.tenant_id)
        changes = service_client_changes(intent, service_client_facts(row))
        if not changes:
            return EnsureOutcome.KEPT, ()
        self._clients.replace(f"clients/{row['id']}", self._settings(row, intent))
        if "scopes" in changes:
            self._sync_scopes(row, intent)
        if "tenant_claim" in changes:
            self._sync_tenant_claim(row, intent)
        return EnsureOutcome.CHANGED, tuple(changes)

    def _create(self, intent: ServiceClientIntent, secret: str | None) -> None:
        body = service_client_body(intent)
        self._clients.admin.create_client(body if secret is None else {**body, "secret": secret})

    def _find(self, name: str, tenant_id: UUID) -> dict[str, Any] | None:
        rows: list[dict[str, Any]] = self._clients.read("clients", clientId=name)
        if not rows:
            return None
        _require_managed_by_us(rows[0], tenant_id)
        return rows[0]

    def _settings(self, row: dict[str, Any], intent: ServiceClientIntent) -> dict[str, Any]:
        """Scopes and mappers have paths of their own; left out here, they stay."""
        apart = (
            "defaultClientScopes",
            "optionalClientScopes",
            "protocolMappers",
            "secret",
        )
        both = merged(row, service_client_body(intent))
        return {name: value for name, value in both.items() if name not in apart}

    def _sync_scopes(self, row: dict[str, Any], intent: ServiceClientIntent) -> None:
        ids = {scope["name"]: scope["id"] for scope in self._clients.read("client-scopes")}
        wanted = SERVICE_BASE_SCOPES | intent.scopes
        if missing := wanted - ids.keys():
            raise Conflict(
                NOT_CONFIGURED,
                realm=self._clients.realm,
                missing=", ".join(sorted(missing)),
            )
        present = set(row.get("defaultClientScopes") or ())
        for name in sorted(wanted - present):
            self._clients.replace(f"clients/{row['id']}/default-client-scopes/{ids[name]}")
        for name in sorted(present - wanted - {"service_account"}):
            self._clients.delete(f"clients/{row['id']}/default-client-scopes/{ids[name]}")

    def _sync_tenant_claim(self, row: dict[str, Any], intent: ServiceClientIntent) -> None:
        mappers = f"clients/{row['id']}/protocol-mappers/models"
        for mapper in row.get("protocolMappers") or []:
            if mapper["name"] == TENANT_CLAIM_MAPPER or mapper["config"].get("claim.name") == "tenant_id":
                self._clients.delete(f"{mappers}/{mapper['id']}")
        self._clients.create(mappers, tenant_claim_mapper(str(intent.tenant_id)))


def find_service_clients(connection: RealmConnection, tenant_id: UUID) -> list[dict[str, Any]]:
    """The clients whose client_id begins with the tenant's prefix: the server's search finds it anywhere in the id."""
    prefix = service_client_prefix(tenant_id)
    rows = connection.read_pages("clients", clientId=prefix, search="true")
    return [row for row in rows if row["clientId"].startswith(prefix)]


def _require_managed_by_us(row: dict[str, Any], tenant_id: UUID) -> None:
    facts = service_client_facts(row)
    if facts.managed_by != MANAGED_BY or facts.tenant_id != str(tenant_id):
        raise Conflict(CLIENT_NOT_OURS, client_id=facts.client_id)
