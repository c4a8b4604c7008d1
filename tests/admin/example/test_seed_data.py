"""What the example enters again leaves alone what a visitor did meanwhile."""

from __future__ import annotations

from datetime import UTC, date, datetime

from admin.example.municipalities import next_member
from admin.example.seed_data import (
    RULE,
    RULE_BODY,
    ExampleYear,
    example_year,
    seed_agreement_and_plan,
    seed_application,
    seed_cohort,
    seed_costs,
)
from billing.costs.commands import WithdrawCost, withdraw_cost
from billing.costs.queries import cost_items
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.fiscal_year import FiscalYear
from governance.rules.commands import DraftRule, draft_rule
from governance.rules.queries import rule_versions
from tenancy.applications.commands import WithdrawApplication, withdraw_application
from tenancy.applications.queries import applications, screening_view
from tenancy.applications.states import ApplicationState, AwaitedParty, CheckResult
from tests.actors import Actors

YEAR = ExampleYear(FiscalYear(2025))


def test_a_visitors_draft_stays_a_draft_and_a_withdrawn_cost_withdrawn(actors: Actors) -> None:
    seed_costs(actors.finance, finance=actors.finance, approver=actors.approver, year=YEAR)
    with tenant_scope(OPERATOR):
        first = cost_items(db.session(), YEAR.fiscal_year)
    withdraw_cost(WithdrawCost(item_id=first[0].id, reason="二重計上"), actor=actors.finance)
    draft_rule(
        DraftRule(name=RULE, label="運営費の負担", body=RULE_BODY, valid_from=date(2027, 4, 1)), actor=actors.finance
    )

    seed_costs(actors.finance, finance=actors.finance, approver=actors.approver, year=YEAR)

    with tenant_scope(OPERATOR):
        assert cost_items(db.session(), YEAR.fiscal_year) == first[1:]
        assert [version.decision is not None for version in rule_versions(db.session())] == [True, False]


def test_the_example_lives_in_the_year_of_the_day_it_is_loaded_and_stays_there(actors: Actors) -> None:
    with clock.at(datetime(2026, 11, 22, 1, 0, tzinfo=UTC)):
        year = example_year()
        assert (year.year, year.effective) == (2026, date(2025, 4, 1))
        assert year.first_cohort == ("r7", "令和7年度参加（例示データ）", 2025)
        assert year.second_cohort == ("r8", "令和8年度参加（例示データ）", 2026)
        for cohort in (year.first_cohort, year.second_cohort):
            seed_cohort(actors.onboarding, cohort, ())
    with clock.at(datetime(2027, 4, 1, 1, 0, tzinfo=UTC)):
        assert example_year() == year


def test_one_application_is_in_screening_and_stays_as_a_visitor_left_it(actors: Actors) -> None:
    with clock.at(datetime(2025, 6, 2, 1, 0, tzinfo=UTC)):
        version_id = seed_agreement_and_plan(actors.onboarding, YEAR)
        for _ in range(2):
            seed_application(actors.onboarding, next_member(), version_id, YEAR)
        with tenant_scope(OPERATOR):
            [one] = applications(db.session(), includes_drafts=True)
            seen = screening_view(db.session(), one.id, clock.today())
        assert (one.name, one.state, one.awaited) == (
            "山都町",
            ApplicationState.SCREENING,
            AwaitedParty.SCREENER,
        )
        assert not any(check.result is CheckResult.FAILS for check in seen.checks)
        assert not seen.is_complete

        withdraw_application(WithdrawApplication(application_id=one.id, reason="見送り"), actor=actors.onboarding)
        seed_application(actors.onboarding, next_member(), version_id, YEAR)

    with tenant_scope(OPERATOR):
        assert [one.state for one in applications(db.session())] == [ApplicationState.WITHDRAWN]
