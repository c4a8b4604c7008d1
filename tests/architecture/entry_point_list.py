"""The names that callers rely on: every address, command-line command with its options, and form field.

`entry_points.json` is the checked-in list. `assert_as_listed` compares the code with it, so that a changed name is
seen in review and none is lost unnoticed. With WRITE_ENTRY_POINTS=1 in the environment, the tests that compare write
the list instead. A name that was lost stays in it, and fails, until it is moved to `former` by hand, with its reason.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click
from flask import Flask

from admin.interface.permitted import command_permissions
from admin.interface.reference import permissions

LIST: Final = Path(__file__).with_name("entry_points.json")
WRITE: Final = "WRITE_ENTRY_POINTS"
Names = dict[str, str]
"""Name → what is asked for it: a permission, or empty."""


def routes(app: Flask) -> Names:
    """`GET /costs` → the permission, for every address but static files."""
    return {
        f"{method} {route.rule}": str(route.permission)
        for route in permissions(app, {}).routes
        if "/static/" not in route.rule
        for method in route.methods
    }


def command_line(app: Flask, main: click.Group) -> Names:
    """`cost record` → the permission, and `cost record --yen` or `cost record FISCAL_YEAR` for each parameter."""
    context = click.Context(main)
    loaded = {name: main.get_command(context, name) for name in main.list_commands(context)}
    asked = command_permissions({name: command for name, command in loaded.items() if command is not None})
    names = {}
    for path, command in _leaves(main):
        names[path] = asked[path].value
        for parameter in command.params:
            spelled = [*parameter.opts, *parameter.secondary_opts]
            is_argument = isinstance(parameter, click.Argument)
            names |= {f"{path} {str(parameter.name).upper() if is_argument else name}": "" for name in spelled}
    return names


def _leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _leaves(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


def assert_as_listed(kind: str, now: Names) -> None:
    """Fail with one line for each name that the code has otherwise than the list, and with how to write the list."""
    found = _difference(kind, now)
    assert not found, "\n".join(
        [
            *found,
            f"If this is intended: {WRITE}=1 python -m pytest tests/architecture/test_entry_points.py "
            "tests/admin/console/test_form_fields.py",
            f'A lost name then has to be moved by hand from "{kind}" to "former" in {LIST.name}, with its reason.',
        ]
    )


def _difference(kind: str, now: Names) -> list[str]:
    found: dict[str, Any] = json.loads(LIST.read_text(encoding="utf-8")) if LIST.exists() else {}
    listed: Names = found.get(kind, {})
    former: Mapping[str, str] = found.get("former", {}).get(kind, {})
    lost = {name: asked for name, asked in listed.items() if name not in now}
    if os.environ.get(WRITE):
        found[kind] = dict(sorted((now | lost).items()))
        LIST.write_text(json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        listed = found[kind]
    return [
        *(f"lost: {name}" for name in lost),
        *(f"new: {name}" for name in now if name not in listed),
        *(f"changed: {name}: {listed[name]} → {now[name]}" for name in now if listed.get(name, now[name]) != now[name]),
        *(f"listed as former, yet there: {name}" for name in former if name in now),
    ]
