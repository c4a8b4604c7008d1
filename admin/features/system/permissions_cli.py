"""`moyai permissions`: who may do what, and what every route and command requires."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import click
from flask import Flask

from admin.features import all_cli_commands
from admin.interface.output import handle_errors, print_json
from admin.interface.permitted import PermittedCommand, command_permissions
from admin.interface.reference import GENERATED_BELOW, glossary_tables, permission_matrix
from admin.interface.reference import permissions as permission_reference
from admin.operations.settings import Settings
from governance.commands import COMMANDS
from governance.permissions import Permission


@click.command("permissions", cls=PermittedCommand, permission=Permission.PUBLIC)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.option(
    "--write-docs",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Write the generated parts of GLOSSARY.md and PERMISSIONS.md in this folder.",
)
@handle_errors
def permissions(as_json: bool, write_docs: Path | None) -> None:
    """権限・役割・画面・操作の一覧 / Every permission with its roles; every route and command with its permission."""
    create_app: Callable[[Settings], Flask] = click.get_current_context().obj
    app = create_app(Settings.from_environment(os.environ))
    if write_docs is not None:
        glossary = write_docs / "GLOSSARY.md"
        by_hand = glossary.read_text(encoding="utf-8").split(GENERATED_BELOW)[0]
        glossary.write_text(by_hand + glossary_tables(COMMANDS.of(app)), encoding="utf-8")
        (write_docs / "PERMISSIONS.md").write_text(permission_matrix(), encoding="utf-8")
        return
    reference = permission_reference(app, command_permissions(all_cli_commands()))
    if as_json:
        print_json(reference)
        return
    for permission in reference.permissions:
        click.echo(f"{permission.permission}\t{permission.ja}\t{' '.join(permission.roles)}")
    for route in reference.routes:
        click.echo(f"{' '.join(route.methods)} {route.rule}\t{route.permission or 'closed'}")
    for line in reference.command_line:
        click.echo(f"{line.command}\t{line.permission}")
    for command in reference.commands:
        click.echo(f"{command.command}\t{command.permission}\t{command.event}")
