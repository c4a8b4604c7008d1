"""The installation over the API: who asks, the permissions, the state of the servers."""

from __future__ import annotations

from uuid import UUID

from flask import current_app

from admin.bootstrap import settings_of
from admin.core.guard import current_actor
from admin.features import all_cli_commands
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.permitted import command_permissions
from admin.interface.reference import PermissionReference, permissions
from admin.operations.status import SystemStatus, status
from governance.kernel.models import ReadModel
from governance.permissions import Permission, Role, permissions_of

routes = ApiRoutes(Tag.SYSTEM)


class CallerFacts(ReadModel):
    """Who calls: `roles` are those in force now, `permissions` what they and the token's scopes allow."""

    id: str
    kind: str
    tenant_id: UUID
    roles: list[Role]
    permissions: list[Permission]


@routes.query("/me", Permission.SIGNED_IN, ja="だれとして呼び出しているかを見る")
def get_caller() -> CallerFacts:
    """Say who the token stands for and what it may do."""
    actor = current_actor()
    return CallerFacts(
        id=actor.id,
        kind=actor.kind.value,
        tenant_id=actor.tenant_id,
        roles=sorted(actor.roles),
        permissions=sorted(permissions_of(actor.roles) | actor.by_scope),
    )


@routes.query("/permissions", Permission.PERMISSION_READ, ja="権限と、それを求める画面・API・コマンドの一覧")
def get_permissions() -> PermissionReference:
    """Show every permission with its roles, every address and command with what it asks."""
    return permissions(current_app, command_permissions(all_cli_commands()))


@routes.query("/status", Permission.DRIFT_READ, ja="動いているかを見る")
def get_system_status() -> SystemStatus:
    """Show what runs."""
    return status(settings_of(current_app))
