"""Allocation over the API and the command line: runs with shares and workings, and a split computed from a case."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any
from uuid import UUID

from flask import Response

from admin.core.guard import requires
from admin.core.rate_limits import RateLimit
from admin.features.allocation.entry_points import ENTRY_POINTS
from admin.interface.api_requests import YearPageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from billing.allocation.calculation import compute
from billing.allocation.reading import AllocationFile, allocation_input
from billing.allocation.workings import ComputedAllocation, computed
from billing.runs import queries as runs
from billing.runs.council_sheet import council_sheet_pdf
from billing.runs.queries import MemberWorkings, RunFacts, RunSummary, ShareFacts, ShareWorkings, WorkingFacts
from governance.commands import Command
from governance.kernel.database import db
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.keyset import KeysetPage, PageRequest
from governance.kernel.models import ReadModel
from governance.kernel.strict_model import SchemaOf
from governance.kernel.yen import format_amount
from governance.permissions import Permission

routes = ApiRoutes(Tag.ALLOCATION, ENTRY_POINTS)


class ComputeSplit(Command):
    """A case to compute, in the form that `moyai allocation compute` reads; ratios are text, such as "1/10"."""

    case: Annotated[dict[str, Any], SchemaOf(AllocationFile)]


class ComputedSplit(ReadModel):
    """What the case comes to, as `moyai allocation compute` prints it."""

    split: ComputedAllocation


def run_lines(run: RunFacts) -> str:
    """A run as people read it: its heading, then an amount a line."""
    amounts = [
        *((share.code, share.name, share.share_yen) for share in run.shares),
        ("", "運営者の負担", run.operator_yen),
        ("", "端数（運営者）", run.operator_residual_yen),
        ("", "控除", run.deductions_yen),
        ("", "合計", run.total_yen),
    ]
    return "\n".join(
        [_heading(run), *(f"  {code:<6}  {format_amount(yen):>19}円  {name}" for code, name, yen in amounts)]
    )


def _heading(run: RunSummary) -> str:
    year = FiscalYear(run.fiscal_year).label
    return f"{year} {run.run_name.ja}  {run.state.value}  {run.digest}"


def _share_line(share: ShareFacts) -> str:
    year = FiscalYear(share.fiscal_year).label
    return f"{share.id}  {year} {share.run_name.ja}  {format_amount(share.share_yen):>19}円"


def _working_lines(workings: Iterable[WorkingFacts]) -> str:
    return "\n".join(
        f"  {line.component}  {format_amount(line.pool_yen)}円 × {line.ratio} × {line.weight} ÷ {line.weight_total}"
        f" = {line.exact_yen}"
        for line in workings
    )


@routes.list("/allocation-runs", Permission.ALLOCATION_READ, "RunPage")
@cli_query("allocation runs", "按分の一覧", "runs", lambda run: f"{run.id}  {_heading(run)}")
def list_runs(query: YearPageQuery, part: PageRequest) -> KeysetPage[RunSummary]:
    """List allocation runs, newest first; a municipality has shares, not runs, and sees none here."""
    return runs.run_summaries_page(db.session(), part, fiscal_year=query.fiscal_year)


@routes.query("/allocation-runs/<run>", Permission.ALLOCATION_READ)
@cli_query("allocation run", "按分を1回分見る", line=run_lines)
def get_run(run: UUID) -> RunFacts:
    """Show one run with its shares."""
    return runs.run_by_id(db.session(), run)


@routes.list("/allocation-runs/<run>/workings", Permission.ALLOCATION_READ, "MemberWorkingsPage", "tenant_id")
@cli_query(
    "allocation workings",
    "算定根拠",
    "members",
    lambda member: f"{member.code:<6}  {member.name}\n{_working_lines(member.workings)}",
)
def list_run_workings(run: UUID) -> Sequence[MemberWorkings]:
    """List how each share of a run came about, member by member."""
    return runs.workings_of_run(db.session(), runs.run_by_id(db.session(), run).id)


@routes.list("/tenants/<tenant>/shares", Permission.ALLOCATION_READ, "SharePage")
@cli_query("allocation shares", "団体の負担額の一覧", "shares", _share_line)
def list_shares(tenant: UUID, query: YearPageQuery) -> Sequence[ShareFacts]:
    """List a member's posted shares, newest first."""
    return runs.shares_of_tenant(db.session(), tenant, query.fiscal_year)


@routes.query("/tenants/<tenant>/shares/<share>/workings", Permission.ALLOCATION_READ)
@cli_query("allocation share", "団体の負担額の算定根拠", line=lambda found: _working_lines(found.items))
def get_share_workings(tenant: UUID, share: UUID) -> ShareWorkings:
    """Show how one share came about."""
    found = runs.share_by_id(db.session(), share)
    return runs.workings_of_share(db.session(), tenant, found.id)


@routes.query(
    "/tenants/<tenant>/shares/<share>/council-sheet",
    Permission.ALLOCATION_READ,
    content=("application/pdf",),
    limit=RateLimit.DOWNLOAD,
    ja="議会用の1枚を PDF で取得する",
)
def get_council_sheet(tenant: UUID, share: UUID) -> Response:
    """Answer one posted share on one A4 page, with its change and the reason, for the municipality's council."""
    answered = Response(council_sheet_pdf(db.session(), share), content_type="application/pdf")
    answered.headers["Content-Disposition"] = 'attachment; filename="council-sheet.pdf"'
    return answered


@routes.action_route("/allocation-computations", ComputeSplit, ja="負担額を計算する（保存なし）")
@requires(Permission.ALLOCATION_COMPUTE)
def compute_split(command: ComputeSplit, key: str) -> ComputedSplit:
    """Compute the shares of a case; keeps nothing."""
    return ComputedSplit(split=computed(compute(allocation_input(command.case))))
