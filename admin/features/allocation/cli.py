"""`moyai allocation show|prepare|approve|reject`: the split of a fiscal year and its approval."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import click

from admin.features.allocation.compute_cli import allocation
from admin.interface.cli_context import app_context
from admin.interface.output import handle_errors, print_json
from admin.interface.param_types import DateParam, as_json_option, print_result
from billing.runs.commands import (
    ApproveAllocation,
    PrepareAllocation,
    RejectAllocation,
    approve_allocation,
    prepare_allocation,
    reject_allocation,
)
from billing.runs.queries import RunFacts, run_json, runs
from billing.runs.states import RunKind
from governance.commands import system_transaction
from governance.kernel.database import OPERATOR
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.yen import format_amount

__all__ = ["allocation"]


@allocation.command("show")
@click.argument("fiscal_year", type=int)
@as_json_option
@handle_errors
def show_runs(fiscal_year: int, as_json: bool) -> None:
    """年度の按分を見る / Every run of a fiscal year, oldest first; a revision shows the whole new split."""
    with app_context(), system_transaction(OPERATOR) as session:
        found = runs(session, fiscal_year)
    if as_json:
        print_json({"fiscal_year": fiscal_year, "runs": [run_json(run) for run in found]})
        return
    if not found:
        click.echo(f"{FiscalYear(fiscal_year).label}の按分はまだありません。 / No run of {fiscal_year} yet.")
    for run in found:
        _print_run(run)


@allocation.command("prepare")
@click.argument("fiscal_year", type=int)
@click.option("--kind", type=click.Choice([kind.value for kind in RunKind]), default=RunKind.ESTIMATE.value)
@as_json_option
@handle_errors
def prepare(fiscal_year: int, kind: str, as_json: bool) -> None:
    """按分を作成し、承認を申請する / Prepare the year's split and ask for its approval."""
    with app_context() as context:
        command = PrepareAllocation(fiscal_year=fiscal_year, kind=RunKind(kind))
        prepared = prepare_allocation(command, actor=context.actor)
    print_result({"run_id": str(prepared.run_id), "number": prepared.number, "digest": prepared.digest}, as_json)


@allocation.command("approve")
@click.argument("run_id", type=click.UUID)
@click.option("--digest", required=True, help="The digest of the run that was reviewed.")
@click.option(
    "--happened-on",
    type=DateParam(),
    help="The posting date; today, or the nearest day of the fiscal year, if omitted.",
)
@as_json_option
@handle_errors
def approve(run_id: UUID, digest: str, happened_on: date | None, as_json: bool) -> None:
    """按分を承認して記帳する / Approve a run that someone else prepared, and post it."""
    with app_context() as context:
        command = ApproveAllocation(run_id=run_id, digest=digest, happened_on=happened_on)
        approved = approve_allocation(command, actor=context.actor)
    result = {"run_id": str(run_id), "happened_on": approved.happened_on.isoformat(), "entries": approved.entries}
    print_result(result, as_json)


@allocation.command("reject")
@click.argument("run_id", type=click.UUID)
@click.option("--reason", "why", required=True)
@as_json_option
@handle_errors
def reject(run_id: UUID, why: str, as_json: bool) -> None:
    """按分を差し戻す / Send back a run that someone else prepared."""
    with app_context() as context:
        reject_allocation(RejectAllocation(run_id=run_id, reason=why), actor=context.actor)
    print_result({"run_id": str(run_id)}, as_json)


def _print_run(run: RunFacts) -> None:
    click.echo(
        f"{FiscalYear(run.fiscal_year).label} 第{run.number}回  {run.kind.value}  {run.state.value}  {run.digest}"
    )
    amounts = [
        *((share.code, share.name, share.share_yen) for share in run.shares),
        ("", "運営者の負担", run.operator_yen),
        ("", "端数（運営者）", run.operator_residual_yen),
        ("", "控除", run.deductions_yen),
        ("", "合計", run.total_yen),
    ]
    for code, name, yen in amounts:
        click.echo(f"  {code:<6}  {format_amount(yen):>19}円  {name}")
