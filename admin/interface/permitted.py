"""The permission of each command of the command line: the command names its own.

The person at the operator's machine holds the operator's roles; the command bus checks once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import click

from governance.permissions import Permission
from governance.permissions import Permission as P


class PermittedCommand(click.Command):
    """A click command that names the permission it asks for."""

    def __init__(self, *args: Any, permission: Permission, **more: Any) -> None:
        super().__init__(*args, **more)
        self.permission = permission


def command_permissions(commands: Mapping[str, click.Command]) -> dict[str, Permission]:
    """Command path without the program's name → permission, for each of these commands and those in their groups."""
    return {
        path: permission_of(path, command) for name, one in commands.items() for path, command in _leaves(name, one)
    }


def permission_of(path: str, command: click.Command) -> Permission:
    """The permission of the command at this path. Raises KeyError for one that names none: a bug."""
    return command.permission if isinstance(command, PermittedCommand) else COMMAND_PERMISSIONS[path]


def _leaves(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name, one in command.commands.items():
            yield from _leaves(f"{path} {name}", one)
    else:
        yield path, command


COMMAND_PERMISSIONS: Final[dict[str, P]] = {
    "operator register": P.OPERATOR_REGISTER,
    "tenant show": P.TENANT_READ,
    "tenant state-changes": P.TENANT_READ,
    "tenant statistics": P.TENANT_READ,
    "tenant contacts": P.CONTACT_READ,
    "tenant register": P.TENANT_REGISTER,
    "tenant import": P.TENANT_IMPORT,
    "tenant edit": P.TENANT_EDIT,
    "tenant change-state": P.TENANT_CHANGE_STATE,
    "tenant statistic": P.STATISTIC_RECORD,
    "tenant contact": P.CONTACT_RECORD,
    "tenant contact-remove": P.CONTACT_REMOVE,
    "member list": P.MEMBER_READ,
    "member show": P.MEMBER_READ,
    "member add": P.MEMBER_ADD,
    "member disable": P.MEMBER_DISABLE,
    "service-client list": P.CLIENT_READ,
    "service-client show": P.CLIENT_READ,
    "service-client register": P.CLIENT_REGISTER,
}
"""Command path without the program's name → permission, for commands that do not name it themselves yet."""
