"""`moyai notice`: issue, list and print notices."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from uuid import UUID

import click

from admin.interface.cli_context import app_context
from admin.interface.output import handle_errors, print_json
from admin.interface.param_types import DateParam, as_json_option, print_result
from billing.notices.commands import IssueNotices, issue_notices
from billing.notices.queries import NoticeFacts, notice_by_number, notice_pdf, notices
from governance.commands import system_transaction
from governance.declaration import build_command
from governance.kernel.database import OPERATOR
from governance.kernel.era import format_day
from governance.kernel.errors import Conflict, message
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.yen import format_amount

FILE_EXISTS = message(
    "cli.file_exists",
    ja="{path} はすでにあります。",
    en="{path} already exists.",
    hint_ja="別の名前を --output で指定してください。",
    hint_en="Give another name with --output.",
)


@click.group()
def notice() -> None:
    """納入通知書 / Notices."""


@notice.command("issue")
@click.argument("run_id", type=click.UUID)
@click.option("--issued-on", type=DateParam(), help="Today if omitted.")
@click.option("--due-on", type=DateParam(), help="The first business day at least 14 days later if omitted.")
@click.option("--issuer", help="Who issues them; the operator's name if omitted.")
@click.option("--claim", help="納付の請求の事由")
@click.option("--payable-at", help="納付場所")
@click.option("--contact", help="問い合わせ先")
@as_json_option
@handle_errors
def issue(
    run_id: UUID,
    issued_on: date | None,
    due_on: date | None,
    issuer: str | None,
    claim: str | None,
    payable_at: str | None,
    contact: str | None,
    as_json: bool,
) -> None:
    """記帳した按分の通知書を発行する / Issue the notices of a posted run, once."""
    with app_context() as context:
        command = build_command(
            IssueNotices,
            run_id=run_id,
            issued_on=issued_on,
            due_on=due_on,
            issuer=issuer,
            claim=claim,
            payable_at=payable_at,
            contact=contact,
            is_example=context.settings.example,
        )
        issued = issue_notices(command, actor=context.actor)
    print_result(
        {
            "issued_on": issued.issued_on.isoformat(),
            "due_on": None if issued.due_on is None else issued.due_on.isoformat(),
            "notices": {code: str(notice_id) for code, notice_id in issued.notices.items()},
        },
        as_json,
    )


@notice.command("list")
@click.argument("fiscal_year", type=int)
@as_json_option
@handle_errors
def list_notices(fiscal_year: int, as_json: bool) -> None:
    """年度の通知書の一覧 / The notices of a fiscal year, by number."""
    with app_context(), system_transaction(OPERATOR) as session:
        found = notices(session, fiscal_year=FiscalYear(fiscal_year).year)
    if as_json:
        print_json({"fiscal_year": fiscal_year, "notices": [_notice(row) for row in found]})
        return
    for row in found:
        due = format_day(row.due_on) if row.due_on else "―"
        click.echo(f"{row.number}  {format_amount(row.amount_yen):>19}円  {due}  {row.title}  {row.addressee}")


@notice.command("pdf")
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


def _notice(row: NoticeFacts) -> dict[str, str | int | None]:
    return {
        "number": row.number,
        "title": row.title,
        "addressee": row.addressee,
        "amount_yen": row.amount_yen,
        "issued_on": row.issued_on.isoformat(),
        "due_on": None if row.due_on is None else row.due_on.isoformat(),
        "pdf_sha256": row.pdf_sha256,
    }
