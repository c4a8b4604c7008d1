"""What granian loads where the API is tried from outside: the application beside a Keycloak that holds no tenant.

Everything else is as in `admin.wsgi`: PostgreSQL and the issuer of tokens are those that the environment names.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from admin.interface.keycloak_port import PORT
from admin.wsgi import app
from tenancy.keycloak.port import KeycloakTenantFacts, OrganizationFacts, Privilege, ServiceClientFacts


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


app.extensions[PORT] = EmptyKeycloak()
