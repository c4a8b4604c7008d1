"""The register of a month: states as they were on its last day, whatever came later."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Invalid
from governance.permissions import Role
from tenancy.registry import queries
from tenancy.registry.models import RegistryRow
from tenancy.tenants.states import TenantState
from tests.actors import Actors, seed_operator
from tests.factories import Factory

JUNE = datetime(2025, 6, 2, 3, 0, tzinfo=UTC)
AUGUST = datetime(2025, 8, 4, 3, 0, tzinfo=UTC)


def register(month: date, today: date) -> dict[str, RegistryRow]:
    with tenant_scope(OPERATOR):
        return {one.name: one for one in queries.registry(db.session(), month, today)}


def test_a_month_shows_its_own_states_people_and_changes_and_a_later_one_later_ones(database: object) -> None:
    with clock.at(JUNE):
        factory = Factory(Actors(seed_operator()))
        kumamoto = factory.add_member("431001", "熊本市")
        factory.add_person(kumamoto, "yamada@city.kumamoto.example", Role.TENANT_OWNER)
    with clock.at(AUGUST):
        factory.register_applicant("432059", "水俣市")
        factory.change_state(kumamoto, TenantState.SUSPENDED)
        today = clock.today()
        june, august = register(date(2025, 6, 1), today), register(date(2025, 8, 1), today)
        with tenant_scope(OPERATOR):
            offered = queries.months(db.session(), today)

    assert set(june) == {"熊本市"}
    assert (june["熊本市"].state, june["熊本市"].owners) == (TenantState.ACTIVE, 1)
    assert {one.on for one in june["熊本市"].changes} == {date(2025, 6, 2)}
    assert august["熊本市"].state is TenantState.SUSPENDED
    assert [one.state for one in august["熊本市"].changes] == [TenantState.SUSPENDED]
    assert august["水俣市"].state is TenantState.APPLIED
    assert offered == [date(2025, 8, 1), date(2025, 7, 1), date(2025, 6, 1)]


def test_a_tenant_whose_onboarding_ended_after_its_planned_first_day_is_active_in_the_register(
    database: object,
) -> None:
    with clock.at(AUGUST):
        factory = Factory(Actors(seed_operator()))
        kumamoto = factory.register_applicant("431001", "熊本市")
        factory.change_state(kumamoto, TenantState.SCREENING, TenantState.AGREED, TenantState.PROVISIONING)
        factory.accept(kumamoto, factory.publish(), on_behalf_of="熊本市")
        factory.change_state(kumamoto, TenantState.ACTIVE, on=date(2025, 4, 1))
        august = register(date(2025, 8, 1), clock.today())["熊本市"]

    assert (august.state, august.state_since) == (TenantState.ACTIVE, date(2025, 4, 1))


def test_the_day_is_the_months_last_and_today_in_the_present_one() -> None:
    assert queries.as_of(date(2025, 6, 1), date(2025, 8, 4)) == date(2025, 6, 30)
    assert queries.as_of(date(2025, 8, 1), date(2025, 8, 4)) == date(2025, 8, 4)
    assert queries.as_of(date(2024, 2, 1), date(2025, 8, 4)) == date(2024, 2, 29)


@pytest.mark.parametrize(
    ("given", "code"),
    [("2025-13", "registry.not_a_month"), ("六月", "registry.not_a_month"), ("2025-09", "registry.month_to_come")],
)
def test_what_is_no_month_is_refused(given: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        queries.first_of_month(given, date(2025, 8, 4))
    assert refused.value.code == code
