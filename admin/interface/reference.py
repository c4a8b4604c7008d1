"""The system's reference data: permissions with their roles, routes with their permissions, and the glossary.

`moyai permissions` prints it, docs/GLOSSARY.md and docs/PERMISSIONS.md are written from it, and tests hold both to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flask import Flask

from admin.core.guard import list_routes
from governance.commands import COMMANDS, Commands
from governance.events import Event
from governance.kernel.models import ReadModel
from governance.labels import label
from governance.permissions import OPERATOR_SCOPES, ROLE_PERMISSIONS, TENANT_SCOPES, Permission, Role

GENERATED_BELOW: Final = "<!-- Below this line the page is written by `moyai permissions --write-docs`. -->"


class PermissionFacts(ReadModel):
    """A permission, its label in both languages, and the roles that hold it."""

    permission: Permission
    ja: str
    en: str
    roles: tuple[Role, ...]


class RouteFacts(ReadModel):
    """An HTTP route and the permission it requires; None: closed to everybody."""

    rule: str
    methods: tuple[str, ...]
    endpoint: str
    permission: Permission | None


class CliCommandFacts(ReadModel):
    """A command of the command line, such as `moyai tenant list`, and the permission it requires."""

    command: str
    permission: Permission


class CommandFacts(ReadModel):
    """A command that writes, the permission it requires and the audit event it records."""

    command: str
    permission: Permission
    event: Event


class PermissionReference(ReadModel):
    """Every permission with its roles; every route, command-line command and write command with what it requires."""

    permissions: tuple[PermissionFacts, ...]
    routes: tuple[RouteFacts, ...]
    command_line: tuple[CliCommandFacts, ...]
    commands: tuple[CommandFacts, ...]


def permissions(app: Flask, command_line: Mapping[str, Permission]) -> PermissionReference:
    """The reference of this application: routes in the order of registration, commands by name.

    `command_line` is the permission of each command-line command by its path without the program's name.
    """
    return PermissionReference(
        permissions=tuple(
            PermissionFacts(
                permission=permission,
                ja=label(permission, "ja"),
                en=label(permission, "en"),
                roles=tuple(role for role in Role if permission in ROLE_PERMISSIONS[role]),
            )
            for permission in Permission
        ),
        routes=tuple(
            RouteFacts(
                rule=route.rule, methods=tuple(route.methods), endpoint=route.endpoint, permission=route.permission
            )
            for route in list_routes(app)
        ),
        command_line=tuple(
            CliCommandFacts(command=f"moyai {path}", permission=permission) for path, permission in command_line.items()
        ),
        commands=tuple(
            CommandFacts(command=name, permission=command.permission, event=command.event)
            for name, command in sorted(COMMANDS.of(app).items())
        ),
    )


def glossary_tables(commands: Commands) -> str:
    """The part of docs/GLOSSARY.md that lists permissions, events, roles and commands."""
    lines = [GENERATED_BELOW, "", "## 役割 Roles", "", "| role | 画面 | meaning |", "|---|---|---|"]
    lines += [f"| `{role.value}` | {label(role, 'ja')} | {label(role, 'en')} |" for role in Role]
    lines += ["", "## 権限 Permissions", "", "| permission | 画面 | what it allows |", "|---|---|---|"]
    lines += [f"| `{one.value}` | {label(one, 'ja')} | {label(one, 'en')} |" for one in Permission]
    lines += ["", "## 監査記録 Audit events", "", "| event | 画面 | meaning |", "|---|---|---|"]
    lines += [f"| `{event.value}` | {label(event, 'ja')} | {label(event, 'en')} |" for event in Event]
    lines += ["", "## 操作 Commands", "", "| command | what it does | permission | event |", "|---|---|---|---|"]
    lines += [
        f"| `{name}` | {(command.__doc__ or '').strip().splitlines()[0]} | `{command.permission.value}` "
        f"| `{command.event.value}` |"
        for name, command in sorted(commands.items())
    ]
    return "\n".join(lines) + "\n"


def _allowed(permissions: frozenset[Permission] | None) -> str:
    """The permissions of a scope, but for the one that every signed-in caller has; a dash for no such scope."""
    if permissions is None:
        return "—"
    return ", ".join(f"`{one.value}`" for one in sorted(permissions - {Permission.SIGNED_IN}))


def permission_matrix() -> str:
    """docs/PERMISSIONS.md: which role holds which permission, one row a permission."""
    roles = list(Role)
    lines = [
        "# Who may do what",
        "",
        "Written by `moyai permissions --write-docs` from `governance/permissions.py`. A right counts when the",
        "token names the role *and* Moyai's own grant is in force. What a role's column does not mark, it may not do.",
        "",
        "| permission | " + " | ".join(f"`{role.value}`" for role in roles) + " |",
        "|---|" + "---|" * len(roles),
    ]
    for permission in Permission:
        marks = ["●" if permission in ROLE_PERMISSIONS[role] else "" for role in roles]
        lines.append(f"| `{permission.value}` {label(permission, 'ja')} | " + " | ".join(marks) + " |")
    lines += ["", "## Scopes of programs", "", "A service client of a municipality reads its own tenant, one of the"]
    lines += ["operator's all; besides its scope a program may only ask who it is. No scope decides anything."]
    lines += ["", "| scope | municipality's | operator's |", "|---|---|---|"]
    for scope in sorted(OPERATOR_SCOPES):
        lines.append(f"| `{scope}` | {_allowed(TENANT_SCOPES.get(scope))} | {_allowed(OPERATOR_SCOPES[scope])} |")
    return "\n".join(lines) + "\n"
