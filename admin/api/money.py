"""Costs, allocation runs with their workings, and notices."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any
from uuid import UUID

from flask import Response
from pydantic import BaseModel, ConfigDict

from admin.api.paging import Page, page_of
from admin.api.reading import PageQuery, Year, YearPageQuery
from admin.api.routes import Tag, act, deed, read
from admin.guard import asks
from billing.allocation.calculation import compute
from billing.allocation.reading import read_case
from billing.allocation.workings import as_json as split_json
from billing.costs import queries as costs
from billing.costs.commands import define_cost_pool, record_cost, withdraw_cost
from billing.costs.queries import ItemFacts, PoolFacts
from billing.notices import queries as notices
from billing.notices.commands import issue_notices
from billing.runs import queries as runs
from billing.runs.commands import approve_allocation, prepare_allocation, reject_allocation
from billing.runs.queries import ShareFacts, WorkingFacts
from billing.runs.tables import RunKind, RunState
from governance.commands import Order
from governance.kernel.database import db
from governance.kernel.fiscal_year import FiscalYear
from governance.permissions import Permission


class CostsQuery(PageQuery):
    """The costs of one fiscal year; with `withdrawn` those taken out too."""

    fiscal_year: Year
    withdrawn: bool = False


class PoolPage(Page[PoolFacts]):
    """Cost pools by name."""


class CostPage(Page[ItemFacts]):
    """Costs and deductions, oldest first."""


class RunHead(BaseModel):
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


class RunPage(Page[RunHead]):
    """Runs, newest first."""


class RunShown(RunHead):
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


class WorkingsShown(BaseModel):
    """The workings of one share, component by component."""

    items: list[WorkingFacts]


class ComputeSplit(Order):
    """A case to compute, in the form that `moyai allocation compute` reads; ratios are text, such as "1/10"."""

    case: dict[str, Any]


class SplitComputed(BaseModel):
    """Shares, operator's part, residual, workings and digest, as `moyai allocation compute` prints them."""

    split: dict[str, Any]


class NoticeShown(BaseModel):
    """A notice. `amount_yen` is what its run changed; `facts` is everything printed."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    tenant_id: UUID
    run_id: UUID
    number: str
    fiscal_year: int
    title: str
    addressee: str
    amount_yen: int
    issued_on: date
    due_on: date | None
    is_example: bool
    facts: dict[str, Any]
    pdf_sha256: str
    issued_at: datetime


class NoticePage(Page[NoticeShown]):
    """Notices by number."""


@read("/cost-pools", Tag.COSTS)
@asks(Permission.COST_READ)
def list_cost_pools(query: PageQuery) -> PoolPage:
    """List the kinds of cost and the rule that shares each."""
    return page_of(PoolPage, costs.cost_pools(db.session()), lambda row: row.name, query)


@read("/costs", Tag.COSTS)
@asks(Permission.COST_READ)
def list_costs(query: CostsQuery) -> CostPage:
    """List the costs of a fiscal year."""
    found = costs.cost_items(db.session(), FiscalYear(query.fiscal_year), withdrawn=query.withdrawn)
    return page_of(CostPage, found, lambda row: str(row.id), query)


@read("/allocation-runs", Tag.ALLOCATION)
@asks(Permission.ALLOCATION_READ)
def list_runs(query: YearPageQuery) -> RunPage:
    """List allocation runs; a municipality has shares, not runs, and sees none here."""
    found = [RunHead.model_validate(run) for run in runs.run_heads(db.session(), fiscal_year=query.fiscal_year)]
    return page_of(RunPage, found, lambda row: str(row.id), query)


@read("/allocation-runs/<run>", Tag.ALLOCATION)
@asks(Permission.ALLOCATION_READ)
def show_run(run: UUID) -> RunShown:
    """Show one run with its shares."""
    return RunShown.model_validate(runs.run_by_id(db.session(), run))


@read("/allocation-runs/<run>/workings", Tag.ALLOCATION)
@asks(Permission.ALLOCATION_READ)
def list_workings_of_run(run: UUID, query: PageQuery) -> MemberWorkingsPage:
    """List how each share of a run came about."""
    runs.run_by_id(db.session(), run)
    found = [
        MemberWorkings(tenant_id=tenant_id, workings=lines)
        for tenant_id, lines in runs.workings_of_run(db.session(), run).items()
    ]
    return page_of(MemberWorkingsPage, found, lambda row: str(row.tenant_id), query)


@read("/tenants/<tenant>/shares", Tag.ALLOCATION)
@asks(Permission.ALLOCATION_READ)
def list_shares(tenant: UUID, query: YearPageQuery) -> SharePage:
    """List a member's posted shares."""
    found = runs.shares_of_tenant(db.session(), tenant, query.fiscal_year)
    return page_of(SharePage, found, lambda row: str(row.id), query)


@read("/tenants/<tenant>/shares/<share>/workings", Tag.ALLOCATION)
@asks(Permission.ALLOCATION_READ)
def show_workings_of_share(tenant: UUID, share: UUID) -> WorkingsShown:
    """Show how one share came about."""
    found = runs.share_by_id(db.session(), share)
    return WorkingsShown(items=runs.workings_of_share(db.session(), tenant, found.id))


@act("/allocation-computations", Tag.ALLOCATION, ComputeSplit)
@asks(Permission.ALLOCATION_COMPUTE)
def compute_split(order: ComputeSplit, key: str) -> SplitComputed:
    """Compute the shares of a case; keeps nothing."""
    return SplitComputed(split=split_json(compute(read_case(json.dumps(order.case, ensure_ascii=False).encode()))))


@read("/notices", Tag.NOTICES)
@asks(Permission.NOTICE_READ)
def list_notices(query: YearPageQuery) -> NoticePage:
    """List notices."""
    found = [NoticeShown.model_validate(one) for one in notices.notices(db.session(), fiscal_year=query.fiscal_year)]
    return page_of(NoticePage, found, lambda row: row.number, query)


@read("/notices/<notice>", Tag.NOTICES)
@asks(Permission.NOTICE_READ)
def show_notice(notice: UUID) -> NoticeShown:
    """Show one notice."""
    return NoticeShown.model_validate(notices.notice_by_id(db.session(), notice))


@read("/notices/<notice>/pdf", Tag.NOTICES, content=("application/pdf",))
@asks(Permission.NOTICE_READ)
def show_notice_pdf(notice: UUID) -> Response:
    """Answer the paper as it was issued."""
    number = notices.notice_by_id(db.session(), notice).number
    answered = Response(notices.notice_pdf(db.session(), notice), content_type="application/pdf")
    answered.headers["Content-Disposition"] = f'attachment; filename="notice-{number}.pdf"'
    return answered


deed("POST", "/cost-pools", define_cost_pool, Tag.COSTS)
deed("POST", "/costs", record_cost, Tag.COSTS)
deed("POST", "/costs/<item>/withdrawal", withdraw_cost, Tag.COSTS, {"item": "item_id"})
deed("POST", "/allocation-runs", prepare_allocation, Tag.ALLOCATION)
deed("POST", "/allocation-runs/<run>/approval", approve_allocation, Tag.ALLOCATION, {"run": "run_id"})
deed("POST", "/allocation-runs/<run>/rejection", reject_allocation, Tag.ALLOCATION, {"run": "run_id"})
deed("POST", "/allocation-runs/<run>/notices", issue_notices, Tag.NOTICES, {"run": "run_id"})
