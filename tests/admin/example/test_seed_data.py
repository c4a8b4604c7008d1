"""What the example enters again leaves alone what a visitor did meanwhile."""

from __future__ import annotations

from datetime import date

from admin.example.seed_data import FISCAL_YEAR, RULE, RULE_BODY, seed_costs
from billing.costs.commands import WithdrawCost, withdraw_cost
from billing.costs.queries import cost_items
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.fiscal_year import FiscalYear
from governance.rules.commands import DraftRule, draft_rule
from governance.rules.queries import rule_versions
from tests.actors import Actors


def test_a_visitors_draft_stays_a_draft_and_a_withdrawn_cost_withdrawn(actors: Actors) -> None:
    seed_costs(actors.finance, finance=actors.finance, approver=actors.approver)
    with tenant_scope(OPERATOR):
        first = cost_items(db.session(), FiscalYear(FISCAL_YEAR))
    withdraw_cost(WithdrawCost(item_id=first[0].id, reason="二重計上"), actor=actors.finance)
    draft_rule(
        DraftRule(name=RULE, label="運営費の負担", body=RULE_BODY, valid_from=date(2027, 4, 1)), actor=actors.finance
    )

    seed_costs(actors.finance, finance=actors.finance, approver=actors.approver)

    with tenant_scope(OPERATOR):
        assert cost_items(db.session(), FiscalYear(FISCAL_YEAR)) == first[1:]
        assert [version.decision is not None for version in rule_versions(db.session())] == [True, False]
