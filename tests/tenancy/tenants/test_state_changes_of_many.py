"""Several tenants come to one state at once: all of them, or none."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import func, select

from governance.audit.tables import AuditEvent
from governance.declaration import InvalidCommand, read_command
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict
from governance.permissions import Role
from tenancy.tenants.commands import ChangeTenantStates, change_tenant_states
from tenancy.tenants.queries import count_by_state, state_changes
from tenancy.tenants.states import TenantState
from tests.actors import Actors, seed_operator
from tests.factories import Factory


@pytest.fixture
def factory(database: object) -> Factory:
    return Factory(Actors(seed_operator()))


def applicants(factory: Factory) -> list[UUID]:
    towns = {"433683": "長洲町", "434418": "御船町", "434825": "芦北町"}
    return [factory.register_applicant(code, name) for code, name in towns.items()]


def changed_events() -> int:
    with tenant_scope(OPERATOR):
        query = select(func.count()).where(AuditEvent.event == "tenant.state_changed", AuditEvent.outcome == "done")
        return db.session.execute(query).scalar_one()


def test_all_of_them_change_in_one_command_each_with_its_own_record(factory: Factory) -> None:
    chosen = applicants(factory)
    command = ChangeTenantStates(tenant_ids=tuple(chosen), to=TenantState.SCREENING, reason="申込書を受領")

    result = change_tenant_states(command, actor=factory.actors.onboarding, key="once")

    assert (result.state, result.changed) == (TenantState.SCREENING, 3)
    assert change_tenant_states(command, actor=factory.actors.onboarding, key="once") == result
    with tenant_scope(OPERATOR):
        assert count_by_state(db.session()) == {TenantState.SCREENING: 3}
        assert [len(state_changes(db.session(), one)) for one in chosen] == [1, 1, 1]
    assert changed_events() == 3


def test_one_that_cannot_is_named_and_none_changes(factory: Factory) -> None:
    chosen = applicants(factory)
    factory.change_state(chosen[2], TenantState.SCREENING, TenantState.AGREED)
    before = changed_events()
    command = ChangeTenantStates(tenant_ids=tuple(chosen), to=TenantState.SCREENING, reason="申込書を受領")

    with pytest.raises(Conflict) as refused:
        change_tenant_states(command, actor=factory.actors.onboarding)

    assert refused.value.text("ja").startswith("芦北町を変更できないため、どの団体も変更していません。")
    assert "agreed" not in refused.value.text("ja")
    with tenant_scope(OPERATOR):
        assert count_by_state(db.session()) == {TenantState.APPLIED: 2, TenantState.AGREED: 1}
    assert changed_events() == before


@pytest.mark.parametrize("to", ["active", "left", "suspended", "provisioning"])
def test_what_begins_or_ends_a_membership_is_not_done_to_many(factory: Factory, to: str) -> None:
    values = {"tenant_ids": [str(one) for one in applicants(factory)], "to": to, "reason": "x"}

    with pytest.raises(InvalidCommand) as refused:
        read_command(ChangeTenantStates, values)

    assert [(error.code, error.field) for error in refused.value.errors] == [("tenant.not_for_many", "to")]


def test_somebody_without_the_permission_changes_none(factory: Factory) -> None:
    command = ChangeTenantStates(tenant_ids=tuple(applicants(factory)), to=TenantState.SCREENING, reason="x")
    for actor in (factory.actors.finance, factory.actors.municipal(factory.ids["433683"], Role.TENANT_OWNER)):
        with pytest.raises(Exception, match="permission"):
            change_tenant_states(command, actor=actor)
    with tenant_scope(OPERATOR):
        assert count_by_state(db.session()) == {TenantState.APPLIED: 3}
