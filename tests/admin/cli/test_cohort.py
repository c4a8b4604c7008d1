"""`moyai cohort define`: which tenants come in together."""

from __future__ import annotations

from uuid import UUID

import pytest

from governance.kernel.database import OPERATOR, db, tenant_scope
from tenancy import directory
from tests.admin.cli.command_line import Moyai
from tests.database_rows import recorded, rows
from tests.factories import Factory

R7 = ("cohort", "define", "r7", "--label", "令和7年度参加", "--fiscal-year", "2025")


@pytest.fixture
def cities(factory: Factory) -> tuple[UUID, UUID]:
    return factory.kumamoto_city(), factory.aso_city()


def _members() -> list[str | None]:
    with tenant_scope(OPERATOR):
        return [facts.code for facts in directory.cohort_members(db.session(), "r7")]


def test_a_cohort_is_defined_with_its_tenants_and_their_first_day(moyai: Moyai, cities: tuple[UUID, UUID]) -> None:
    code, defined, _ = moyai(*R7, "--tenant", "431001", "--tenant", "432148")

    assert (code, defined["added"]) == (0, 2)
    with tenant_scope(OPERATOR):
        cohort = directory.cohort(db.session(), "r7")
        first_days = {facts.valid_from for facts in directory.cohort_members(db.session(), "r7")}
    assert (str(cohort.id), cohort.label, cohort.fiscal_year) == (defined["cohort_id"], "令和7年度参加", 2025)
    assert [day.isoformat() for day in first_days if day is not None] == ["2025-04-01"]
    assert _members() == ["431001", "432148"]


def test_more_tenants_join_and_those_in_it_stay(moyai: Moyai, cities: tuple[UUID, UUID]) -> None:
    _, first, _ = moyai(*R7, "--tenant", "431001")

    _, second, _ = moyai(*R7, "--tenant", "432148")
    _, again, _ = moyai(*R7)

    assert (second["added"], again["added"]) == (1, 0)
    assert first["cohort_id"] == second["cohort_id"] == again["cohort_id"]
    assert _members() == ["431001", "432148"]
    assert len(rows("cohort")) == 1


@pytest.mark.parametrize(
    ("words", "reason", "field"),
    [
        (("cohort", "define", "R7", *R7[3:]), "input.wrong", "NAME"),
        ((*R7[:4], "", *R7[5:]), "text.empty", "--label"),
        ((*R7[:6], "1800"), "fiscal_year.out_of_bounds", "--fiscal-year"),
        ((*R7[:6], "昭和7"), "fiscal_year.not_a_year", "--fiscal-year"),
        ((*R7, "--tenant", "431002"), "code.check_digit", "--tenant"),
    ],
)
def test_what_is_no_cohort_is_refused_with_what_was_typed(
    moyai: Moyai, cities: tuple[UUID, UUID], words: tuple[str, ...], reason: str, field: str
) -> None:
    assert moyai.refusal(*words) == (2, reason, field)
    assert rows("cohort") == []


def test_a_tenant_of_another_cohort_is_refused_and_nobody_joins(moyai: Moyai, cities: tuple[UUID, UUID]) -> None:
    moyai(*R7, "--tenant", "431001")
    before = rows("tenant")
    r8 = ("cohort", "define", "r8", "--label", "令和8年度参加", "--fiscal-year", "2026")

    refused = moyai.refusal(*r8, "--tenant", "432148", "--tenant", "431001")

    assert refused == (1, "cohort.other_cohort", "--tenant")
    assert rows("tenant") == before
    assert len(rows("cohort")) == 1


def test_a_cohort_does_not_change_its_year(moyai: Moyai, cities: tuple[UUID, UUID]) -> None:
    moyai(*R7)
    before = rows("cohort")

    assert moyai.refusal(*R7[:6], "2026") == (1, "cohort.differs", "NAME")
    assert rows("cohort") == before
    assert len(recorded("cohort.defined")) == 1


def test_a_tenant_that_is_not_there_does_not_join(moyai: Moyai) -> None:
    assert moyai.refusal(*R7, "--tenant", "431001")[:2] == (1, "not_found")
    assert rows("cohort") == []


def test_cohorts_are_listed_and_shown_as_the_api_has_them(moyai: Moyai) -> None:
    _, defined, _ = moyai(*R7)

    _, listed, _ = moyai("cohort", "list")

    shown = {"id": defined["cohort_id"], "name": "r7", "label": "令和7年度参加", "fiscal_year": 2025}
    assert listed == {"cohorts": [shown]}
    assert moyai("cohort", "show", "r7")[1] == shown
    assert moyai.refusal("cohort", "show", "r8")[:2] == (1, "not_found")
