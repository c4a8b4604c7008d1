"""Quotas: what is in force on which day, and that another value needs another person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from governance.actors import Actor
from governance.approvals.states import Decision
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, Invalid, NotAllowed, NotFound, Stale
from governance.kernel.ids import new_id
from governance.permissions import Role
from tenancy.quotas import queries
from tenancy.quotas.commands import (
    AssignPlan,
    DecideQuota,
    DefinePlan,
    QuotaRequested,
    RequestQuota,
    assign_plan,
    decide_quota,
    define_plan,
    request_quota,
)
from tests.actors import Actors
from tests.database_rows import recorded, rows
from tests.factories import STANDARD, Factory

APRIL = date(2025, 4, 1)
OCTOBER = date(2025, 10, 1)


def _in_force(tenant_id: UUID, on: date) -> dict[str, int | None]:
    with tenant_scope(OPERATOR):
        return {quota.dimension: quota.value for quota in queries.quotas_in_force(db.session(), tenant_id, on)}


def _on_standard(actors: Actors) -> UUID:
    tenant_id = Factory(actors).kumamoto_city()
    Factory(actors).define_standard()
    Factory(actors).put_on_standard(tenant_id)
    return tenant_id


def _ask(actor: Actor, tenant_id: UUID, value: int | None = 500, dimension: str = "users") -> QuotaRequested:
    return request_quota(
        RequestQuota(tenant_id=tenant_id, dimension=dimension, value=value, reason="職員の増員"), actor=actor
    )


def _decide(actor: Actor, asked: QuotaRequested, decision: Decision = Decision.APPROVED, **other: Any) -> int | None:
    command = DecideQuota.model_validate(
        {"request_id": asked.request_id, "digest": asked.digest, "decision": decision, "reason": "必要と認める"} | other
    )
    return decide_quota(command, actor=actor).value


def test_without_a_plan_nothing_is_in_force(factory: Factory) -> None:
    assert _in_force(factory.kumamoto_city(), APRIL) == {}


def test_a_plan_holds_from_its_day_and_not_before(actors: Actors) -> None:
    tenant_id = _on_standard(actors)

    assert _in_force(tenant_id, date(2025, 3, 31)) == {}
    assert _in_force(tenant_id, APRIL) == STANDARD


def test_new_values_of_a_plan_supersede_from_a_day_on_and_the_past_stays(actors: Actors, factory: Factory) -> None:
    tenant_id = _on_standard(actors)

    factory.define_standard(OCTOBER, users=None, storage_gib=0)

    assert _in_force(tenant_id, date(2025, 9, 30)) == STANDARD
    assert _in_force(tenant_id, OCTOBER) == STANDARD | {"users": None, "storage_gib": 0}
    before = rows("plan_quota")
    factory.define_standard(OCTOBER, users=None, storage_gib=0)
    assert rows("plan_quota") == before
    assert len(recorded("plan.defined")) == 2


@pytest.mark.parametrize(
    ("quotas", "reason"),
    [
        (STANDARD | {"gpu_hours": 5}, "quota.dimension_unknown"),
        ({"users": 5}, "plan.dimension_missing"),
        ({}, "plan.dimension_missing"),
    ],
)
def test_a_plan_says_something_about_every_dimension_and_no_other(
    actors: Actors, quotas: dict[str, int | None], reason: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        define_plan(DefinePlan(name="light", label="軽量", quotas=quotas), actor=actors.onboarding)

    assert refusal.value.code == reason
    assert (refusal.value.field or "").startswith("quotas.")
    assert (rows("plan"), rows("plan_quota")) == ([], [])


@pytest.mark.parametrize("value", [-1, True, "5", 1.5, 2**63, float("nan")])
def test_a_value_is_a_whole_number_or_nothing(value: object) -> None:
    with pytest.raises(ValidationError):
        DefinePlan.model_validate({"name": "light", "label": "軽量", "quotas": STANDARD | {"users": value}})


def test_a_value_that_begins_later_is_not_taken_back_in_passing(actors: Actors, factory: Factory) -> None:
    tenant_id = _on_standard(actors)
    factory.define_standard(OCTOBER, users=99)
    before = rows("plan_quota")

    with pytest.raises(Conflict) as refusal:
        factory.define_standard(date(2025, 7, 1), users=50)

    assert refusal.value.code == "quota.later_one_stands"
    assert rows("plan_quota") == before
    assert _in_force(tenant_id, OCTOBER)["users"] == 99


def test_an_unknown_plan_is_refused(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()

    with pytest.raises(NotFound) as refusal:
        assign_plan(AssignPlan(tenant_id=tenant_id, plan="gold"), actor=actors.onboarding)

    assert (refusal.value.field, refusal.value.facts["given"]) == ("plan", "gold")
    assert rows("tenant_plan") == []


def test_another_plan_supersedes_and_the_same_one_changes_nothing(actors: Actors, factory: Factory) -> None:
    tenant_id = _on_standard(actors)
    define_plan(
        DefinePlan(name="large", label="拡張", quotas=STANDARD | {"users": 900}, valid_from=APRIL),
        actor=actors.onboarding,
    )
    factory.put_on_standard(tenant_id)
    assert len(rows("tenant_plan")) == 1

    assign_plan(AssignPlan(tenant_id=tenant_id, plan="large", valid_from=OCTOBER), actor=actors.onboarding)

    assert [_in_force(tenant_id, on)["users"] for on in (date(2025, 9, 30), OCTOBER)] == [3, 900]


def test_a_request_approved_by_another_person_replaces_the_plans_value(actors: Actors) -> None:
    tenant_id = _on_standard(actors)
    asked = _ask(actors.municipal(tenant_id, Role.TENANT_OWNER), tenant_id)
    assert _in_force(tenant_id, clock.today())["users"] == 3

    assert _decide(actors.approver, asked) == 500

    assert _in_force(tenant_id, clock.today()) == STANDARD | {"users": 500}
    with tenant_scope(OPERATOR):
        (request,) = queries.quota_requests(db.session(), tenant_id)
    assert (request.original_value, request.requested_value, request.decided_value) == (3, 500, 500)
    assert recorded("quota.decided")[-1].facts["decided"] == 500


def test_another_value_than_asked_for_can_be_decided(actors: Actors) -> None:
    tenant_id = _on_standard(actors)

    assert _decide(actors.approver, _ask(actors.onboarding, tenant_id), decides_value=True, value=100) == 100
    assert _in_force(tenant_id, clock.today())["users"] == 100
    assert _decide(actors.approver, _ask(actors.onboarding, tenant_id, None)) is None
    assert _in_force(tenant_id, clock.today())["users"] is None


def test_a_rejected_request_changes_nothing_and_frees_the_way_for_another(actors: Actors) -> None:
    tenant_id = _on_standard(actors)
    asked = _ask(actors.onboarding, tenant_id)

    _decide(actors.approver, asked, Decision.REJECTED)

    assert _in_force(tenant_id, clock.today()) == STANDARD
    assert rows("quota_override") == []
    _ask(actors.onboarding, tenant_id)


def test_nobody_decides_the_own_request(actors: Actors) -> None:
    tenant_id = _on_standard(actors)
    both = Actor(
        actors.onboarding.id,
        actors.onboarding.kind,
        actors.operator_tenant,
        frozenset({Role.OPERATOR_ONBOARDING, Role.OPERATOR_APPROVER}),
    )
    asked = _ask(both, tenant_id)

    with pytest.raises(NotAllowed) as refusal:
        _decide(both, asked)

    assert refusal.value.code == "approval.own_request"
    assert rows("quota_override") == []
    with tenant_scope(OPERATOR), pytest.raises(IntegrityError, match="decider_is_not_requester"):
        db.session.execute(
            text("UPDATE approval_request SET decided_by = requested_by, decided_at = now(), decision = 'approved'")
        )


def test_a_request_is_decided_once(actors: Actors) -> None:
    tenant_id = _on_standard(actors)
    asked = _ask(actors.onboarding, tenant_id)
    _decide(actors.approver, asked)
    before = rows("quota_override")

    with pytest.raises(Conflict) as refusal:
        _decide(actors.approver, asked, Decision.REJECTED)

    assert refusal.value.code == "approval.already_decided"
    assert rows("quota_override") == before


def test_a_decision_names_what_was_shown(actors: Actors) -> None:
    tenant_id = _on_standard(actors)
    asked = _ask(actors.onboarding, tenant_id)

    with pytest.raises(Stale):
        _decide(actors.approver, asked, digest="sha256:0")
    with pytest.raises(ValidationError, match="A rejected request cannot have a decided value"):
        _decide(actors.approver, asked, Decision.REJECTED, decides_value=True, value=5)
    with pytest.raises(NotFound):
        _decide(actors.approver, asked, request_id=new_id())

    assert rows("quota_override") == []
    with tenant_scope(OPERATOR):
        assert [request.state for request in queries.quota_requests(db.session(), tenant_id)] == ["open"]


def test_a_request_is_refused_where_it_asks_for_nothing_new(actors: Actors, factory: Factory) -> None:
    without_plan, tenant_id = factory.aso_city(), _on_standard(actors)
    owner = actors.municipal(tenant_id, Role.TENANT_OWNER)

    refusals: tuple[tuple[Callable[[], object], str], ...] = (
        (lambda: _ask(owner, tenant_id, 5, "gpu_hours"), "quota.dimension_unknown"),
        (lambda: _ask(owner, tenant_id, 3), "quota.same_value"),
        (lambda: _ask(actors.onboarding, without_plan), "quota.no_plan"),
        (lambda: _ask(owner, without_plan), "not_found"),
        (lambda: _ask(owner, new_id()), "not_found"),
    )
    for refused, reason in refusals:
        with pytest.raises((Conflict, Invalid, NotFound)) as refusal:
            refused()
        assert refusal.value.code == reason
    assert (rows("quota_request"), rows("approval_request")) == ([], [])
    _ask(owner, tenant_id)
    with pytest.raises(Conflict) as second:
        _ask(owner, tenant_id, 900)
    assert second.value.code == "quota.open_request"


def test_each_command_asks_its_permission(actors: Actors) -> None:
    tenant_id = _on_standard(actors)
    asked = _ask(actors.onboarding, tenant_id)
    owner = actors.municipal(tenant_id, Role.TENANT_OWNER)
    before = [rows(table) for table in ("plan", "plan_quota", "tenant_plan", "quota_override")]

    with pytest.raises(NotAllowed):
        define_plan(DefinePlan(name="free", label="無料", quotas=STANDARD), actor=owner)
    with pytest.raises(NotAllowed):
        assign_plan(AssignPlan(tenant_id=tenant_id, plan="standard"), actor=owner)
    with pytest.raises(NotAllowed):
        _decide(owner, asked)
    with pytest.raises(NotAllowed):
        _ask(actors.municipal(tenant_id), tenant_id, dimension="storage_gib")

    assert [rows(table) for table in ("plan", "plan_quota", "tenant_plan", "quota_override")] == before


@pytest.mark.parametrize("table", ["plan_quota", "tenant_plan"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET valid_from = valid_from - 1", "DELETE FROM {}"])
def test_the_database_refuses_to_edit_what_was_in_force(actors: Actors, table: str, statement: str) -> None:
    _on_standard(actors)

    with tenant_scope(OPERATOR), pytest.raises(IntegrityError, match="only an open end may move"):
        db.session.execute(text(statement.format(table)))


@pytest.mark.parametrize("table", ["plan_quota", "tenant_plan"])
def test_the_database_lets_an_end_be_set_once_and_not_taken_back(actors: Actors, table: str) -> None:
    _on_standard(actors)

    with tenant_scope(OPERATOR):
        db.session.execute(text(f"UPDATE {table} SET valid_until = '2030-01-01'"))
        with pytest.raises(IntegrityError, match="only an open end may move"):
            db.session.execute(text(f"UPDATE {table} SET valid_until = NULL"))


def test_two_plans_in_force_at_once_are_refused_by_the_database(actors: Actors) -> None:
    tenant_id = _on_standard(actors)

    with tenant_scope(OPERATOR), pytest.raises(IntegrityError, match="uq_tenant_plan_open"):
        db.session.execute(
            text(
                "INSERT INTO tenant_plan (id, tenant_id, plan_id, valid_from, assigned_by, assigned_at) "
                "SELECT :id, tenant_id, plan_id, '2026-04-01', 'x', now() FROM tenant_plan WHERE tenant_id = :tenant"
            ),
            {"id": new_id(), "tenant": tenant_id},
        )
