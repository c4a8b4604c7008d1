"""Drift over the API: intent against Keycloak."""

from __future__ import annotations

from typing import Any

from flask import current_app
from pydantic import BaseModel, Field

from admin.core.guard import requires
from admin.interface.api_requests import Query
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.keycloak_port import identities_of
from admin.workflows.drift import find_drift
from governance.permissions import Permission

routes = ApiRoutes(Tag.ONBOARDING)


class DriftQuery(Query):
    """Of one tenant, by its code, or of everything."""

    tenant: str | None = Field(default=None, pattern=r"^[0-9]{6}$")


class DriftResponse(BaseModel):
    """Every difference between what Moyai wants and what Keycloak holds."""

    in_sync: bool
    differences: list[dict[str, Any]]


@routes.query_route("/drift")
@requires(Permission.DRIFT_READ)
def show_drift(query: DriftQuery) -> DriftResponse:
    """Compare Keycloak with what Moyai wants; changes nothing."""
    return DriftResponse.model_validate(find_drift(identities_of(current_app), query.tenant).as_json())
