"""Allocation over the API: runs with their shares and workings, and a split computed from a case."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from admin.core.guard import requires
from admin.features.allocation.entry_points import ENTRY_POINTS
from admin.interface.api_requests import PageQuery, YearPageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.paging import Page, page_request, page_response, paginate
from billing.allocation.calculation import compute
from billing.allocation.reading import AllocationFile, allocation_input
from billing.allocation.workings import ComputedAllocation, computed
from billing.runs import queries as runs
from billing.runs.queries import MemberWorkings, RunFacts, RunSummary, ShareFacts, ShareWorkings
from governance.commands import Command
from governance.kernel.database import db
from governance.kernel.models import ReadModel
from governance.kernel.strict_model import SchemaOf
from governance.permissions import Permission

routes = ApiRoutes(Tag.ALLOCATION, ENTRY_POINTS)


class RunPage(Page[RunSummary]):
    """Runs, newest first."""


class MemberWorkingsPage(Page[MemberWorkings]):
    """Workings of a run, member by member."""


class SharePage(Page[ShareFacts]):
    """A member's posted shares, newest first."""


class ComputeSplit(Command):
    """A case to compute, in the form that `moyai allocation compute` reads; ratios are text, such as "1/10"."""

    case: Annotated[dict[str, Any], SchemaOf(AllocationFile)]


class ComputedSplit(ReadModel):
    """What the case comes to, as `moyai allocation compute` prints it."""

    split: ComputedAllocation


@routes.query_route("/allocation-runs")
@requires(Permission.ALLOCATION_READ)
def list_runs(query: YearPageQuery) -> RunPage:
    """List allocation runs; a municipality has shares, not runs, and sees none here."""
    found = runs.run_summaries_page(db.session(), page_request(query), fiscal_year=query.fiscal_year)
    return page_response(RunPage, found)


@routes.query_route("/allocation-runs/<run>")
@requires(Permission.ALLOCATION_READ)
def get_run(run: UUID) -> RunFacts:
    """Show one run with its shares."""
    return runs.run_by_id(db.session(), run)


@routes.query_route("/allocation-runs/<run>/workings")
@requires(Permission.ALLOCATION_READ)
def list_run_workings(run: UUID, query: PageQuery) -> MemberWorkingsPage:
    """List how each share of a run came about."""
    runs.run_by_id(db.session(), run)
    found = runs.workings_of_run(db.session(), run)
    return paginate(MemberWorkingsPage, found, lambda row: str(row.tenant_id), query)


@routes.query_route("/tenants/<tenant>/shares")
@requires(Permission.ALLOCATION_READ)
def list_shares(tenant: UUID, query: YearPageQuery) -> SharePage:
    """List a member's posted shares."""
    found = runs.shares_of_tenant(db.session(), tenant, query.fiscal_year)
    return paginate(SharePage, found, lambda row: str(row.id), query)


@routes.query_route("/tenants/<tenant>/shares/<share>/workings")
@requires(Permission.ALLOCATION_READ)
def get_share_workings(tenant: UUID, share: UUID) -> ShareWorkings:
    """Show how one share came about."""
    found = runs.share_by_id(db.session(), share)
    return runs.workings_of_share(db.session(), tenant, found.id)


@routes.action_route("/allocation-computations", ComputeSplit)
@requires(Permission.ALLOCATION_COMPUTE)
def compute_split(command: ComputeSplit, key: str) -> ComputedSplit:
    """Compute the shares of a case; keeps nothing."""
    return ComputedSplit(split=computed(compute(allocation_input(command.case))))
