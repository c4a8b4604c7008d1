"""Several tenants come to one plan at once: all of them, or none."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest

from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, NotAllowed, NotFound
from governance.kernel.ids import new_id
from governance.permissions import Role
from tenancy.quotas.commands import AssignPlanToMany, assign_plan_to_many
from tenancy.quotas.queries import plans_of_tenants
from tests.actors import Actors, seed_operator
from tests.database_rows import recorded, rows
from tests.factories import Factory


@pytest.fixture
def factory(database: object) -> Factory:
    factory = Factory(Actors(seed_operator()))
    for code, name in {"433683": "長洲町", "434418": "御船町", "434825": "芦北町"}.items():
        factory.register_applicant(code, name)
    factory.define_standard(label="標準プラン")
    return factory


def command(*tenant_ids: UUID, since: date | None = None) -> AssignPlanToMany:
    return AssignPlanToMany(tenant_ids=tenant_ids, plan="standard", valid_from=since)


def test_all_of_them_are_on_it_and_one_that_was_already_is_not_counted(factory: Factory) -> None:
    chosen = [*factory.ids.values()]
    factory.put_on_standard(chosen[0])

    result = assign_plan_to_many(command(*chosen), actor=factory.actors.onboarding, key="once")

    assert (result.plan, result.changed) == ("standard", 2)
    assert assign_plan_to_many(command(*chosen), actor=factory.actors.onboarding, key="once") == result
    with tenant_scope(OPERATOR):
        assert plans_of_tenants(db.session(), clock.today()) == dict.fromkeys(chosen, "標準プラン")
    assert [event.tenant_id for event in recorded("plan.assigned")] == chosen
    before = rows("tenant_plan")
    assert assign_plan_to_many(command(*chosen), actor=factory.actors.onboarding).changed == 0
    assert rows("tenant_plan") == before


def test_one_that_cannot_is_named_and_none_is_changed(factory: Factory) -> None:
    chosen = [*factory.ids.values()]
    factory.put_on_standard(chosen[2], clock.today() + timedelta(days=30))
    before = rows("tenant_plan")

    with pytest.raises(Conflict) as refused:
        assign_plan_to_many(command(*chosen), actor=factory.actors.onboarding)

    assert refused.value.code == "plan.one_refused"
    assert refused.value.text("ja").startswith("芦北町の利用プランを変更できないため")
    assert rows("tenant_plan") == before


def test_an_unknown_tenant_and_somebody_without_the_permission_change_nothing(factory: Factory) -> None:
    chosen = [*factory.ids.values()]

    with pytest.raises(NotFound):
        assign_plan_to_many(command(*chosen, new_id()), actor=factory.actors.onboarding)
    for actor in (factory.actors.finance, factory.actors.municipal(chosen[0], Role.TENANT_OWNER)):
        with pytest.raises(NotAllowed):
            assign_plan_to_many(command(*chosen), actor=actor)

    assert rows("tenant_plan") == []
