"""`moyai allocation`: the runs of a fiscal year with their shares and workings, and their preparation and approval."""

from __future__ import annotations

from uuid import UUID

import click

from admin.features.allocation.compute_cli import allocation
from admin.features.allocation.entry_points import ENTRY_POINTS
from admin.interface.cli_context import app_context
from admin.interface.command_line import derive_command
from admin.interface.output import handle_errors, print_model, print_models
from admin.interface.param_types import as_json_option, find_tenant
from billing.runs import queries
from billing.runs.queries import (
    RunFacts,
    RunSummary,
    ShareFacts,
    WorkingFacts,
    YearSplits,
)
from governance.commands import system_transaction
from governance.kernel.database import OPERATOR
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.yen import format_amount

__all__ = ["allocation"]

for _entry_point in ENTRY_POINTS:
    allocation.add_command(derive_command(_entry_point))


@allocation.command("show")
@click.argument("fiscal_year", type=int)
@as_json_option
@handle_errors
def show_year(fiscal_year: int, as_json: bool) -> None:
    """年度の按分を見る / Every run of a fiscal year, oldest first; a revision shows the whole new split."""
    with app_context(), system_transaction(OPERATOR) as session:
        found = queries.runs(session, fiscal_year)
    if as_json:
        print_model(YearSplits(fiscal_year=fiscal_year, runs=tuple(run.split for run in found)), as_json)
        return
    if not found:
        click.echo(f"{FiscalYear(fiscal_year).label}の按分はまだありません。 / No run of {fiscal_year} yet.")
    for run in found:
        _print_run(run)


@allocation.command("runs")
@click.option("--fiscal-year", type=int, help="Only this fiscal year.")
@as_json_option
@handle_errors
def list_runs(fiscal_year: int | None, as_json: bool) -> None:
    """按分の一覧 / Every run without its shares, newest first."""
    with app_context(), system_transaction(OPERATOR) as session:
        found = queries.run_summaries(session, fiscal_year=fiscal_year)
    print_models("runs", found, as_json, lambda run: f"{run.id}  {_heading(run)}")


@allocation.command("run")
@click.argument("run_id", type=click.UUID)
@as_json_option
@handle_errors
def show_run(run_id: UUID, as_json: bool) -> None:
    """按分を1回分見る / One run with its shares and the versions of its inputs."""
    with app_context(), system_transaction(OPERATOR) as session:
        run = queries.run_by_id(session, run_id)
    if as_json:
        print_model(run, as_json)
        return
    _print_run(run)


@allocation.command("workings")
@click.argument("run_id", type=click.UUID)
@as_json_option
@handle_errors
def list_workings(run_id: UUID, as_json: bool) -> None:
    """算定根拠 / How each share of a run came about, component by component."""
    with app_context(), system_transaction(OPERATOR) as session:
        run = queries.run_by_id(session, run_id)
        found = queries.workings_of_run(session, run.id)
    names = {share.tenant_id: f"{share.code:<6}  {share.name}" for share in run.shares}
    print_models(
        "members",
        found,
        as_json,
        lambda member: "\n".join((names[member.tenant_id], *map(_working_line, member.workings))),
    )


@allocation.command("shares")
@click.argument("code")
@click.option("--fiscal-year", type=int, help="Only this fiscal year.")
@as_json_option
@handle_errors
def list_shares(code: str, fiscal_year: int | None, as_json: bool) -> None:
    """団体の負担額の一覧 / A member's posted shares, newest first."""
    with app_context(), system_transaction(OPERATOR) as session:
        found = queries.shares_of_tenant(session, find_tenant(session, code).id, fiscal_year)
    print_models("shares", found, as_json, _share_line)


@allocation.command("share")
@click.argument("code")
@click.argument("share_id", type=click.UUID)
@as_json_option
@handle_errors
def show_share(code: str, share_id: UUID, as_json: bool) -> None:
    """団体の負担額の算定根拠 / How one share of a member came about, component by component."""
    with app_context(), system_transaction(OPERATOR) as session:
        tenant_id = find_tenant(session, code).id
        share = queries.share_by_id(session, share_id)
        found = queries.workings_of_share(session, tenant_id, share.id)
    print_models("items", found.items, as_json, _working_line)


def _heading(run: RunSummary) -> str:
    year = FiscalYear(run.fiscal_year).label
    return f"{year} 第{run.number}回  {run.kind.value}  {run.state.value}  {run.digest}"


def _share_line(share: ShareFacts) -> str:
    year = FiscalYear(share.fiscal_year).label
    return f"{share.id}  {year} 第{share.run_number}回  {share.kind.value}  {format_amount(share.share_yen):>19}円"


def _working_line(line: WorkingFacts) -> str:
    parts = f"{format_amount(line.pool_yen)}円 × {line.ratio} × {line.weight} ÷ {line.weight_total}"
    return f"  {line.component}  {parts} = {line.exact_yen}"


def _print_run(run: RunFacts) -> None:
    click.echo(_heading(run))
    amounts = [
        *((share.code, share.name, share.share_yen) for share in run.shares),
        ("", "運営者の負担", run.operator_yen),
        ("", "端数（運営者）", run.operator_residual_yen),
        ("", "控除", run.deductions_yen),
        ("", "合計", run.total_yen),
    ]
    for code, name, yen in amounts:
        click.echo(f"  {code:<6}  {format_amount(yen):>19}円  {name}")
