"""`moyai member`: what is derived, and the import of a file."""

from __future__ import annotations

from typing import Any, BinaryIO

import click

from admin.features.people.api import routes
from admin.features.people.entry_points import ENTRY_POINTS
from admin.interface.cli_context import app_context
from admin.interface.command_line import command_group
from admin.interface.file_imports import print_preview
from admin.interface.output import handle_errors
from admin.interface.param_types import as_json_option, find_tenant_id, print_result
from admin.interface.permitted import PermittedCommand
from governance.commands import system_transaction
from governance.declaration import build_command
from governance.kernel.database import OPERATOR
from governance.kernel.table_file import MAX_BYTES
from governance.permissions import Permission
from tenancy.people.bulk_changes import ImportMembers, import_members, preview_members

member = command_group("member", "利用者 / People of a tenant.", ENTRY_POINTS, routes.queries)


@member.command("import", cls=PermittedCommand, permission=Permission.MEMBER_IMPORT)
@click.argument("code")
@click.argument("source", type=click.File("rb"), metavar="FILE|-")
@click.option("--check", is_flag=True, help="Report what would happen to each row and change nothing.")
@click.option("--encoding", type=click.Choice(["utf-8", "cp932"]), help="Of a CSV; detected if omitted.")
@click.option("--reason", required=True, help="Why the people change; recorded for every row.")
@click.option("--key", help="Makes a repeated call answer as the first one did.")
@as_json_option
@handle_errors
def import_file(
    code: str, source: BinaryIO, check: bool, encoding: Any, reason: str, key: str | None, as_json: bool
) -> None:
    """CSV か Excel から利用者を追加・変更・停止・削除する / Carry out every row of a file of people, or none.

    Everything that is wrong is reported at once, with line, column and reason; exit code 2, with or without --check.
    `moyai member import-columns` lists the columns.
    """
    content = source.read(MAX_BYTES + 1)
    with app_context() as context:
        command = build_command(
            ImportMembers, tenant_id=find_tenant_id(code), content=content, encoding=encoding, reason=reason
        )
        if check:
            with system_transaction(OPERATOR) as session:
                preview = preview_members(session, command, actor=context.actor)
            print_preview(preview, as_json=as_json)
            click.get_current_context().exit(0 if preview.accepted else 2)
        imported = import_members(command, actor=context.actor, key=key)
    print_result(imported.model_dump(), as_json)
