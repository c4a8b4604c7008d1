"""`moyai application`: what its declarations do not give, a file attached and one taken out."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO
from uuid import UUID

import click

from admin.features.applications.api import routes
from admin.features.applications.entry_points import ENTRY_POINTS
from admin.interface.cli_context import app_context
from admin.interface.command_line import command_group
from admin.interface.output import handle_errors, print_json
from admin.interface.param_types import as_json_option, print_result, write_new
from admin.interface.permitted import PermittedCommand
from governance.commands import system_transaction
from governance.declaration import build_command, read_command
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.strict_json import read_json
from governance.permissions import Permission
from tenancy.applications.attachments import MAX_SIZE
from tenancy.applications.commands import (
    AttachToApplication,
    ImportApplicationForm,
    SaveApplication,
    attach_to_application,
    import_application_form,
    save_application,
)
from tenancy.applications.form_file import FormVerdict, read_form_file
from tenancy.applications.queries import application as find_application
from tenancy.applications.queries import attachment_file

application = command_group("application", "利用申請 / Applications to take part.", ENTRY_POINTS, routes.queries)


@application.command("attach", cls=PermittedCommand, permission=Permission.APPLICATION_ATTACH)
@click.argument("application_id", type=click.UUID)
@click.argument("source", type=click.File("rb"), metavar="FILE")
@as_json_option
@handle_errors
def attach(application_id: UUID, source: BinaryIO, as_json: bool) -> None:
    """ファイルを添付する / Add FILE to a draft, or to an application that was sent back."""
    command = build_command(
        AttachToApplication,
        application_id=application_id,
        name=Path(source.name).name,
        content=source.read(MAX_SIZE + 1),
    )
    with app_context() as context:
        attached = attach_to_application(command, actor=context.actor)
    print_result(attached.model_dump(mode="json"), as_json)


@application.command("save", cls=PermittedCommand, permission=Permission.APPLICATION_SAVE)
@click.argument("application_id", type=click.UUID)
@click.argument("source", type=click.File("rb"), metavar="FILE|-")
@as_json_option
@handle_errors
def save(application_id: UUID, source: BinaryIO, as_json: bool) -> None:
    """利用申請を保存する / Save fields of a draft, given as a JSON object with the API's names; the others stay."""
    fields = read_json(source.read(MAX_SIZE + 1))
    if not isinstance(fields, dict):
        raise click.UsageError("オブジェクトを指定してください / a JSON object is needed")
    with app_context() as context:
        with system_transaction(OPERATOR) as session:
            found = find_application(session, application_id)
        command = read_command(
            SaveApplication,
            found.content.model_dump(mode="json") | fields,
            given={"application_id": application_id, "version": found.version},
        )
        saved = save_application(command, actor=context.actor)
    print_result(saved.model_dump(mode="json"), as_json)


@application.command("import-form", cls=PermittedCommand, permission=Permission.APPLICATION_SAVE)
@click.argument("application_id", type=click.UUID)
@click.argument("source", type=click.File("rb"), metavar="FILE")
@click.option("--check", is_flag=True, help="Say how each cell is read and change nothing.")
@as_json_option
@handle_errors
def import_form(application_id: UUID, source: BinaryIO, check: bool, as_json: bool) -> None:
    """記入済みの様式を取り込む / Save what a filled Excel form says, all of it or nothing.

    Everything that is wrong is reported at once, cell by cell; exit code 2, with or without --check.
    """
    content = source.read(MAX_SIZE + 1)
    with app_context() as context:
        with system_transaction(OPERATOR) as session:
            version = find_application(session, application_id).version
            verdict = read_form_file(session, content, clock.today()).verdict
        if check:
            print_verdict(verdict, as_json=as_json)
            click.get_current_context().exit(0 if verdict.accepted else 2)
        command = build_command(ImportApplicationForm, application_id=application_id, version=version, content=content)
        saved = import_application_form(command, actor=context.actor)
    print_result(saved.model_dump(mode="json"), as_json)


def print_verdict(verdict: FormVerdict, *, as_json: bool) -> None:
    """Each cell on a line, and what is wrong with it."""
    if as_json:
        print_json(verdict)
        return
    for row in verdict.rows:
        said = f"{row.reason} / {row.reason_en}" if row.reason else row.understood
        click.echo(f"{row.cell:<5} {'ok' if row.accepted else '!!'}  {row.label}: {said}")


@application.command("file", cls=PermittedCommand, permission=Permission.APPLICATION_READ)
@click.argument("application_id", type=click.UUID)
@click.argument("attachment_id", type=click.UUID)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file to write; its own name if omitted."
)
@as_json_option
@handle_errors
def take_out(application_id: UUID, attachment_id: UUID, output: Path | None, as_json: bool) -> None:
    """添付を取り出す / Write a file of an application as it was attached."""
    with app_context(), system_transaction(OPERATOR) as session:
        found = attachment_file(session, application_id, attachment_id)
    path = write_new(output or Path(found.name), found.content)
    print_result({"file": path, "bytes": len(found.content)}, as_json)
