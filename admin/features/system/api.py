"""The installation over the API: who asks, the permissions, the state of the servers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import current_app
from pydantic import BaseModel

from admin.bootstrap import settings_of
from admin.core.guard import asks, current_actor
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.reference import permissions
from admin.operations.status import status
from governance.permissions import Permission, Role, permissions_of

routes = ApiRoutes(Tag.HOUSE)


class HouseShown(BaseModel):
    """Every permission with its roles, every address and command with the permission it asks."""

    permissions: list[dict[str, Any]]
    routes: list[dict[str, Any]]
    commands: list[dict[str, Any]]


class StatusShown(BaseModel):
    """What runs."""

    web: dict[str, Any]
    postgresql: dict[str, Any]
    keycloak: dict[str, Any]
    worker: dict[str, Any]
    tenants: dict[str, int]


class AskerShown(BaseModel):
    """Who the token stands for, and what counts of it now."""

    id: str
    kind: str
    tenant_id: UUID
    roles: list[Role]
    permissions: list[Permission]


@routes.query_route("/me")
@asks(Permission.SIGNED_IN)
def show_asker() -> AskerShown:
    """Say who the token stands for and what it may do."""
    actor = current_actor()
    return AskerShown(
        id=actor.id,
        kind=actor.kind.value,
        tenant_id=actor.tenant_id,
        roles=sorted(actor.roles),
        permissions=sorted(permissions_of(actor.roles) | actor.by_scope),
    )


@routes.query_route("/permissions")
@asks(Permission.PERMISSION_READ)
def show_permissions() -> HouseShown:
    """Show every permission with its roles, every address and command with what it asks."""
    return HouseShown.model_validate(permissions(current_app))


@routes.query_route("/status")
@asks(Permission.DRIFT_READ)
def show_status() -> StatusShown:
    """Show what runs."""
    return StatusShown.model_validate(status(settings_of(current_app)))
