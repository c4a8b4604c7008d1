"""The installation over the API: who asks, the permissions, the state of the servers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import current_app
from pydantic import BaseModel

from admin.bootstrap import settings_of
from admin.core.guard import current_actor, requires
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.reference import permissions
from admin.operations.status import status
from governance.permissions import Permission, Role, permissions_of

routes = ApiRoutes(Tag.SYSTEM)


class PermissionReferenceResponse(BaseModel):
    """Every permission with its roles, every address and command with the permission it asks."""

    permissions: list[dict[str, Any]]
    routes: list[dict[str, Any]]
    commands: list[dict[str, Any]]


class SystemStatusResponse(BaseModel):
    """What runs."""

    web: dict[str, Any]
    postgresql: dict[str, Any]
    keycloak: dict[str, Any]
    worker: dict[str, Any]
    tenants: dict[str, int]


class CallerResponse(BaseModel):
    """Who the token stands for, and what counts of it now."""

    id: str
    kind: str
    tenant_id: UUID
    roles: list[Role]
    permissions: list[Permission]


@routes.query_route("/me")
@requires(Permission.SIGNED_IN)
def get_caller() -> CallerResponse:
    """Say who the token stands for and what it may do."""
    actor = current_actor()
    return CallerResponse(
        id=actor.id,
        kind=actor.kind.value,
        tenant_id=actor.tenant_id,
        roles=sorted(actor.roles),
        permissions=sorted(permissions_of(actor.roles) | actor.by_scope),
    )


@routes.query_route("/permissions")
@requires(Permission.PERMISSION_READ)
def get_permissions() -> PermissionReferenceResponse:
    """Show every permission with its roles, every address and command with what it asks."""
    return PermissionReferenceResponse.model_validate(permissions(current_app))


@routes.query_route("/status")
@requires(Permission.DRIFT_READ)
def get_system_status() -> SystemStatusResponse:
    """Show what runs."""
    return SystemStatusResponse.model_validate(status(settings_of(current_app)))
