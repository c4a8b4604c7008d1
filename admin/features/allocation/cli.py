"""`moyai allocation`: the runs of a fiscal year with their shares and workings, and their preparation and approval."""

from __future__ import annotations

from uuid import UUID

import click
from sqlalchemy.orm import Session

from admin.features.allocation.compute_cli import allocation
from admin.interface.output import Answer, rows
from admin.interface.paging import page_rows
from admin.interface.param_types import find_tenant
from billing.runs import queries
from billing.runs.queries import (
    RunFacts,
    RunSummary,
    ShareFacts,
    WorkingFacts,
    YearSplits,
)
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.keyset import PageRequest
from governance.kernel.yen import format_amount
from governance.permissions import Permission

__all__ = ["allocation"]


@allocation.query("show", Permission.ALLOCATION_READ)
@click.argument("fiscal_year", type=int)
def show_year(session: Session, fiscal_year: int) -> Answer:
    """年度の按分を見る / Every run of a fiscal year, oldest first; a revision shows the whole new split."""
    found = queries.runs(session, fiscal_year)
    none_yet = f"{FiscalYear(fiscal_year).label}の按分はまだありません。 / No run of {fiscal_year} yet."
    splits = YearSplits(fiscal_year=fiscal_year, runs=tuple(run.split for run in found))
    return Answer(splits, [line for run in found for line in _run_lines(run)] or [none_yet])


@allocation.query("runs", Permission.ALLOCATION_READ, paged=True)
@click.option("--fiscal-year", type=int, help="Only this fiscal year.")
def list_runs(session: Session, part: PageRequest, fiscal_year: int | None) -> Answer:
    """按分の一覧 / Every run without its shares, newest first."""
    found = queries.run_summaries_page(session, part, fiscal_year=fiscal_year)
    return page_rows("runs", found, lambda run: f"{run.id}  {_heading(run)}")


@allocation.query("run", Permission.ALLOCATION_READ)
@click.argument("run_id", type=click.UUID)
def show_run(session: Session, run_id: UUID) -> Answer:
    """按分を1回分見る / One run with its shares and the versions of its inputs."""
    run = queries.run_by_id(session, run_id)
    return Answer(run, _run_lines(run))


@allocation.query("workings", Permission.ALLOCATION_READ)
@click.argument("run_id", type=click.UUID)
def list_workings(session: Session, run_id: UUID) -> Answer:
    """算定根拠 / How each share of a run came about, component by component."""
    run = queries.run_by_id(session, run_id)
    names = {share.tenant_id: f"{share.code:<6}  {share.name}" for share in run.shares}
    return rows(
        "members",
        queries.workings_of_run(session, run.id),
        lambda member: "\n".join((names[member.tenant_id], *map(_working_line, member.workings))),
    )


@allocation.query("shares", Permission.ALLOCATION_READ)
@click.argument("code")
@click.option("--fiscal-year", type=int, help="Only this fiscal year.")
def list_shares(session: Session, code: str, fiscal_year: int | None) -> Answer:
    """団体の負担額の一覧 / A member's posted shares, newest first."""
    return rows("shares", queries.shares_of_tenant(session, find_tenant(session, code).id, fiscal_year), _share_line)


@allocation.query("share", Permission.ALLOCATION_READ)
@click.argument("code")
@click.argument("share_id", type=click.UUID)
def show_share(session: Session, code: str, share_id: UUID) -> Answer:
    """団体の負担額の算定根拠 / How one share of a member came about, component by component."""
    tenant_id = find_tenant(session, code).id
    share = queries.share_by_id(session, share_id)
    return rows("items", queries.workings_of_share(session, tenant_id, share.id).items, _working_line)


def _heading(run: RunSummary) -> str:
    year = FiscalYear(run.fiscal_year).label
    return f"{year} 第{run.number}回  {run.kind.value}  {run.state.value}  {run.digest}"


def _share_line(share: ShareFacts) -> str:
    year = FiscalYear(share.fiscal_year).label
    return f"{share.id}  {year} 第{share.run_number}回  {share.kind.value}  {format_amount(share.share_yen):>19}円"


def _working_line(line: WorkingFacts) -> str:
    parts = f"{format_amount(line.pool_yen)}円 × {line.ratio} × {line.weight} ÷ {line.weight_total}"
    return f"  {line.component}  {parts} = {line.exact_yen}"


def _run_lines(run: RunFacts) -> list[str]:
    amounts = [
        *((share.code, share.name, share.share_yen) for share in run.shares),
        ("", "運営者の負担", run.operator_yen),
        ("", "端数（運営者）", run.operator_residual_yen),
        ("", "控除", run.deductions_yen),
        ("", "合計", run.total_yen),
    ]
    return [_heading(run), *(f"  {code:<6}  {format_amount(yen):>19}円  {name}" for code, name, yen in amounts)]
