"""`moyai allocation`: what its declarations do not give, a split computed from a file and all runs of a year."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import BinaryIO, Final
from uuid import UUID

import click
from sqlalchemy.orm import Session

from admin.features.allocation.api import routes, run_lines
from admin.features.allocation.entry_points import ENTRY_POINTS
from admin.interface.cli_context import app_context
from admin.interface.command_line import command_group
from admin.interface.output import Answer, handle_errors, print_model
from admin.interface.param_types import as_json_option, output_option, print_result, write_new
from admin.interface.permitted import PermittedCommand
from billing.allocation.calculation import compute
from billing.allocation.reading import read_allocation_input
from billing.allocation.workings import computed
from billing.runs import queries
from billing.runs.council_sheet import council_sheet_pdf
from billing.runs.queries import YearSplits
from governance.commands import system_transaction
from governance.kernel.database import OPERATOR
from governance.kernel.errors import Invalid, message
from governance.kernel.fiscal_year import FiscalYear
from governance.permissions import Permission

MAX_INPUT_BYTES: Final = 16 * 2**20
"""Wide enough for every municipality of Japan in dozens of components."""

TOO_LARGE = message(
    "allocation.input_too_large",
    ja="入力は {most} バイト以下にしてください。",
    en="The input may have at most {most} bytes.",
)


allocation = command_group("allocation", "費用按分 / Sharing costs.", ENTRY_POINTS, routes.queries)


@allocation.command("compute", cls=PermittedCommand, permission=Permission.ALLOCATION_COMPUTE)
@click.option(
    "--input",
    "source",
    type=click.File("rb"),
    required=True,
    metavar="FILE|-",
    help="The case as JSON; - reads standard input.",
)
@click.option("--json", "as_json", is_flag=True, help="Also say a refusal as JSON, on standard error.")
@partial(handle_errors, json_to_stderr=True)
def compute_allocation(source: BinaryIO, as_json: bool) -> None:
    """ファイルから負担額を計算する / Compute the shares of a case, without a database.

    Prints one JSON object: shares, operator's part, residual, workings and digest. Input that cannot be shared exactly
    is refused with the field named, exit code 2, and nothing on standard output.
    """
    content = source.read(MAX_INPUT_BYTES + 1)
    if len(content) > MAX_INPUT_BYTES:
        raise Invalid(TOO_LARGE, field="--input", most=MAX_INPUT_BYTES)
    print_model(computed(compute(read_allocation_input(content))), as_json=True)


@allocation.query("show", Permission.ALLOCATION_READ)
@click.argument("fiscal_year", type=int)
def show_year(session: Session, fiscal_year: int) -> Answer:
    """年度の按分を見る / Every run of a fiscal year, oldest first; a revision shows the whole new split."""
    found = queries.runs(session, fiscal_year)
    none_yet = f"{FiscalYear(fiscal_year).label}の按分はまだありません。 / No run of {fiscal_year} yet."
    splits = YearSplits(fiscal_year=fiscal_year, runs=tuple(run.split for run in found))
    return Answer(splits, [run_lines(run) for run in found] or [none_yet])


@allocation.command("council-sheet", cls=PermittedCommand, permission=Permission.ALLOCATION_READ)
@click.argument("share_id", type=click.UUID)
@output_option("council-sheet.pdf")
@as_json_option
@handle_errors
def council_sheet(share_id: UUID, output: Path, as_json: bool) -> None:
    """議会用の1枚を PDF で取り出す / Write a posted share on one A4 page: amount, change and reason."""
    with app_context(), system_transaction(OPERATOR) as session:
        content = council_sheet_pdf(session, share_id)
    print_result({"file": write_new(output, content), "bytes": len(content)}, as_json)
