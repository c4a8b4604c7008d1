"""The life of a tenant: only the moves of the table, and never active without an acceptance in force."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, NotAllowed, NotFound
from governance.kernel.ids import new_id
from governance.permissions import Role
from tenancy import directory
from tenancy.tenants import queries
from tenancy.tenants.commands import ChangeTenantState, change_tenant_state
from tenancy.tenants.states import TRANSITIONS, TenantState, transition
from tests.actors import Actors
from tests.database_rows import recorded, rows
from tests.factories import TO_PROVISIONING, Factory


@pytest.mark.parametrize("current", list(TenantState))
@pytest.mark.parametrize("to", list(TenantState))
def test_the_table_decides_every_transition(current: TenantState, to: TenantState) -> None:
    if to in TRANSITIONS[current]:
        assert transition(current, to) is to
    else:
        with pytest.raises(Conflict):
            transition(current, to)


def test_a_transition_leaves_its_reason_and_its_day(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()

    changed = change_tenant_state(
        ChangeTenantState(
            tenant_id=tenant_id, to=TenantState.SCREENING, reason="申請書を受理", effective_on=date(2025, 2, 3)
        ),
        actor=actors.onboarding,
    )

    with tenant_scope(OPERATOR):
        (made,) = queries.state_changes(db.session(), tenant_id)
    assert (made.from_state, made.to_state, made.reason) == ("applied", "screening", "申請書を受理")
    assert (made.effective_on, made.changed_by) == (date(2025, 2, 3), actors.onboarding.id)
    assert (changed.state, changed.version) == (TenantState.SCREENING, 2)
    assert recorded("tenant.state_changed")[-1].facts["to_state"] == "screening"


def test_a_transition_that_is_not_in_the_table_changes_nothing(factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    before = rows("tenant")

    with pytest.raises(Conflict) as refusal:
        factory.change_state(tenant_id, TenantState.ACTIVE)

    assert refusal.value.code == "tenant.no_such_transition"
    assert "審査中" in refusal.value.text("ja")
    assert (rows("tenant"), rows("tenant_state_change")) == (before, [])


def test_a_tenant_without_acceptance_cannot_become_active(factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    factory.publish()
    factory.change_state(tenant_id, *TO_PROVISIONING)
    before = rows("tenant")

    with pytest.raises(Conflict) as refusal:
        factory.change_state(tenant_id, TenantState.ACTIVE)

    assert refusal.value.code == "tenant.no_acceptance"
    assert rows("tenant") == before


def test_a_tenant_that_accepted_becomes_active_from_its_first_day(factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    factory.accept(tenant_id, factory.publish())
    factory.change_state(tenant_id, *TO_PROVISIONING)

    factory.change_state(tenant_id, TenantState.ACTIVE, on=date(2025, 4, 1))

    with tenant_scope(OPERATOR):
        facts = directory.tenant_by_id(db.session(), tenant_id)
    assert (facts.state, facts.valid_from, facts.valid_until) == (TenantState.ACTIVE, date(2025, 4, 1), None)


def test_a_version_nobody_is_bound_by_yet_is_no_acceptance(factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    factory.accept(tenant_id, factory.publish(effective_from=clock.today() + timedelta(days=1)))
    factory.change_state(tenant_id, *TO_PROVISIONING)

    with pytest.raises(Conflict):
        factory.change_state(tenant_id, TenantState.ACTIVE)


def test_a_newer_version_must_be_accepted_before_becoming_active(factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    factory.accept(tenant_id, factory.publish())
    newer = factory.publish(words="第1条 目的（改正）")
    factory.change_state(tenant_id, *TO_PROVISIONING)

    with pytest.raises(Conflict):
        factory.change_state(tenant_id, TenantState.ACTIVE)
    factory.accept(tenant_id, newer)
    factory.change_state(tenant_id, TenantState.ACTIVE)


@pytest.mark.parametrize("published", [False, True])
def test_the_database_itself_refuses_an_active_tenant_without_acceptance(factory: Factory, published: bool) -> None:
    tenant_id = factory.kumamoto_city()
    if published:
        factory.publish()

    with tenant_scope(OPERATOR), pytest.raises(IntegrityError, match="no acceptance in force"):
        db.session.execute(text("UPDATE tenant SET state = 'active' WHERE id = :id"), {"id": tenant_id})


def test_the_database_refuses_while_the_newest_version_is_not_accepted(factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    factory.accept(tenant_id, factory.publish())
    factory.publish(words="第1条 目的（改正）")

    with tenant_scope(OPERATOR), pytest.raises(IntegrityError, match="no acceptance in force"):
        db.session.execute(text("UPDATE tenant SET state = 'active' WHERE id = :id"), {"id": tenant_id})


def test_the_database_refuses_a_tenant_that_is_born_active(actors: Actors) -> None:
    with tenant_scope(OPERATOR), pytest.raises(IntegrityError, match="no acceptance in force"):
        db.session.execute(
            text(
                "INSERT INTO tenant (id, name, kana, kind, state, is_operator, alias, version, registered_at) "
                "VALUES (:id, 'x', 'x', 'city', 'active', false, 't-x', 1, now())"
            ),
            {"id": new_id()},
        )


def test_leaving_ends_the_membership_on_its_day(factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    factory.accept(tenant_id, factory.publish())
    factory.change_state(tenant_id, *TO_PROVISIONING)
    factory.change_state(tenant_id, TenantState.ACTIVE, on=date(2025, 4, 1))

    factory.change_state(tenant_id, TenantState.LEAVING, TenantState.LEFT, on=date(2026, 4, 1))

    with tenant_scope(OPERATOR):
        session = db.session()
        assert directory.tenant_by_id(session, tenant_id).valid_until == date(2026, 4, 1)
        assert [facts.id for facts in directory.members_of_year(session, 2025)] == [tenant_id]
        assert directory.members_of_year(session, 2026) == ()
        assert directory.members_of_year(session, 2024) == ()


def test_nobody_begins_to_leave_without_a_last_day(factory: Factory, actors: Actors) -> None:
    tenant_id = factory.add_member("431001", "熊本市")
    before = rows("tenant"), rows("tenant_state_change")

    with pytest.raises(Conflict) as refused:
        change_tenant_state(
            ChangeTenantState(tenant_id=tenant_id, to=TenantState.LEAVING, reason="議決のとおり"),
            actor=actors.onboarding,
        )

    assert (refused.value.code, refused.value.field) == ("tenant.leaves_by_notice", "to")
    assert (rows("tenant"), rows("tenant_state_change")) == before


def test_a_plan_to_join_that_came_to_nothing_leaves_no_membership(factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()

    factory.change_state(tenant_id, TenantState.LEFT)

    with tenant_scope(OPERATOR):
        facts = directory.tenant_by_id(db.session(), tenant_id)
    assert (facts.valid_from, facts.valid_until) == (None, None)


def test_a_municipality_that_left_can_apply_again(factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    factory.accept(tenant_id, factory.publish())
    factory.change_state(tenant_id, *TO_PROVISIONING)
    factory.change_state(tenant_id, TenantState.ACTIVE, on=date(2024, 4, 1))
    factory.change_state(tenant_id, TenantState.LEAVING, TenantState.LEFT, on=date(2025, 4, 1))

    factory.change_state(tenant_id, TenantState.APPLIED, *TO_PROVISIONING)
    factory.change_state(tenant_id, TenantState.ACTIVE, on=date(2026, 4, 1))

    with tenant_scope(OPERATOR):
        facts = directory.tenant_by_id(db.session(), tenant_id)
    assert (facts.valid_from, facts.valid_until) == (date(2026, 4, 1), None)


def test_the_operators_own_state_does_not_change(actors: Actors, factory: Factory) -> None:
    before = rows("tenant")

    with pytest.raises(Conflict) as refusal:
        factory.change_state(actors.operator_tenant, TenantState.SUSPENDED)

    assert refusal.value.code == "tenant.operator_stays"
    assert rows("tenant") == before


def test_only_who_may_change_a_tenants_state_does(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    command = ChangeTenantState(tenant_id=tenant_id, to=TenantState.SCREENING, reason="急ぎ")
    before = rows("tenant")

    for actor in (actors.finance, actors.auditor, actors.municipal(tenant_id, Role.TENANT_OWNER)):
        with pytest.raises(NotAllowed):
            change_tenant_state(command, actor=actor)

    assert rows("tenant") == before


def test_an_absent_tenant_is_not_found(factory: Factory) -> None:
    with pytest.raises(NotFound):
        factory.change_state(new_id(), TenantState.SCREENING)


@pytest.mark.parametrize(
    "statement", ["UPDATE tenant_state_change SET reason = 'x'", "DELETE FROM tenant_state_change"]
)
def test_the_history_of_state_changes_cannot_be_changed(factory: Factory, statement: str) -> None:
    factory.change_state(factory.kumamoto_city(), TenantState.SCREENING)

    with tenant_scope(OPERATOR), pytest.raises(Exception, match="permission denied"):
        db.session.execute(text(statement))


def test_membership_is_read_in_japan(factory: Factory) -> None:
    """15:00 UTC on 31 March is 1 April in Japan: the day a move takes effect when nothing else is said."""
    tenant_id = factory.kumamoto_city()

    with clock.at(datetime(2026, 3, 31, 15, 0, tzinfo=UTC)):
        factory.change_state(tenant_id, TenantState.SCREENING)

    with tenant_scope(OPERATOR):
        assert queries.state_changes(db.session(), tenant_id)[0].effective_on == date(2026, 4, 1)
