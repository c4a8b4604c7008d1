"""The life of a tenant: only the moves of the table, and never active without an acceptance in force."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, scope
from governance.kernel.errors import Conflict, NotAllowed, NotFound
from governance.kernel.ids import new_id
from governance.permissions import Role
from tenancy import directory
from tenancy.tenants import queries
from tenancy.tenants.commands import MoveTenant, move_tenant
from tenancy.tenants.states import MOVES, TenantState
from tenancy.tenants.states import move as move_in_table
from tests.actors import Actors
from tests.tenancy.register import TO_PROVISIONING, accept, kumamoto_city, move, publish, recorded, rows


@pytest.mark.parametrize("current", list(TenantState))
@pytest.mark.parametrize("to", list(TenantState))
def test_the_table_decides_every_move(current: TenantState, to: TenantState) -> None:
    if to in MOVES[current]:
        assert move_in_table(current, to) is to
    else:
        with pytest.raises(Conflict):
            move_in_table(current, to)


def test_a_move_leaves_its_reason_and_its_day(actors: Actors) -> None:
    tenant_id = kumamoto_city(actors)

    moved = move_tenant(
        MoveTenant(tenant_id=tenant_id, to=TenantState.SCREENING, reason="申請書を受理", effective_on=date(2025, 2, 3)),
        actor=actors.onboarding,
    )

    with scope(OPERATOR):
        (made,) = queries.moves(db.session(), tenant_id)
    assert (made.from_state, made.to_state, made.reason) == ("applied", "screening", "申請書を受理")
    assert (made.effective_on, made.moved_by) == (date(2025, 2, 3), actors.onboarding.id)
    assert (moved.state, moved.version) == (TenantState.SCREENING, 2)
    assert recorded("tenant.moved")[-1].facts["to_state"] == "screening"


def test_a_move_that_is_not_in_the_table_changes_nothing(actors: Actors) -> None:
    tenant_id = kumamoto_city(actors)
    before = rows("tenant")

    with pytest.raises(Conflict) as refusal:
        move(actors, tenant_id, TenantState.ACTIVE)

    assert refusal.value.code == "tenant.no_such_move"
    assert "screening" in refusal.value.message("ja")
    assert (rows("tenant"), rows("tenant_move")) == (before, [])


def test_a_tenant_without_acceptance_cannot_become_active(actors: Actors) -> None:
    tenant_id = kumamoto_city(actors)
    publish(actors)
    move(actors, tenant_id, *TO_PROVISIONING)
    before = rows("tenant")

    with pytest.raises(Conflict) as refusal:
        move(actors, tenant_id, TenantState.ACTIVE)

    assert refusal.value.code == "tenant.no_acceptance"
    assert rows("tenant") == before


def test_a_tenant_that_accepted_becomes_active_from_its_first_day(actors: Actors) -> None:
    tenant_id = kumamoto_city(actors)
    accept(actors, tenant_id, publish(actors))
    move(actors, tenant_id, *TO_PROVISIONING)

    move(actors, tenant_id, TenantState.ACTIVE, on=date(2025, 4, 1))

    with scope(OPERATOR):
        facts = directory.tenant_by_id(db.session(), tenant_id)
    assert (facts.state, facts.valid_from, facts.valid_until) == (TenantState.ACTIVE, date(2025, 4, 1), None)


def test_a_version_nobody_is_bound_by_yet_is_no_acceptance(actors: Actors) -> None:
    tenant_id = kumamoto_city(actors)
    accept(actors, tenant_id, publish(actors, effective_from=clock.today() + timedelta(days=1)))
    move(actors, tenant_id, *TO_PROVISIONING)

    with pytest.raises(Conflict):
        move(actors, tenant_id, TenantState.ACTIVE)


def test_a_newer_version_must_be_accepted_before_becoming_active(actors: Actors) -> None:
    tenant_id = kumamoto_city(actors)
    accept(actors, tenant_id, publish(actors))
    newer = publish(actors, words="第1条 目的（改正）")
    move(actors, tenant_id, *TO_PROVISIONING)

    with pytest.raises(Conflict):
        move(actors, tenant_id, TenantState.ACTIVE)
    accept(actors, tenant_id, newer)
    move(actors, tenant_id, TenantState.ACTIVE)


@pytest.mark.parametrize("published", [False, True])
def test_the_database_itself_refuses_an_active_tenant_without_acceptance(actors: Actors, published: bool) -> None:
    tenant_id = kumamoto_city(actors)
    if published:
        publish(actors)

    with scope(OPERATOR), pytest.raises(IntegrityError, match="no acceptance in force"):
        db.session.execute(text("UPDATE tenant SET state = 'active' WHERE id = :id"), {"id": tenant_id})


def test_the_database_refuses_while_the_newest_version_is_not_accepted(actors: Actors) -> None:
    tenant_id = kumamoto_city(actors)
    accept(actors, tenant_id, publish(actors))
    publish(actors, words="第1条 目的（改正）")

    with scope(OPERATOR), pytest.raises(IntegrityError, match="no acceptance in force"):
        db.session.execute(text("UPDATE tenant SET state = 'active' WHERE id = :id"), {"id": tenant_id})


def test_the_database_refuses_a_tenant_that_is_born_active(actors: Actors) -> None:
    with scope(OPERATOR), pytest.raises(IntegrityError, match="no acceptance in force"):
        db.session.execute(
            text(
                "INSERT INTO tenant (id, name, kana, kind, state, is_operator, alias, version, registered_at) "
                "VALUES (:id, 'x', 'x', 'city', 'active', false, 't-x', 1, now())"
            ),
            {"id": new_id()},
        )


def test_leaving_ends_the_membership_on_its_day(actors: Actors) -> None:
    tenant_id = kumamoto_city(actors)
    accept(actors, tenant_id, publish(actors))
    move(actors, tenant_id, *TO_PROVISIONING)
    move(actors, tenant_id, TenantState.ACTIVE, on=date(2025, 4, 1))

    move(actors, tenant_id, TenantState.LEAVING, TenantState.LEFT, on=date(2026, 4, 1))

    with scope(OPERATOR):
        session = db.session()
        assert directory.tenant_by_id(session, tenant_id).valid_until == date(2026, 4, 1)
        assert [facts.id for facts in directory.members_of_year(session, 2025)] == [tenant_id]
        assert directory.members_of_year(session, 2026) == ()
        assert directory.members_of_year(session, 2024) == ()


def test_a_plan_to_join_that_came_to_nothing_leaves_no_membership(actors: Actors) -> None:
    tenant_id = kumamoto_city(actors)

    move(actors, tenant_id, TenantState.LEFT)

    with scope(OPERATOR):
        facts = directory.tenant_by_id(db.session(), tenant_id)
    assert (facts.valid_from, facts.valid_until) == (None, None)


def test_a_body_that_left_can_apply_again(actors: Actors) -> None:
    tenant_id = kumamoto_city(actors)
    accept(actors, tenant_id, publish(actors))
    move(actors, tenant_id, *TO_PROVISIONING)
    move(actors, tenant_id, TenantState.ACTIVE, on=date(2024, 4, 1))
    move(actors, tenant_id, TenantState.LEAVING, TenantState.LEFT, on=date(2025, 4, 1))

    move(actors, tenant_id, TenantState.APPLIED, *TO_PROVISIONING)
    move(actors, tenant_id, TenantState.ACTIVE, on=date(2026, 4, 1))

    with scope(OPERATOR):
        facts = directory.tenant_by_id(db.session(), tenant_id)
    assert (facts.valid_from, facts.valid_until) == (date(2026, 4, 1), None)


def test_the_operators_own_state_does_not_change(actors: Actors) -> None:
    before = rows("tenant")

    with pytest.raises(Conflict) as refusal:
        move(actors, actors.operator_tenant, TenantState.SUSPENDED)

    assert refusal.value.code == "tenant.operator_stays"
    assert rows("tenant") == before


def test_only_who_may_move_a_tenant_does(actors: Actors) -> None:
    tenant_id = kumamoto_city(actors)
    order = MoveTenant(tenant_id=tenant_id, to=TenantState.SCREENING, reason="急ぎ")
    before = rows("tenant")

    for actor in (actors.finance, actors.auditor, actors.municipal(tenant_id, Role.TENANT_OWNER)):
        with pytest.raises(NotAllowed):
            move_tenant(order, actor=actor)

    assert rows("tenant") == before


def test_an_absent_tenant_is_not_found(actors: Actors) -> None:
    with pytest.raises(NotFound):
        move(actors, new_id(), TenantState.SCREENING)


@pytest.mark.parametrize("deed", ["UPDATE tenant_move SET reason = 'x'", "DELETE FROM tenant_move"])
def test_the_history_of_moves_cannot_be_changed(actors: Actors, deed: str) -> None:
    move(actors, kumamoto_city(actors), TenantState.SCREENING)

    with scope(OPERATOR), pytest.raises(Exception, match="permission denied"):
        db.session.execute(text(deed))


def test_membership_is_read_in_japan(actors: Actors) -> None:
    """15:00 UTC on 31 March is 1 April in Japan: the day a move takes effect when nothing else is said."""
    tenant_id = kumamoto_city(actors)

    with clock.at(datetime(2026, 3, 31, 15, 0, tzinfo=UTC)):
        move(actors, tenant_id, TenantState.SCREENING)

    with scope(OPERATOR):
        assert queries.moves(db.session(), tenant_id)[0].effective_on == date(2026, 4, 1)
