"""Allocation over the API: runs with their shares and workings, and a split computed from a case."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from admin.core.guard import requires
from admin.interface.api_requests import PageQuery, YearPageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.paging import Page, paginate
from billing.allocation.calculation import compute
from billing.allocation.reading import read_allocation_input
from billing.allocation.workings import as_json as split_json
from billing.runs import queries as runs
from billing.runs.commands import approve_allocation, prepare_allocation, reject_allocation
from billing.runs.queries import ShareFacts, WorkingFacts
from billing.runs.states import RunKind, RunState
from governance.commands import Command
from governance.kernel.database import db
from governance.permissions import Permission

routes = ApiRoutes(Tag.ALLOCATION)


class RunSummaryResponse(BaseModel):
    """A run without its shares. All amounts are whole yen."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    fiscal_year: int
    number: int
    kind: RunKind
    state: RunState
    revises_id: UUID | None
    total_yen: int
    operator_yen: int
    operator_residual_yen: int
    deductions_yen: int
    digest: str
    prepared_at: datetime
    prepared_by: str
    requested_by: str
    decided_at: datetime | None
    happened_on: date | None


class RunPage(Page[RunSummaryResponse]):
    """Runs, newest first."""


class RunResponse(RunSummaryResponse):
    """A run with the share of each member, lower code first, and the versions of its inputs."""

    inputs: dict[str, Any]
    shares: list[ShareFacts]


class MemberWorkings(BaseModel):
    """How one member's share came about."""

    tenant_id: UUID
    workings: list[WorkingFacts]


class MemberWorkingsPage(Page[MemberWorkings]):
    """Workings of a run, member by member."""


class SharePage(Page[ShareFacts]):
    """A member's posted shares, newest first."""


class WorkingsResponse(BaseModel):
    """The workings of one share, component by component."""

    items: list[WorkingFacts]


class ComputeSplit(Command):
    """A case to compute, in the form that `moyai allocation compute` reads; ratios are text, such as "1/10"."""

    case: dict[str, Any]


class SplitResponse(BaseModel):
    """Shares, operator's part, residual, workings and digest, as `moyai allocation compute` prints them."""

    split: dict[str, Any]


@routes.query_route("/allocation-runs")
@requires(Permission.ALLOCATION_READ)
def list_runs(query: YearPageQuery) -> RunPage:
    """List allocation runs; a municipality has shares, not runs, and sees none here."""
    found = [
        RunSummaryResponse.model_validate(run)
        for run in runs.run_summaries(db.session(), fiscal_year=query.fiscal_year)
    ]
    return paginate(RunPage, found, lambda row: str(row.id), query)


@routes.query_route("/allocation-runs/<run>")
@requires(Permission.ALLOCATION_READ)
def show_run(run: UUID) -> RunResponse:
    """Show one run with its shares."""
    return RunResponse.model_validate(runs.run_by_id(db.session(), run))


@routes.query_route("/allocation-runs/<run>/workings")
@requires(Permission.ALLOCATION_READ)
def list_workings_of_run(run: UUID, query: PageQuery) -> MemberWorkingsPage:
    """List how each share of a run came about."""
    runs.run_by_id(db.session(), run)
    found = [
        MemberWorkings(tenant_id=tenant_id, workings=lines)
        for tenant_id, lines in runs.workings_of_run(db.session(), run).items()
    ]
    return paginate(MemberWorkingsPage, found, lambda row: str(row.tenant_id), query)


@routes.query_route("/tenants/<tenant>/shares")
@requires(Permission.ALLOCATION_READ)
def list_shares(tenant: UUID, query: YearPageQuery) -> SharePage:
    """List a member's posted shares."""
    found = runs.shares_of_tenant(db.session(), tenant, query.fiscal_year)
    return paginate(SharePage, found, lambda row: str(row.id), query)


@routes.query_route("/tenants/<tenant>/shares/<share>/workings")
@requires(Permission.ALLOCATION_READ)
def show_workings_of_share(tenant: UUID, share: UUID) -> WorkingsResponse:
    """Show how one share came about."""
    found = runs.share_by_id(db.session(), share)
    return WorkingsResponse(items=runs.workings_of_share(db.session(), tenant, found.id))


@routes.action_route("/allocation-computations", ComputeSplit)
@requires(Permission.ALLOCATION_COMPUTE)
def compute_split(command: ComputeSplit, key: str) -> SplitResponse:
    """Compute the shares of a case; keeps nothing."""
    return SplitResponse(
        split=split_json(compute(read_allocation_input(json.dumps(command.case, ensure_ascii=False).encode())))
    )


routes.command_route("POST", "/allocation-runs", prepare_allocation)

routes.command_route("POST", "/allocation-runs/<run>/approval", approve_allocation, {"run": "run_id"})

routes.command_route("POST", "/allocation-runs/<run>/rejection", reject_allocation, {"run": "run_id"})
