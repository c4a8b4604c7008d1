"""`moyai notice`: what its declarations do not give, a notice shown and printed by its number."""

from __future__ import annotations

from pathlib import Path

import click
from sqlalchemy.orm import Session

from admin.features.notices.api import notice_line, routes
from admin.features.notices.entry_points import ENTRY_POINTS
from admin.interface.cli_context import app_context
from admin.interface.command_line import command_group
from admin.interface.output import Answer, handle_errors
from admin.interface.param_types import as_json_option, print_result
from admin.interface.permitted import PermittedCommand
from billing.notices.queries import notice_by_number, notice_pdf
from governance.commands import system_transaction
from governance.kernel.database import OPERATOR
from governance.kernel.errors import Conflict, message
from governance.permissions import Permission

FILE_EXISTS = message(
    "cli.file_exists",
    ja="{path} はすでにあります。",
    en="{path} already exists.",
    hint_ja="別の名前を --output で指定してください。",
    hint_en="Give another name with --output.",
)


notice = command_group("notice", "納入通知書 / Notices.", ENTRY_POINTS, routes.queries)


@notice.query("show", Permission.NOTICE_READ)
@click.argument("number")
def show(session: Session, number: str) -> Answer:
    """通知書を 1 つ見る / The notice NUMBER, such as 2025-01-431001, with everything printed on it."""
    found = notice_by_number(session, number)
    return Answer(found, [notice_line(found), *(f"{label}: {value}" for label, value in found.facts.particulars)])


@notice.command("pdf", cls=PermittedCommand, permission=Permission.NOTICE_READ)
@click.argument("number")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; NUMBER.pdf in the current folder if omitted.",
)
@as_json_option
@handle_errors
def pdf(number: str, output: Path | None, as_json: bool) -> None:
    """通知書を PDF で取り出す / Write the notice NUMBER, such as 2025-01-431001, as it was issued."""
    with app_context(), system_transaction(OPERATOR) as session:
        found = notice_by_number(session, number)
        content = notice_pdf(session, found.id)
    path = output or Path(f"{found.number}.pdf")
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise Conflict(FILE_EXISTS, field="--output", path=str(path)) from None
    print_result({"file": str(path), "bytes": len(content), "sha256": found.pdf_sha256}, as_json)
