"""The permission of each command of the command line: the command names its own.

The person at the operator's machine holds the operator's roles; the command bus checks once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from governance.permissions import Permission


class PermittedCommand(click.Command):
    """A click command that names the permission it asks for."""

    def __init__(self, *args: Any, permission: Permission, **more: Any) -> None:
        super().__init__(*args, **more)
        self.permission = permission


def command_permissions(commands: Mapping[str, click.Command]) -> dict[str, Permission]:
    """Command path without the program's name → permission, for each of these commands and those in their groups."""
    return {path: permission_of(command) for name, one in commands.items() for path, command in _leaves(name, one)}


def permission_of(command: click.Command) -> Permission:
    """The permission that the command names. Raises TypeError for one that names none: a bug."""
    if not isinstance(command, PermittedCommand):
        raise TypeError(f"the command {command.name} names no permission")
    return command.permission


def _leaves(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name, one in command.commands.items():
            yield from _leaves(f"{path} {name}", one)
    else:
        yield path, command
