"""Drift over the API: what Moyai wants compared with what Keycloak holds."""

from __future__ import annotations

from flask import current_app
from pydantic import Field

from admin.core.guard import requires
from admin.interface.api_requests import Query
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.keycloak_port import identities_of
from admin.workflows.drift import Drift, find_drift
from governance.permissions import Permission

routes = ApiRoutes(Tag.ONBOARDING)


class DriftQuery(Query):
    """Of one tenant, by its code, or of everything."""

    tenant: str | None = Field(default=None, pattern=r"^[0-9]{6}$")


@routes.query_route("/drift")
@requires(Permission.DRIFT_READ)
def get_drift(query: DriftQuery) -> Drift:
    """Compare Keycloak with what Moyai wants; changes nothing."""
    return find_drift(identities_of(current_app), query.tenant)
