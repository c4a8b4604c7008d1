"""A Keycloak without anything in it, for what only compares: drift and a cohort's plan."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from tenancy.keycloak.comparison import RealmDifference
from tenancy.keycloak.port import (
    IssuedToken,
    KeycloakTenantFacts,
    OrganizationFacts,
    Privilege,
    Realm,
    ServiceClientFacts,
    ServiceClientIntent,
)


class EmptyKeycloak:
    """Answers what drift and a cohort's plan ask, as a Keycloak in which nothing has been made."""

    def describe_tenant(self, tenant_id: UUID, *, holders_of: Collection[str] = ()) -> KeycloakTenantFacts:
        return KeycloakTenantFacts(None, (), (), ())

    def find_organizations(self) -> tuple[OrganizationFacts, ...]:
        return ()

    def find_service_clients(self) -> tuple[ServiceClientFacts, ...]:
        return ()

    def find_privileges(self) -> tuple[Privilege, ...]:
        return ()

    def find_realm_differences(self, operators_clients: Sequence[ServiceClientIntent]) -> tuple[RealmDifference, ...]:
        return ()

    def was_issued(self, realm: Realm, token: IssuedToken) -> bool:
        """Tokens of the tests' issuer count; that one without a record does not is tried in tests/admin/test_tokens."""
        return True
