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
from billing.allocation.paradox import paradoxes
from billing.allocation.reading import allocation_input
from billing.allocation.staged_answer import computed_stages
from billing.allocation.staged_calculation import compute_stages
from billing.allocation.staged_case import is_staged_case, staged_case
from billing.allocation.workings import computed
from billing.fairness.reading import fairness_of, read_game
from billing.runs import queries
from billing.runs.council_sheet import council_sheet_pdf
from billing.runs.queries import YearSplits
from governance.commands import system_transaction
from governance.kernel.database import OPERATOR
from governance.kernel.errors import Invalid, message
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.strict_json import read_json
from governance.permissions import Permission

MAX_INPUT_BYTES: Final = 16 * 2**20
"""Wide enough for every municipality of Japan in dozens of components."""

MAX_GAME_BYTES: Final = 64 * 2**20
"""Wide enough for the costs of every coalition of 21 members as a dense list."""

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

    Prints one JSON object: shares, operator's part, residual, workings and digest; a case of stages (with
    "form": "cost_sharing/2", see docs/RULES.md) also what each stage did. Input that cannot be shared exactly is
    refused with the field named, exit code 2, and nothing on standard output.
    """
    content = source.read(MAX_INPUT_BYTES + 1)
    if len(content) > MAX_INPUT_BYTES:
        raise Invalid(TOO_LARGE, field="--input", most=MAX_INPUT_BYTES)
    value = read_json(content)
    if is_staged_case(value):
        found = compute_stages(staged_case(value))
        print_model(computed_stages(found, paradoxes(found)), as_json=True)
    else:
        print_model(computed(compute(allocation_input(value))), as_json=True)


@allocation.command("fairness", cls=PermittedCommand, permission=Permission.ALLOCATION_COMPUTE)
@click.option(
    "--input",
    "source",
    type=click.File("rb"),
    required=True,
    metavar="FILE|-",
    help="The game as JSON; - reads standard input.",
)
@click.option("--json", "as_json", is_flag=True, help="Also say a refusal as JSON, on standard error.")
@partial(handle_errors, json_to_stderr=True)
def fairness(source: BinaryIO, as_json: bool) -> None:
    """費用の分け方の公平性を調べる / What cooperative game theory says of a shared cost, without a database.

    Prints one JSON object: Shapley value, SCRB, nucleolus, separable costs, and which groups would pay less alone.
    """
    content = source.read(MAX_GAME_BYTES + 1)
    if len(content) > MAX_GAME_BYTES:
        raise Invalid(TOO_LARGE, field="--input", most=MAX_GAME_BYTES)
    print_model(fairness_of(read_game(read_json(content))), as_json=True)


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
