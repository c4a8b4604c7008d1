"""A Keycloak without anything in it, for what only compares: drift and a cohort's plan."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from tenancy.keycloak.comparison import RealmDifference
from tenancy.keycloak.port import (
    AdminChange,
    AllTenantsFacts,
    FactorFacts,
    IdentityProviderFacts,
    IssuedToken,
    KeycloakTenantFacts,
    Privilege,
    Realm,
    ServiceClientIntent,
    SessionFacts,
)


class EmptyKeycloak:
    """Answers what drift and a cohort's plan ask, as a Keycloak in which nothing has been made."""

    def describe_tenant(self, tenant_id: UUID, *, holders_of: Collection[str] = ()) -> KeycloakTenantFacts:
        return KeycloakTenantFacts(None, (), (), ())

    def describe_tenants(self, tenant_ids: Sequence[UUID]) -> AllTenantsFacts:
        return AllTenantsFacts((), (), {one: self.describe_tenant(one) for one in tenant_ids})

    def find_identity_providers(self) -> tuple[IdentityProviderFacts, ...]:
        return ()

    def find_outside_changes(self, since: datetime) -> tuple[AdminChange, ...]:
        return ()

    def find_privileges(self) -> tuple[Privilege, ...]:
        return ()

    def find_realm_differences(self, operators_clients: Sequence[ServiceClientIntent]) -> tuple[RealmDifference, ...]:
        return ()

    def find_sessions(self, realm: Realm, user: str) -> tuple[SessionFacts, ...]:
        return ()

    def find_second_factors(self, realm: Realm, user: str) -> tuple[FactorFacts, ...]:
        return ()

    def was_issued(self, realm: Realm, token: IssuedToken) -> bool:
        """Tokens of the tests' issuer count; that one without a record does not is tried in tests/admin/test_tokens."""
        return True
