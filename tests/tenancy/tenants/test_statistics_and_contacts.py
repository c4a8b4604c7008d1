"""Figures, cohorts, contacts, and what the directory tells other layers."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from governance.declaration import build_command
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, Invalid, NotAllowed, NotFound
from governance.kernel.ids import new_id
from governance.permissions import Role
from tenancy import directory
from tenancy.tenants import queries
from tenancy.tenants.commands import (
    DefineCohort,
    RecordContact,
    RecordStatistic,
    RemoveContact,
    define_cohort,
    record_contact,
    record_statistic,
    remove_contact,
)
from tenancy.tenants.states import ContactPurpose, StatisticKind, TenantState
from tests.actors import Actors
from tests.database_rows import recorded, rows
from tests.factories import TO_PROVISIONING, Factory

CENSUS = date(2020, 10, 1)


def _record(
    actors: Actors,
    tenant_id: UUID,
    value: str,
    day: date = CENSUS,
    source: str = "国勢調査",
    kind: StatisticKind = StatisticKind.POPULATION,
) -> UUID:
    return record_statistic(
        build_command(RecordStatistic, tenant_id=tenant_id, kind=kind, value=value, basis_date=day, source=source),
        actor=actors.onboarding,
    ).statistic_id


def _figure(
    tenant_id: UUID, on: date, kind: StatisticKind = StatisticKind.POPULATION
) -> directory.StatisticValue | None:
    with tenant_scope(OPERATOR):
        return directory.statistic_values(db.session(), kind, [tenant_id], on).get(tenant_id)


def test_the_newest_figure_not_after_the_day_counts(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    _record(actors, tenant_id, "740822", date(2015, 10, 1))
    _record(actors, tenant_id, "738865")

    assert _figure(tenant_id, date(2015, 9, 30)) is None
    assert [getattr(_figure(tenant_id, on), "value", None) for on in (date(2020, 9, 30), CENSUS)] == [740822, 738865]


def test_a_correction_supersedes_and_the_first_figure_stays(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    first = _record(actors, tenant_id, "738864")
    second = _record(actors, tenant_id, "738865", source="国勢調査（訂正）")

    figure = _figure(tenant_id, CENSUS)

    assert figure is not None
    assert (figure.value, figure.statistic_id, figure.source) == (Fraction(738865), second, "国勢調査（訂正）")
    assert first in {row[0] for row in rows("statistic")}
    assert _record(actors, tenant_id, "738865", source="国勢調査（訂正）") == second
    assert len(rows("statistic")) == 2


def test_a_figure_is_exact_to_its_last_digit(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    _record(actors, tenant_id, "390.32", kind=StatisticKind.AREA_KM2)
    _record(actors, tenant_id, "0.70", date(2022, 3, 31), kind=StatisticKind.FISCAL_INDEX)

    area = _figure(tenant_id, CENSUS, StatisticKind.AREA_KM2)
    index = _figure(tenant_id, clock.today(), StatisticKind.FISCAL_INDEX)

    assert (area and area.value, index and index.value) == (Fraction(39032, 100), Fraction(7, 10))


@pytest.mark.parametrize("value", ["-1", "１２３", "1e3", "NaN", "Infinity", "1_000", "+5", " 12", "0.5", "", "٣", "²"])
def test_what_is_no_figure_is_refused_and_leaves_nothing(actors: Actors, factory: Factory, value: str) -> None:
    tenant_id = factory.kumamoto_city()

    with pytest.raises(Invalid) as refusal:
        _record(actors, tenant_id, value)

    assert refusal.value.code == "statistic.invalid_value"
    assert rows("statistic") == []
    assert recorded("statistic.recorded") == []


@pytest.mark.parametrize(
    ("day", "reason"), [(date(1988, 12, 31), "api.not_a_day"), (date(2099, 1, 1), "statistic.basis_date_wrong")]
)
def test_a_figure_of_an_impossible_day_is_refused(actors: Actors, factory: Factory, day: date, reason: str) -> None:
    tenant_id = factory.kumamoto_city()

    with pytest.raises(Invalid) as refusal:
        _record(actors, tenant_id, "1", day)

    assert (refusal.value.code, refusal.value.field) == (reason, "basis_date")
    assert rows("statistic") == []


@pytest.mark.parametrize("statement", ["UPDATE statistic SET value = '1'", "DELETE FROM statistic"])
def test_a_figure_cannot_be_edited_in_the_database(actors: Actors, factory: Factory, statement: str) -> None:
    _record(actors, factory.kumamoto_city(), "738865")

    with tenant_scope(OPERATOR), pytest.raises(Exception, match="permission denied"):
        db.session.execute(text(statement))


def test_a_municipality_cannot_change_its_own_figures(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    command = RecordStatistic(
        tenant_id=tenant_id, kind=StatisticKind.POPULATION, value="1", basis_date=CENSUS, source="自己申告"
    )

    with pytest.raises(NotAllowed):
        record_statistic(command, actor=actors.municipal(tenant_id, Role.TENANT_OWNER))

    assert rows("statistic") == []


def test_a_cohort_plans_the_first_day_of_its_fiscal_year(actors: Actors, factory: Factory) -> None:
    kumamoto, aso = factory.kumamoto_city(), factory.aso_city()
    command = DefineCohort(name="r7", label="令和7年度参加", fiscal_year=2025, tenant_ids=(kumamoto,))

    assert define_cohort(command, actor=actors.onboarding).added == 1
    assert define_cohort(command, actor=actors.onboarding).added == 0
    assert define_cohort(command.model_copy(update={"tenant_ids": (aso,)}), actor=actors.onboarding).added == 1

    with tenant_scope(OPERATOR):
        session = db.session()
        members = directory.cohort_members(session, "r7")
        assert directory.cohort(session, "r7").label == "令和7年度参加"
    assert [(facts.id, facts.cohort, facts.valid_from) for facts in members] == [
        (kumamoto, "r7", date(2025, 4, 1)),
        (aso, "r7", date(2025, 4, 1)),
    ]
    assert len([row for row in recorded("cohort.defined") if row.tenant_id == kumamoto]) == 1


def test_a_cohort_is_refused_what_it_cannot_be_and_nothing_changes(actors: Actors, factory: Factory) -> None:
    kumamoto = factory.kumamoto_city()
    define_cohort(
        DefineCohort(name="r7", label="令和7年度参加", fiscal_year=2025, tenant_ids=(kumamoto,)),
        actor=actors.onboarding,
    )
    before = (rows("cohort"), rows("tenant"))

    refused = {
        Conflict: (
            DefineCohort(name="r7", label="令和7年度参加", fiscal_year=2026),
            DefineCohort(name="r8", label="令和8年度参加", fiscal_year=2026, tenant_ids=(kumamoto,)),
        ),
        NotFound: (DefineCohort(name="r8", label="令和8年度参加", fiscal_year=2026, tenant_ids=(new_id(),)),),
    }
    for kind, commands in refused.items():
        for command in commands:
            with pytest.raises(kind):
                define_cohort(command, actor=actors.onboarding)

    with pytest.raises(Invalid):
        build_command(DefineCohort, name="r0", label="いつか", fiscal_year=1988)
    with pytest.raises(NotAllowed):
        define_cohort(DefineCohort(name="r9", label="x", fiscal_year=2027), actor=actors.finance)
    assert (rows("cohort"), rows("tenant")) == before


def _contact(tenant_id: UUID, **other: str) -> RecordContact:
    values: dict[str, Any] = {
        "tenant_id": tenant_id,
        "purpose": ContactPurpose.GENERAL,
        "section": "情報政策課",
        "name": "肥後 花子",
        "email": "joho@city.kumamoto.lg.jp",
        "phone": "096-328-2111",
    }
    return build_command(RecordContact, **values | other)


def test_a_contact_replaces_the_one_before_and_can_be_removed(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    owner = actors.municipal(tenant_id, Role.TENANT_OWNER)
    first = record_contact(_contact(tenant_id), actor=owner)

    assert record_contact(_contact(tenant_id, name="阿蘇 太郎"), actor=actors.onboarding) == first
    with tenant_scope(tenant_id):
        assert [row.name for row in queries.contacts(db.session(), tenant_id)] == ["阿蘇 太郎"]
    remove_contact(RemoveContact(tenant_id=tenant_id, purpose=ContactPurpose.GENERAL), actor=owner)

    assert rows("contact") == []
    with pytest.raises(NotFound):
        remove_contact(RemoveContact(tenant_id=tenant_id, purpose=ContactPurpose.GENERAL), actor=owner)
    # The record names no person.
    assert all("花子" not in repr(row.facts) for row in recorded("contact.recorded"))


@pytest.mark.parametrize(
    "email", ["", "joho", "joho@localhost", "јoho@city.lg.jp", "joho@городе.jp", "a..b@c.jp", "a@b.jp.", "a@b.jp\n"]
)
def test_an_address_that_is_none_is_refused(actors: Actors, factory: Factory, email: str) -> None:
    tenant_id = factory.kumamoto_city()

    with pytest.raises(Invalid) as refusal:
        record_contact(_contact(tenant_id, email=email), actor=actors.onboarding)

    assert refusal.value.field == "email"
    assert rows("contact") == []


def test_who_bears_the_cost_of_a_year(factory: Factory) -> None:
    version = factory.publish()
    kumamoto, aso = factory.kumamoto_city(), factory.aso_city()
    factory.accept(kumamoto, version)
    factory.change_state(kumamoto, *TO_PROVISIONING)
    factory.change_state(kumamoto, TenantState.ACTIVE, on=date(2025, 10, 1))
    factory.change_state(aso, *TO_PROVISIONING)

    with tenant_scope(OPERATOR):
        session = db.session()
        years = {year: [facts.id for facts in directory.members_of_year(session, year)] for year in (2024, 2025, 2026)}
    assert years == {2024: [], 2025: [kumamoto], 2026: [kumamoto]}
    factory.change_state(kumamoto, TenantState.SUSPENDED)
    with tenant_scope(OPERATOR):
        assert [facts.id for facts in directory.members_of_year(db.session(), 2026)] == [kumamoto]


def test_the_directory_says_what_is_not_there(actors: Actors) -> None:
    with tenant_scope(OPERATOR):
        session = db.session()
        assert directory.operator(session).id == actors.operator_tenant
        for look in (
            lambda: directory.tenant_by_code(session, "431001"),
            lambda: directory.tenant_by_id(session, new_id()),
            lambda: directory.cohort(session, "r7"),
            lambda: directory.cohort_members(session, "r7"),
        ):
            with pytest.raises(NotFound):
                look()
