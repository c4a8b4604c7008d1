"""One command bus: nothing else commits, and every command names its permission and its words."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import sys
from dataclasses import replace
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

import admin
import billing
import governance
import tenancy
from admin.app import create_app
from admin.core.guard import list_routes
from admin.features import all_cli_commands, api_routes
from admin.features.commands import COMMAND_MODULES
from admin.interface.permitted import command_permissions
from admin.interface.reference import GENERATED_BELOW, glossary_tables, permission_matrix
from admin.operations.settings import Settings
from governance.commands import CommandHandler, collect_commands
from governance.events import Event
from governance.kernel import errors
from governance.kernel.errors import collect_messages, message
from governance.permissions import Permission

ROUTES = api_routes()
COMMANDS = collect_commands(COMMAND_MODULES)

ROOT = Path(__file__).parents[2]
PACKAGES = ("admin", "billing", "tenancy", "governance")
MAY_COMMIT = {"governance/commands.py", "governance/kernel/pipelined.py"}
PUBLIC_COMMANDS = {"close_session": "Keycloak itself orders it by a signed logout token, and no role may keep one in"}


def _load_everything() -> None:
    for package in (governance, tenancy, billing, admin):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations." not in module.name and not module.name.endswith(("asgi", "__main__")):
                importlib.import_module(module.name)


@pytest.fixture(scope="module", autouse=True)
def everything_loaded() -> None:
    _load_everything()


@pytest.mark.slow
def test_nothing_outside_the_command_bus_commits() -> None:
    committing, importing = set(), set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute) and node.attr in {"commit", "autocommit"}:
                    committing.add(path.relative_to(ROOT).as_posix())
                if isinstance(node, ast.ImportFrom) and any(alias.name == "commit_pipelined" for alias in node.names):
                    importing.add(path.relative_to(ROOT).as_posix())
    assert {path for path in committing if not path.startswith(("admin/migrations/", "admin/servers/"))} == MAY_COMMIT
    assert importing == {"governance/commands.py"}


def test_every_module_with_a_command_is_in_the_list() -> None:
    defining = {
        handler.body.__module__
        for name, module in list(sys.modules.items())
        if name.split(".")[0] in PACKAGES
        for handler in vars(module).values()
        if isinstance(handler, CommandHandler)
    }
    assert {module.__name__ for module in COMMAND_MODULES} == defining


def test_two_commands_of_one_name_are_refused() -> None:
    twin = ModuleType("twin")
    body = FunctionType(COMMANDS["record_cost"].body.__code__, {}, "record_cost")
    body.__module__ = "twin"
    twin.record_cost = replace(COMMANDS["record_cost"], body=body)  # type: ignore[attr-defined]

    with pytest.raises(ValueError, match="command record_cost is declared twice"):
        collect_commands([*COMMAND_MODULES, twin])


def test_every_message_has_a_code_of_its_own_and_both_languages() -> None:
    ours = [module for name, module in sorted(sys.modules.items()) if name.split(".")[0] in PACKAGES]
    found = collect_messages(ours)

    assert len(found) > 150
    for one in found.values():
        assert one.ja, one.code
        assert one.en, one.code
        assert bool(one.hint_ja) == bool(one.hint_en), one.code


def test_two_messages_of_one_code_are_refused() -> None:
    twin = ModuleType("twin")
    twin.NOT_FOUND = message("not_found", ja="x", en="x")  # type: ignore[attr-defined]

    with pytest.raises(ValueError, match="message not_found is declared twice"):
        collect_messages([errors, twin])


def test_every_command_names_a_permission_and_an_event() -> None:
    assert COMMANDS
    for command in COMMANDS.values():
        assert isinstance(command.permission, Permission), command.name
        assert isinstance(command.event, Event), command.name
        assert command.permission is not Permission.PUBLIC or command.name in PUBLIC_COMMANDS, command.name
        assert (command.__doc__ or "").strip(), command.name


def test_every_command_of_the_command_line_names_its_permission() -> None:
    named = command_permissions(all_cli_commands())

    assert len(named) > len(COMMANDS) / 2
    assert all(isinstance(permission, Permission) for permission in named.values())


def test_every_address_view_and_button_names_a_permission(tmp_path: Path) -> None:
    settings = {
        "MOYAI_HOME": str(tmp_path),
        "DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:9/nothing",
        "KEYCLOAK_URL": "http://127.0.0.1:9",
    }
    app = create_app(Settings.from_environment(settings))

    assert [route.rule for route in list_routes(app) if route.permission is None] == []
    (backoffice,) = app.extensions["admin"]
    assert len(backoffice._views) > 1
    for view in backoffice._views:
        assert isinstance(view.permission, Permission), view.name
        buttons = getattr(view, "_actions_data", {})
        assert set(buttons) == set(getattr(view, "named_actions_permissions", {})), view.name


def test_a_change_asks_for_more_than_reading() -> None:
    for command in COMMANDS.values():
        assert command.permission.value.rpartition(":")[2] != "read", command.name
    for route in ROUTES:
        if route.method != "GET" and route.name in COMMANDS:
            assert route.permission is COMMANDS[route.name].permission, route.name


def test_every_permission_event_role_and_command_stands_in_the_glossary_as_the_code_has_it() -> None:
    glossary = (ROOT / "docs" / "GLOSSARY.md").read_text(encoding="utf-8")
    assert GENERATED_BELOW in glossary
    assert glossary.split(GENERATED_BELOW)[1] == glossary_tables(COMMANDS).split(GENERATED_BELOW)[1]


def test_the_matrix_in_the_docs_is_the_one_in_the_code() -> None:
    assert (ROOT / "docs" / "PERMISSIONS.md").read_text(encoding="utf-8") == permission_matrix()


def test_every_event_is_recorded_by_some_command() -> None:
    source = "\n".join(
        path.read_text(encoding="utf-8")
        for package in ("admin", "billing", "tenancy", "governance")
        for path in (ROOT / package).rglob("*.py")
        if path.name not in {"events.py", "labels.py"}
    )
    assert [event.name for event in Event if f"Event.{event.name}" not in source] == []


def test_every_permission_is_required_somewhere() -> None:
    source = "\n".join(
        path.read_text(encoding="utf-8")
        for package in ("admin", "billing", "tenancy", "governance")
        for path in (ROOT / package).rglob("*.py")
        if path.name not in {"permissions.py", "labels.py"} or path.parent.name == "cli"
    )
    asked = {permission for permission in Permission if f"Permission.{permission.name}" in source}
    assert sorted(set(Permission) - asked - set(command_permissions(all_cli_commands()).values())) == []


def test_every_module_has_a_docstring() -> None:
    silent = [
        path.relative_to(ROOT).as_posix()
        for package in ("admin", "billing", "tenancy", "governance")
        for path in (ROOT / package).rglob("*.py")
        if "versions" not in path.parts and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []
