"""Importing municipalities: all or nothing, each wrong row named, and the preview says what the import does."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from flask import Flask

import admin.example
from governance.file_imports import ImportRefused
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import IdempotencyKeyReused, NotAllowed, NotFound
from governance.permissions import Role
from tenancy import directory
from tenancy.tenants.commands import (
    DefineCohort,
    ImportTenants,
    define_cohort,
    import_tenants,
    preview_import,
)
from tenancy.tenants.models import ImportPreview
from tenancy.tenants.states import StatisticKind
from tests.actors import Actors
from tests.database_rows import recorded, rows
from tests.factories import Factory

HEADER = "code6,name_ja,kana,kind,population_2020,fiscal_index,source\n"
KUMAMOTO = "431001,熊本市,クマモトシ,designated_city,738865,0.70,国勢調査\n"
ASO = "432148,阿蘇市,アソシ,city,24930,0.36,国勢調査\n"
BASIS = {StatisticKind.POPULATION: date(2020, 10, 1), StatisticKind.FISCAL_INDEX: date(2022, 3, 31)}


def _command(*lines: str, **other: object) -> ImportTenants:
    return ImportTenants.model_validate({"content": (HEADER + "".join(lines)).encode(), "basis_dates": BASIS, **other})


def _preview(command: ImportTenants) -> ImportPreview:
    with tenant_scope(OPERATOR):
        return preview_import(db.session(), command, today=clock.today())


def test_a_whole_file_becomes_applicants_with_their_figures(actors: Actors) -> None:
    imported = import_tenants(_command(KUMAMOTO, ASO, valid_from=date(2025, 4, 1)), actor=actors.onboarding)

    with tenant_scope(OPERATOR):
        session = db.session()
        kumamoto, aso = directory.tenant_by_code(session, "431001"), directory.tenant_by_code(session, "432148")
        found = directory.statistic_values(session, StatisticKind.POPULATION, imported.tenant_ids, date(2025, 4, 1))
    assert (kumamoto.id, aso.id) == imported.tenant_ids
    assert (kumamoto.state.value, kumamoto.valid_from) == ("applied", date(2025, 4, 1))
    assert (found[aso.id].value, found[aso.id].basis_date, found[aso.id].source) == (
        Fraction(24930),
        date(2020, 10, 1),
        "国勢調査",
    )
    assert recorded("tenants.imported")[-1].facts["rows"] == 2
    assert {row.tenant_id for row in recorded("tenant.registered")} == {kumamoto.id, aso.id}


def test_the_example_file_is_read_whole(actors: Actors) -> None:
    content = (Path(admin.example.__path__[0]) / "kumamoto_municipalities.csv").read_bytes()
    command = ImportTenants(
        content=content,
        basis_dates={
            StatisticKind.POPULATION: date(2020, 10, 1),
            StatisticKind.HOUSEHOLDS: date(2020, 10, 1),
            StatisticKind.AREA_KM2: date(2020, 10, 1),
            StatisticKind.FISCAL_INDEX: date(2022, 3, 31),
        },
        source="例示データ",
    )

    imported = import_tenants(command, actor=actors.onboarding)

    with tenant_scope(OPERATOR):
        found = directory.statistic_values(
            db.session(), StatisticKind.POPULATION, imported.tenant_ids, date(2025, 4, 1)
        )
        households = directory.statistic_values(
            db.session(), StatisticKind.HOUSEHOLDS, imported.tenant_ids, date(2025, 4, 1)
        )
    assert len(imported.tenant_ids) == 45
    assert sum(figure.value for figure in found.values()) == 1_738_301
    assert sum(figure.value for figure in households.values()) == 719_154


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("432149,阿蘇市,アソシ,city,1,0.1,国勢調査\n", "code.check_digit"),
        ("43214,阿蘇市,アソシ,city,1,0.1,国勢調査\n", "code.five_digits"),
        ("401307,福岡市,フクオカシ,city,1,0.1,国勢調査\n", "tenant.another_prefecture"),
        ("431010,熊本市中央区,チュウオウク,city,1,0.1,国勢調査\n", "tenant.ward_not_eligible"),
        (KUMAMOTO, "import.twice_in_file"),
        ("432148,阿蘇市,アソシ,city,1,0.1\n", "import.ragged"),
        ("432148,=1+1,アソシ,city,1,0.1,国勢調査\n", "import.formula"),
        ("432148,阿蘇市,アソシ,city,1,0.1,\n", "import.source_missing"),
    ],
)
def test_one_wrong_row_and_nothing_is_imported(actors: Actors, wrong: str, why: str) -> None:
    before = rows("tenant")
    command = _command(KUMAMOTO, wrong)
    verdict = _preview(command)

    with pytest.raises(ImportRefused) as refusal:
        import_tenants(command, actor=actors.onboarding)

    said = [(row.line, row.refusal) for row in refusal.value.preview.rows]
    assert said == [(2, None), (3, why)]
    assert said == [(row.line, row.refusal) for row in verdict.rows]
    assert "3 行目" in refusal.value.text("ja")
    assert (rows("tenant"), rows("statistic")) == (before, [])
    assert recorded("tenants.imported") == []
    assert recorded("tenants.imported", "refused")[-1].facts["code"] == "import.refused"


def test_a_code_that_is_registered_already_is_named_with_its_line(actors: Actors, factory: Factory) -> None:
    factory.kumamoto_city()
    before = rows("tenant")

    with pytest.raises(ImportRefused) as refusal:
        import_tenants(_command(ASO, KUMAMOTO), actor=actors.onboarding)

    (wrong,) = (row for row in refusal.value.preview.rows if not row.accepted)
    assert (wrong.line, wrong.title, wrong.refusal) == (3, "431001 熊本市", "tenant.already_registered")
    assert rows("tenant") == before


def test_the_same_file_twice_registers_nobody_twice(actors: Actors) -> None:
    import_tenants(_command(KUMAMOTO, ASO), actor=actors.onboarding)
    before = rows("tenant")

    with pytest.raises(ImportRefused):
        import_tenants(_command(KUMAMOTO, ASO), actor=actors.onboarding)

    assert rows("tenant") == before


def test_a_key_answers_the_same_file_and_refuses_another(actors: Actors) -> None:
    command = ImportTenants(content=(HEADER + KUMAMOTO).encode("cp932"), basis_dates=BASIS, source="国勢調査")
    first = import_tenants(command, actor=actors.onboarding, key="april")

    assert import_tenants(command, actor=actors.onboarding, key="april") == first
    with pytest.raises(IdempotencyKeyReused):
        import_tenants(_command(ASO), actor=actors.onboarding, key="april")


def test_a_preview_changes_nothing(actors: Actors) -> None:
    before = rows("tenant")

    verdict = _preview(_command(KUMAMOTO, ASO))

    assert verdict.accepted
    assert rows("tenant") == before


@pytest.mark.parametrize(
    ("basis_dates", "field", "why"),
    [
        ({}, "basis_dates.population", "import.basis_date_missing"),
        (
            BASIS | {StatisticKind.POPULATION: date(2025, 10, 1)},
            "basis_dates.population",
            "import.basis_date_of_another_year",
        ),
        (
            BASIS | {StatisticKind.FISCAL_INDEX: date(2099, 3, 31)},
            "basis_dates.fiscal_index",
            "statistic.basis_date_wrong",
        ),
    ],
)
def test_figures_need_the_day_they_are_of(
    actors: Actors, basis_dates: dict[StatisticKind, date], field: str, why: str
) -> None:
    with pytest.raises(ImportRefused) as refusal:
        import_tenants(_command(KUMAMOTO, basis_dates=basis_dates), actor=actors.onboarding)

    assert (field, why) in {(error.field, error.code) for error in refusal.value.errors}
    assert rows("statistic") == []


def test_all_that_is_wrong_with_a_file_is_said_in_one_round(actors: Actors) -> None:
    header = "団体コード,団体名,フリガナ,種別,人口,人口の基準日,市長\n"
    command = ImportTenants(
        content=(
            header + "431002,熊本市,くまもとし,市,約70万,R2.10.1,x\n" + "432148,阿蘇市,アソシ,市,24930,,x\n"
        ).encode(),
        basis_dates={},
    )

    preview = _preview(command)
    with pytest.raises(ImportRefused) as refusal:
        import_tenants(command, actor=actors.onboarding)

    said = [(1, one.column, one.code) for one in preview.problems]
    said += [(row.line, one.column, one.code) for row in preview.rows for one in row.problems]
    assert said == [
        (1, "市長", "import.column_unknown"),
        (2, "フリガナ", "import.not_kana"),
        (2, "人口", "statistic.invalid_value"),
        (2, "団体コード", "code.check_digit"),
        (2, "出典", "import.source_missing"),
        (3, "出典", "import.source_missing"),
        (3, "人口の基準日", "import.basis_date_missing"),
    ]
    assert [(one.field, one.code) for one in refusal.value.errors[1:]] == [
        (f"content.{line}.{'header' if line == 1 else column}", code) for line, column, code in said
    ]
    assert refusal.value.code == "import.refused"
    assert rows("statistic") == []


def test_what_a_row_says_of_its_dates_goes_before_what_is_given_for_the_file(actors: Actors) -> None:
    header = "団体コード,団体名,フリガナ,種別,人口,人口の基準日,参加開始日,出典\n"
    command = ImportTenants(
        content=(
            header
            + "431001,熊本市,クマモトシ,市,７３８，８６５,令和2年10月1日,令和8年度,国勢調査\n"
            + "432148,阿蘇市,アソシ,市,24930,,,国勢調査\n"
        ).encode(),
        basis_dates={StatisticKind.POPULATION: date(2015, 10, 1)},
        valid_from=date(2025, 4, 1),
    )

    imported = import_tenants(command, actor=actors.onboarding)

    with tenant_scope(OPERATOR):
        session = db.session()
        found = directory.statistic_values(session, StatisticKind.POPULATION, imported.tenant_ids, date(2026, 4, 1))
        first_days = [directory.tenant_by_id(session, one).valid_from for one in imported.tenant_ids]
    assert [(found[one].value, found[one].basis_date) for one in imported.tenant_ids] == [
        (Fraction(738865), date(2020, 10, 1)),
        (Fraction(24930), date(2015, 10, 1)),
    ]
    assert first_days == [date(2026, 4, 1), date(2025, 4, 1)]


def test_each_statistic_has_the_source_of_its_own_column_then_of_the_row_then_of_the_file(actors: Actors) -> None:
    header = "団体コード,団体名,フリガナ,種別,人口,財政力指数,人口の出典,出典\n"
    rows_of = "431001,熊本市,クマモトシ,市,738865,0.70,国勢調査,主要財政指標\n432148,阿蘇市,アソシ,市,24930,0.36,,\n"
    command = ImportTenants(content=(header + rows_of).encode(), basis_dates=BASIS, source="県の照会")

    imported = import_tenants(command, actor=actors.onboarding)

    with tenant_scope(OPERATOR):
        found = {
            kind: directory.statistic_values(db.session(), kind, imported.tenant_ids, date(2026, 4, 1))
            for kind in (StatisticKind.POPULATION, StatisticKind.FISCAL_INDEX)
        }
    sources = {kind: [of[one].source for one in imported.tenant_ids] for kind, of in found.items()}
    assert sources == {
        StatisticKind.POPULATION: ["国勢調査", "県の照会"],
        StatisticKind.FISCAL_INDEX: ["主要財政指標", "県の照会"],
    }


def test_a_statistic_without_any_source_is_refused_though_another_has_one(actors: Actors) -> None:
    header = "団体コード,団体名,フリガナ,種別,人口,財政力指数,人口の出典\n"
    command = ImportTenants(
        content=f"{header}431001,熊本市,クマモトシ,市,738865,0.70,国勢調査\n".encode(), basis_dates=BASIS
    )

    with pytest.raises(ImportRefused) as refusal:
        import_tenants(command, actor=actors.onboarding)

    (wrong,) = refusal.value.preview.rows
    assert wrong.refusal == "import.source_missing"
    assert rows("statistic") == []


def test_a_cohort_takes_the_whole_file_in(actors: Actors) -> None:
    define_cohort(DefineCohort(name="r7", label="令和7年度参加", fiscal_year=2025), actor=actors.onboarding)

    import_tenants(_command(KUMAMOTO, ASO, cohort="r7"), actor=actors.onboarding)

    with tenant_scope(OPERATOR):
        members = directory.cohort_members(db.session(), "r7")
    assert [(facts.code, facts.valid_from) for facts in members] == [
        ("431001", date(2025, 4, 1)),
        ("432148", date(2025, 4, 1)),
    ]
    with pytest.raises(NotFound):
        import_tenants(_command(cohort="r8"), actor=actors.onboarding)


def test_a_municipality_cannot_import(database: Flask, actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    before = rows("tenant")

    with pytest.raises(NotAllowed):
        import_tenants(_command(ASO), actor=actors.municipal(tenant_id, Role.TENANT_OWNER))

    assert rows("tenant") == before
