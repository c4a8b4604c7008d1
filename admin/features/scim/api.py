"""Tokens of a tenant's directory over the API and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from admin.features.scim.entry_points import ENTRY_POINTS
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from governance.kernel import clock
from governance.kernel.database import db
from governance.permissions import Permission
from tenancy.people.scim.models import ScimTokenFacts
from tenancy.people.scim.tokens import scim_tokens

routes = ApiRoutes(Tag.PEOPLE, ENTRY_POINTS)


@routes.list("/tenants/<tenant>/scim-tokens", Permission.SCIM_READ, "ScimTokenPage")
@cli_query("scim tokens", "SCIMトークンの一覧", "tokens", "id state valid_until last_used_at", repeats=["code"])
def list_scim_tokens(tenant: UUID) -> Sequence[ScimTokenFacts]:
    """List the SCIM tokens of a tenant, the newest first, those that count no more too; never the tokens themselves."""
    return scim_tokens(db.session(), tenant, clock.today())
