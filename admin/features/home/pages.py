"""概要: the answer in five seconds. Everything on it is counted by the database, however many members there are."""

from __future__ import annotations

from fractions import Fraction

from flask import Blueprint

from admin.core.guard import current_actor, may, requires
from admin.features.approvals.pages import pending_items
from admin.interface.lists import current_fiscal_year
from admin.interface.pages import render_page, session
from billing.ledger.chart import AccountCode
from billing.ledger.queries import account_totals
from billing.notices.queries import notices
from billing.runs.queries import count_shares, run_summaries, shares_of_tenant
from billing.runs.states import RunState
from governance.agreements.queries import unaccepted
from governance.kernel import clock
from governance.permissions import Permission
from tenancy import directory
from tenancy.onboarding.queries import count_blocked
from tenancy.people.operators import named_from_command_line
from tenancy.people.queries import count_present
from tenancy.quotas.queries import plan_in_force, quotas_in_force
from tenancy.tenants.queries import cohorts, count_by_cohort, count_by_state
from tenancy.tenants.states import TenantState

pages = Blueprint("home", __name__, template_folder="templates")


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
        pending=pending_items(limit=5),
        operator_id=current_actor().tenant_id,
        named=named_from_command_line(session(), current_actor().tenant_id, clock.now()),
        by_state=by_state,
        members=by_state.get(TenantState.ACTIVE, 0),
        cohorts=[
            (cohort, in_cohorts.get(cohort.id, {}), sum(in_cohorts.get(cohort.id, {}).values()))
            for cohort in reversed(all_cohorts)
        ],
        next_cohort=next(
            (
                cohort
                for cohort in all_cohorts
                if in_cohorts.get(cohort.id, {}).get(TenantState.AGREED) and may(Permission.COHORT_APPLY)
            ),
            None,
        ),
        blocked_count=count_blocked(session()),
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
    sees_money = may(Permission.ALLOCATION_READ)
    shares = shares_of_tenant(session(), tenant.id) if sees_money else []
    return render_page(
        "home/overview_tenant",
        tenant=tenant,
        pending=pending_items(limit=5),
        to_accept=unaccepted(session(), tenant.id, today),
        plan=plan_in_force(session(), tenant.id, today),
        quotas=quotas_in_force(session(), tenant.id, today),
        people=count_present(session(), tenant.id) if may(Permission.MEMBER_READ) else None,
        share=shares[0] if shares else None,
        notices=notices(session(), tenant_id=tenant.id)[-3:] if may(Permission.NOTICE_READ) else [],
        now=clock.now(),
    )
