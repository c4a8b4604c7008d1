"""ホーム: what there is to do today, then the figures. All of it is counted by the database, however many members."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

from flask import Blueprint

from admin.core.guard import current_actor, may, requires
from admin.features.approvals.stored import own_tasks
from admin.features.home.share_trend import share_trend
from admin.interface.lists import current_fiscal_year
from admin.interface.pages import render_page, session
from admin.workflows.waiting import OWN_SECTIONS, TaskSection
from billing.ledger.chart import AccountCode
from billing.ledger.queries import account_totals
from billing.notices.models import NoticeFacts
from billing.notices.queries import notices
from billing.runs.queries import ShareFacts, count_shares, run_summaries, shares_of_tenant
from billing.runs.states import RunState
from governance.kernel import clock
from governance.permissions import Permission
from tenancy import directory
from tenancy.announcements.queries import announcements
from tenancy.announcements.states import AnnouncementState
from tenancy.clients.queries import count_running
from tenancy.people.operators import named_from_command_line
from tenancy.people.queries import count_present
from tenancy.quotas.models import QuotaInForce, QuotaRequestFacts
from tenancy.quotas.queries import plan_in_force, quota_requests, quotas_in_force
from tenancy.quotas.states import QuotaRequestState
from tenancy.tenants.queries import cohorts, count_by_cohort, count_by_state
from tenancy.tenants.states import TenantState

pages = Blueprint("home", __name__, template_folder="templates")

TASKS_SHOWN: Final = 6
"""How many rows of what waits the first page shows."""

ANNOUNCEMENTS_SHOWN: Final = 5
"""How many announcements a municipality's first page shows, the newest."""


@pages.get("/")
@requires(Permission.OVERVIEW_READ)
def overview() -> tuple[str, int]:
    """What needs somebody first, then members, cohorts and cost."""
    return _operator_overview() if current_actor().is_operator else _tenant_overview()


def _operator_overview() -> tuple[str, int]:
    by_state = count_by_state(session())
    in_cohorts = count_by_cohort(session())
    all_cohorts = cohorts(session())
    runs = run_summaries(session(), limit=50)
    posted = next((run for run in runs if run.state is RunState.POSTED), None)
    year = posted.fiscal_year if posted else current_fiscal_year()
    before = next(
        (run for run in runs if posted and run.state is RunState.POSTED and run.id == posted.revises_id), None
    )
    return render_page(
        "home/overview",
        **_tasks_of_today(),
        operator_id=current_actor().tenant_id,
        named=named_from_command_line(session(), current_actor().tenant_id, clock.now()),
        by_state=by_state,
        members=by_state.get(TenantState.ACTIVE, 0),
        cohorts=[
            (cohort, in_cohorts.get(cohort.id, {}), sum(in_cohorts.get(cohort.id, {}).values()))
            for cohort in reversed(all_cohorts)
        ],
        year=year,
        posted=posted,
        before=before,
        paying_members=count_shares(session(), posted.id) if posted else 0,
        municipal_part=Fraction(
            posted.total_yen - posted.operator_yen - posted.operator_residual_yen - posted.deductions_yen,
            posted.total_yen,
        )
        if posted
        else None,
        receivable_yen=account_totals(session(), year).get(AccountCode.RECEIVABLE, 0),
        now=clock.now(),
    )


def _tenant_overview() -> tuple[str, int]:
    tenant = directory.tenant_by_id(session(), current_actor().tenant_id)
    today = clock.today()
    shares = shares_of_tenant(session(), tenant.id) if may(Permission.ALLOCATION_READ) else []
    issued = notices(session(), tenant_id=tenant.id) if may(Permission.NOTICE_READ) else []
    quotas = quotas_in_force(session(), tenant.id, today)
    shown = announcements(session(), today, state=AnnouncementState.SHOWN)
    return render_page(
        "home/overview_tenant",
        **_tasks_of_today(),
        announcements=shown[:ANNOUNCEMENTS_SHOWN],
        announcements_more=len(shown[ANNOUNCEMENTS_SHOWN:]),
        tenant=tenant,
        plan=plan_in_force(session(), tenant.id, today),
        quotas=_used(tenant.id, quotas),
        people=count_present(session(), tenant.id) if may(Permission.MEMBER_READ) else None,
        share=shares[0] if shares else None,
        trend=share_trend(shares),
        payable=_payable(issued, shares),
        notices=issued[-3:],
        now=clock.now(),
    )


def _tasks_of_today() -> dict[str, Any]:
    """The first rows of what waits, how many there are in all, and how many things others have to do."""
    rows = own_tasks()
    own = [row for row in rows if row.section in OWN_SECTIONS]
    return {
        "tasks": own[:TASKS_SHOWN],
        "tasks_more": sum(row.number for row in own[TASKS_SHOWN:]),
        "awaited": sum(row.number for row in rows if row.section is TaskSection.WAIT),
        "today": clock.today(),
    }


def _payable(issued: Sequence[NoticeFacts], shares: Sequence[ShareFacts]) -> list[NoticeFacts]:
    """The notices of the year of the newest share that ask for money, oldest first."""
    return [one for one in issued if shares and one.fiscal_year == shares[0].fiscal_year and one.due_on is not None]


def _used(
    tenant_id: UUID, quotas: Sequence[QuotaInForce]
) -> list[tuple[QuotaInForce, int | None, QuotaRequestFacts | None]]:
    """Each quota with what is used of it, None where that is not measured yet, and the request for another value."""
    used = {"users": count_present(session(), tenant_id), "service_clients": count_running(session(), tenant_id)}
    requested = {one.dimension: one for one in quota_requests(session(), tenant_id, state=QuotaRequestState.OPEN)}
    return [(quota, used.get(quota.dimension), requested.get(quota.dimension)) for quota in quotas]
