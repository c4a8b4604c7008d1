"""Costs: recorded with their source and tax kind, withdrawn with a reason, never rewritten."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from billing.costs.commands import (
    CONTRIBUTION_REASON,
    DefineCostPool,
    RecordCost,
    WithdrawCost,
    define_cost_pool,
    record_cost,
    withdraw_cost,
)
from billing.costs.queries import CostItemFacts, cost_items, cost_pools
from billing.costs.states import TaxKind
from governance.declaration import InvalidCommand, read_command
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, DomainError, Invalid, NotAllowed, NotFound
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.ids import new_id
from governance.permissions import Role
from tests.factories import Factory


@pytest.fixture
def running(factory: Factory) -> Factory:
    """A pool to record costs in."""
    factory.draft()
    return factory


def record(factory: Factory, **change: Any) -> UUID:
    command = {"fiscal_year": 2025, "pool": "running", "name": "運用保守", "yen": 1_200_000, "source": "契約書"}
    return record_cost(read_command(RecordCost, {**command, **change}), actor=factory.actors.finance).item_id


def items(*, withdrawn: bool = False) -> list[CostItemFacts]:
    with tenant_scope(OPERATOR):
        return cost_items(db.session(), FiscalYear(2025), withdrawn=withdrawn)


def test_a_burden_is_out_of_scope_of_consumption_tax_with_the_reason_kept(running: Factory) -> None:
    record(running)

    [item] = items()
    assert (item.yen, item.tax_kind, item.tax_reason) == (1_200_000, TaxKind.OUT_OF_SCOPE, CONTRIBUTION_REASON)
    assert (item.pool.name, item.source) == ("running", "契約書")


def test_a_taxable_line_says_why(running: Factory) -> None:
    with pytest.raises(Invalid) as refusal:
        record(running, tax_kind=TaxKind.TAXABLE_10)
    record(running, tax_kind=TaxKind.TAXABLE_10, tax_reason="委託料のため")

    assert refusal.value.field == "tax_reason"
    assert [item.tax_reason for item in items()] == ["委託料のため"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"yen": 0}, "yen"),
        ({"yen": -1}, "yen"),
        ({"yen": 10**15 + 1}, "yen"),
        ({"fiscal_year": 1988}, "fiscal_year"),
        ({"incurred_on": date(2026, 4, 1)}, "incurred_on"),
        ({"pool": "unknown"}, "pool"),
        ({"name": "運用\u200b保守"}, "name"),
        ({"source": ""}, "source"),
    ],
)
def test_what_cannot_be_recorded_is_refused_by_its_field(running: Factory, change: dict[str, Any], field: str) -> None:
    with pytest.raises(DomainError) as refusal:
        record(running, **change)

    assert refusal.value.field == field
    assert items() == []


@pytest.mark.parametrize("yen", [True, 5.5, "5", float("nan")])
def test_what_is_not_a_whole_number_is_no_command(running: Factory, yen: object) -> None:
    with pytest.raises(InvalidCommand) as refusal:
        record(running, yen=yen)

    assert refusal.value.field == "yen"

    assert items() == []


def test_the_last_day_of_the_year_belongs_to_it(running: Factory) -> None:
    record(running, incurred_on=date(2026, 3, 31))

    assert [item.incurred_on for item in items()] == [date(2026, 3, 31)]


def test_a_withdrawn_cost_stays_visible_with_its_reason_and_is_shared_no_more(running: Factory) -> None:
    item_id = record(running)

    withdraw_cost(WithdrawCost(item_id=item_id, reason="二重登録"), actor=running.actors.finance)

    assert items() == []
    assert [item.withdrawn_reason for item in items(withdrawn=True)] == ["二重登録"]
    with pytest.raises(Conflict) as refusal:
        withdraw_cost(WithdrawCost(item_id=item_id, reason="もう一度"), actor=running.actors.finance)
    assert refusal.value.code == "cost.already_withdrawn"


def test_a_cost_that_is_not_there_is_not_withdrawn(running: Factory) -> None:
    with pytest.raises(NotFound):
        withdraw_cost(WithdrawCost(item_id=new_id(), reason="誤り"), actor=running.actors.finance)


def test_the_database_lets_only_the_withdrawal_be_written(running: Factory) -> None:
    record(running)

    for change in (
        "UPDATE cost_item SET yen = 1",
        "DELETE FROM cost_item",
        "UPDATE cost_pool SET label = '別'",
        "INSERT INTO cost_item SELECT gen_random_uuid(), tenant_id, pool_id, fiscal_year, kind, name, 0, tax_kind,"
        " tax_reason, source, incurred_on, recorded_at, recorded_by FROM cost_item",
    ):
        with tenant_scope(OPERATOR):
            with pytest.raises(DBAPIError):
                db.session().execute(text(change))
            db.session().rollback()

    assert [item.yen for item in items()] == [1_200_000]


def test_defining_a_pool_again_changes_nothing_and_otherwise_is_refused(running: Factory) -> None:
    command = DefineCostPool(name="running", label="運営経費", rule="running-cost")

    define_cost_pool(command, actor=running.actors.finance)
    with pytest.raises(Conflict) as refusal:
        define_cost_pool(command.model_copy(update={"label": "別の経費"}), actor=running.actors.finance)
    with pytest.raises(NotFound):
        define_cost_pool(command.model_copy(update={"rule": "unknown"}), actor=running.actors.finance)

    assert refusal.value.code == "cost.pool_exists"
    with tenant_scope(OPERATOR):
        assert [pool.label for pool in cost_pools(db.session())] == ["運営経費"]


def test_a_municipality_sees_no_item_and_records_none(running: Factory) -> None:
    record(running)
    own = new_id()
    person = running.actors.municipal(own, Role.TENANT_FINANCE)

    with tenant_scope(own):
        assert cost_items(db.session(), FiscalYear(2025)) == []
    with pytest.raises(NotAllowed):
        record_cost(RecordCost(fiscal_year=2025, pool="running", name="経費", yen=1, source="契約書"), actor=person)
    assert len(items()) == 1
