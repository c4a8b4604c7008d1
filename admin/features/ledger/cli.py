"""`moyai ledger`: what its declarations do not give, an entry posted from a file and the books written out."""

from __future__ import annotations

from typing import BinaryIO, Final

import click

from admin.features.ledger.api import routes
from admin.features.ledger.entry_points import ENTRY_POINTS, POSTING
from admin.interface.cli_context import app_context
from admin.interface.command_line import command_group, read_file, spelled
from admin.interface.output import handle_errors
from admin.interface.param_types import as_json_option, print_result
from admin.interface.permitted import PermittedCommand
from admin.interface.transports import transport_in_force
from billing.ledger.export import ExportFormat
from billing.ledger.export import export as export_books
from governance.commands import system_transaction
from governance.declaration import read_command
from governance.kernel.database import OPERATOR
from governance.kernel.errors import Invalid, message
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.ids import new_id
from governance.kernel.strict_json import read_json
from governance.permissions import Permission

MAX_ENTRY_BYTES: Final = 2**20
"""Wide enough for an entry of a thousand lines."""

INVALID_ENTRY: Final = message(
    "ledger.entry_shape",
    ja="仕訳は JSON オブジェクトで指定してください。",
    en="An entry is a JSON object.",
)


ledger = command_group("ledger", "仕訳帳 / The books.", ENTRY_POINTS, routes.queries)


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
    year = None if fiscal_year is None else FiscalYear(fiscal_year).year
    with app_context(), system_transaction(OPERATOR) as session:
        for piece in export_books(session, ExportFormat(to), year):
            click.echo(piece.encode(), nl=False)


@ledger.command("post", cls=PermittedCommand, permission=Permission.LEDGER_POST)
@click.argument("code")
@click.argument("source", type=click.File("rb"), metavar="FILE|-")
@click.option("--key", help="同じ依頼を一度だけ行うためのキー / Idempotency key: the same key counts once.")
@as_json_option
@handle_errors
def post(code: str, source: BinaryIO, key: str | None, as_json: bool) -> None:
    """仕訳の記帳を申請する / Request the posting of an entry into a tenant's book; another person approves it.

    FILE is JSON as the API takes it: reference, happened_on, lines of account and yen (debit positive, credit
    negative), and where wanted memo, kind (ordinary, adjustment), fiscal_year and comment (for the decider).
    """
    with spelled(default="FILE"), transport_in_force() as transport:
        entry = read_json(read_file(source, field="FILE", most=MAX_ENTRY_BYTES))
        if not isinstance(entry, dict):
            raise Invalid(INVALID_ENTRY)
        given = {"tenant_id": transport.tenant_id(code, field="CODE")}
        command = read_command(POSTING.command_type, entry, given=given)
        key = key or str(new_id())
        posted = transport.execute(POSTING, command, key)
    click.echo(f"key: {key}", err=True)
    print_result(posted.model_dump(mode="json"), as_json)
