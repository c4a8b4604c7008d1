"""`moyai ledger`: reading a book, posting and reversing by hand, closing a year, verifying and exporting the books."""

from __future__ import annotations

from typing import BinaryIO, Final
from uuid import UUID

import click
from sqlalchemy.orm import Session

from admin.features.ledger.entry_points import ENTRY_POINTS
from admin.interface.cli_context import app_context
from admin.interface.command_line import InProcess, command_group, read_file, spelled
from admin.interface.output import Answer, handle_errors, print_json, rows, tab_separated
from admin.interface.paging import page_rows
from admin.interface.param_types import as_json_option, find_tenant, find_tenant_id, print_result
from admin.interface.permitted import PermittedCommand
from billing.ledger import queries
from billing.ledger.commands import PostEntry, post_entry
from billing.ledger.export import ExportFormat
from billing.ledger.export import export as export_books
from billing.ledger.verification import verify as verify_books
from governance.commands import system_transaction
from governance.declaration import read_command
from governance.kernel.database import OPERATOR
from governance.kernel.errors import Invalid, message
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.ids import new_id
from governance.kernel.keyset import PageRequest, key_of
from governance.kernel.strict_json import read_json
from governance.permissions import Permission

MAX_ENTRY_BYTES: Final = 2**20
"""Wide enough for an entry of a thousand lines."""

INVALID_ENTRY: Final = message(
    "ledger.entry_shape",
    ja="仕訳は JSON オブジェクトで指定してください。",
    en="An entry is a JSON object.",
)


ledger = command_group("ledger", "仕訳帳 / The books.", ENTRY_POINTS)


@ledger.command("verify", cls=PermittedCommand, permission=Permission.LEDGER_READ)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@handle_errors
def verify(as_json: bool) -> None:
    """帳簿を明細から検算する / Recompute every balance from the lines. Exit code 1 when something does not hold."""
    with app_context(), system_transaction(OPERATOR) as session:
        report = verify_books(session)
    if as_json:
        print_json(report)
    else:
        for imbalance in report.imbalances:
            click.echo("\t".join(str(value) for value in imbalance.model_dump().values()))
        faults = len(report.imbalances)
        click.echo(
            f"仕訳 {report.entries:,} 件、不一致 {faults:,} 件 / {report.entries:,} entries, {faults:,} imbalances",
            err=True,
        )
    click.get_current_context().exit(0 if report.balanced else 1)


@ledger.command("export", cls=PermittedCommand, permission=Permission.LEDGER_READ)
@click.option(
    "--format",
    "to",
    type=click.Choice([each.value for each in ExportFormat]),
    required=True,
    help="The syntax to write.",
)
@click.option("--fiscal-year", type=int, help="Only this fiscal year (2025 = 令和7年度).")
@click.option("--json", "as_json", is_flag=True, help="Say a refusal as JSON, on standard error.")
@handle_errors
def export(to: str, fiscal_year: int | None, as_json: bool) -> None:
    """仕訳帳を出力する / Write every posted entry, in order, on standard output."""
    with app_context(), system_transaction(OPERATOR) as session:
        for piece in export_books(session, ExportFormat(to), _year(fiscal_year)):
            click.echo(piece.encode(), nl=False)


@ledger.query("books", Permission.LEDGER_READ, paged=True)
@click.argument("fiscal_year", type=int)
def books(session: Session, part: PageRequest, fiscal_year: int) -> Answer:
    """年度の帳簿の一覧 / The books that have a fiscal year, by the sum of their debit balances (yen)."""
    found = queries.books(session, FiscalYear(fiscal_year).year, part)
    return page_rows("books", found, tab_separated("tenant_id", "state", "debit_yen", "line_count"))


@ledger.query("entries", Permission.LEDGER_READ, paged=True, limit=50)
@click.argument("code")
@click.option("--fiscal-year", type=int, help="Only this fiscal year (2025 = 令和7年度).")
@click.option("--before", type=click.IntRange(min=1), help="Only entries with a smaller number.")
def entries(session: Session, part: PageRequest, code: str, fiscal_year: int | None, before: int | None) -> Answer:
    """仕訳を新しい順に見る / The entries of a tenant's book, newest first (yen)."""
    if before is not None:
        part = PageRequest(part.limit, key_of(before))
    found = queries.entries_page(session, find_tenant(session, code).id, part, fiscal_year=_year(fiscal_year))
    columns = ("number", "id", "happened_on", "kind", "reference", "total_yen", "memo")
    return page_rows("entries", found, tab_separated(*columns))


@ledger.query("entry", Permission.LEDGER_READ)
@click.argument("code")
@click.argument("entry_id", type=click.UUID)
def entry(session: Session, code: str, entry_id: UUID) -> Answer:
    """仕訳を見る / One entry of a tenant's book with its lines: debit positive, credit negative (yen)."""
    found = queries.entry(session, find_tenant(session, code).id, entry_id)
    heading = tab_separated("number", "happened_on", "kind", "reference", "memo")
    line = tab_separated("account", "account_name", "yen")
    return Answer({"entry": found}, [heading(found), *map(line, found.lines)])


@ledger.query("balances", Permission.LEDGER_READ)
@click.argument("code")
@click.option("--fiscal-year", type=int, help="Only this fiscal year (2025 = 令和7年度).")
def balances(session: Session, code: str, fiscal_year: int | None) -> Answer:
    """残高試算表を見る / The trial balance of a tenant's book, by year and account: debit positive (yen)."""
    found = queries.balances(session, find_tenant(session, code).id, _year(fiscal_year))
    return rows("balances", found, tab_separated("fiscal_year", "account", "account_name", "yen", "line_count"))


@ledger.query("periods", Permission.LEDGER_READ)
@click.argument("code")
def periods(session: Session, code: str) -> Answer:
    """会計年度の状態を見る / The fiscal years of a tenant's book and their states, newest first."""
    found = queries.periods(session, find_tenant(session, code).id)
    return rows("periods", found, tab_separated("fiscal_year", "state"))


@ledger.command("post", cls=PermittedCommand, permission=Permission.LEDGER_POST)
@click.argument("code")
@click.argument("source", type=click.File("rb"), metavar="FILE|-")
@click.option("--key", help="同じ依頼を一度だけ行うためのキー / Idempotency key: the same key counts once.")
@as_json_option
@handle_errors
def post(code: str, source: BinaryIO, key: str | None, as_json: bool) -> None:
    """仕訳を記帳する / Post an entry into a tenant's book. Repeating the same reference and content has no effect.

    FILE is JSON as the API takes it: reference, happened_on, lines of account and yen (debit positive, credit
    negative), and where wanted memo, kind (ordinary, adjustment) and fiscal_year.
    """
    with spelled(default="FILE"), app_context() as context:
        entry = read_json(read_file(source, field="FILE", most=MAX_ENTRY_BYTES))
        if not isinstance(entry, dict):
            raise Invalid(INVALID_ENTRY)
        command = read_command(PostEntry, entry, given={"tenant_id": find_tenant_id(code)})
        key = key or str(new_id())
        posted = InProcess(context).execute(post_entry, command, key)
    click.echo(f"key: {key}", err=True)
    print_result(posted.model_dump(mode="json"), as_json)


def _year(given: int | None) -> int | None:
    """The fiscal year that was typed. Raises Invalid for one out of bounds."""
    return None if given is None else FiscalYear(given).year
