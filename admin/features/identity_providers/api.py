"""A tenant's own identity provider over the API and the command line."""

from __future__ import annotations

from uuid import UUID

from admin.features.identity_providers.entry_points import ENTRY_POINTS
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from governance.kernel.database import db
from governance.permissions import Permission
from tenancy.people.identity_providers import queries
from tenancy.people.identity_providers.models import OwnIdentityProvider

routes = ApiRoutes(Tag.PEOPLE, ENTRY_POINTS)


@routes.query("/tenants/<tenant>/identity-provider", Permission.IDENTITY_PROVIDER_READ)
@cli_query("identity-provider show", "IdP 連携を見る")
def get_identity_provider(tenant: UUID) -> OwnIdentityProvider:
    """Show a tenant's own identity provider and what the last check found; never its secret."""
    return queries.own_identity_provider(db.session(), tenant)
