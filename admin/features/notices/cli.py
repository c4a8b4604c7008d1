"""`moyai notice`: what its declarations do not give, a notice shown and printed by its number."""

from __future__ import annotations

import io
from pathlib import Path
from uuid import UUID

import click
from sqlalchemy.orm import Session

from admin.features.notices.api import notice_line, routes
from admin.features.notices.entry_points import ENTRY_POINTS
from admin.interface.cli_context import app_context
from admin.interface.command_line import command_group
from admin.interface.output import Answer, handle_errors
from admin.interface.param_types import as_json_option, output_option, print_result, write_new
from admin.interface.permitted import PermittedCommand
from billing.notices.collection import print_pdf, write_archive
from billing.notices.planning import NoticeChoices, sample_paper
from billing.notices.queries import notice_by_number, notice_pdf
from billing.notices.states import EarlierRuns
from governance.commands import system_transaction
from governance.kernel.database import OPERATOR
from governance.permissions import Permission
from tenancy import directory

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
    path = write_new(output or Path(f"{found.number}.pdf"), content)
    print_result({"file": path, "bytes": len(content), "sha256": found.pdf_sha256}, as_json)


@notice.command("sample", cls=PermittedCommand, permission=Permission.NOTICE_READ)
@click.argument("run_id", type=click.UUID)
@click.argument("code")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; sample-CODE.pdf in the current folder if omitted.",
)
@click.option(
    "--earlier-runs",
    type=click.Choice([one.value for one in EarlierRuns]),
    help="Where an earlier run was never notified: one notice for all of them.",
)
@as_json_option
@handle_errors
def sample(run_id: UUID, code: str, output: Path | None, earlier_runs: str | None, as_json: bool) -> None:
    """発行前の通知書の見本を PDF で取り出す / Write the notice that CODE would get of a run, marked as a sample."""
    choices = NoticeChoices(earlier_runs=None if earlier_runs is None else EarlierRuns(earlier_runs))
    with app_context(), system_transaction(OPERATOR) as session:
        content = sample_paper(session, run_id, directory.tenant_by_code(session, code).id, choices)
    path = write_new(output or Path(f"sample-{code}.pdf"), content)
    print_result({"file": path, "bytes": len(content)}, as_json)


@notice.command("archive", cls=PermittedCommand, permission=Permission.NOTICE_READ)
@click.argument("run_id", type=click.UUID)
@output_option("notices.zip")
@as_json_option
@handle_errors
def archive(run_id: UUID, output: Path, as_json: bool) -> None:
    """1回分の通知書を ZIP で取り出す / Write every notice of a run, as it was issued, into one ZIP file."""
    content = io.BytesIO()
    with app_context(), system_transaction(OPERATOR) as session:
        count = write_archive(session, run_id, content)
    path = write_new(output, content.getvalue())
    print_result({"file": path, "bytes": len(content.getvalue()), "notices": count}, as_json)


@notice.command("print", cls=PermittedCommand, permission=Permission.NOTICE_READ)
@click.argument("run_id", type=click.UUID)
@output_option("notices.pdf")
@as_json_option
@handle_errors
def print_run(run_id: UUID, output: Path, as_json: bool) -> None:
    """1回分の通知書を1つの PDF で取り出す / Write every notice of a run into one PDF, for the printer."""
    with app_context(), system_transaction(OPERATOR) as session:
        content = print_pdf(session, run_id)
    print_result({"file": write_new(output, content), "bytes": len(content)}, as_json)
