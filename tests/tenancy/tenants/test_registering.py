"""Registering and editing a tenant: which codes are admitted, and that a refusal changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from flask import Flask
from pydantic import ValidationError

from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, Invalid, NotAllowed, NotFound, Stale
from governance.kernel.ids import new_id
from governance.permissions import Role
from tenancy import directory
from tenancy.tenants.commands import (
    EditTenant,
    RegisterTenant,
    StatisticInput,
    edit_tenant,
    register_tenant,
)
from tenancy.tenants.eligibility import ADMITTED_PREFECTURES, ALL_PREFECTURES, parse_prefectures
from tenancy.tenants.states import StatisticKind, TenantKind, TenantState
from tests.actors import Actors
from tests.database_rows import recorded, rows
from tests.factories import Factory


@pytest.fixture
def all_prefectures(database: Flask) -> Iterator[None]:
    ADMITTED_PREFECTURES.set(database, ALL_PREFECTURES)
    yield
    ADMITTED_PREFECTURES.set(database, None)


def test_a_registered_city_is_an_applicant_and_is_in_the_record(factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()

    with tenant_scope(OPERATOR):
        facts = directory.tenant_by_code(db.session(), "431001")
    assert (facts.id, facts.name, facts.kind, facts.state) == (
        tenant_id,
        "熊本市",
        TenantKind.CITY,
        TenantState.APPLIED,
    )
    assert not facts.is_operator
    record = recorded("tenant.registered")[-1]
    assert (record.subject, record.tenant_id, record.facts["code"]) == (str(tenant_id), tenant_id, "431001")


@pytest.mark.parametrize(
    ("code", "kind", "why", "words"),
    [
        ("431002", TenantKind.CITY, "code.check_digit", "正しくは 431001"),
        ("43100", TenantKind.CITY, "code.five_digits", "431001"),
        ("４３１００１", TenantKind.CITY, "code.not_a_code", "半角"),
        ("", TenantKind.CITY, "code.not_a_code", "6 桁"),
        ("432148'", TenantKind.CITY, "code.not_a_code", "6 桁"),
        ("401307", TenantKind.CITY, "tenant.another_prefecture", "40"),
        ("431010", TenantKind.CITY, "tenant.ward_not_eligible", "行政区"),
        ("431001", TenantKind.VILLAGE, "tenant.code_of_another_kind", "「村」"),
        ("431001", TenantKind.COMPANY, "tenant.code_of_another_kind", "「企業」"),
        (None, TenantKind.TOWN, "tenant.code_missing", "6 桁"),
    ],
)
def test_a_code_that_is_not_right_is_refused_and_changes_nothing(
    factory: Factory, code: str | None, kind: TenantKind, why: str, words: str
) -> None:
    before = rows("tenant")

    with pytest.raises(Invalid) as refusal:
        factory.register_applicant(code, "熊本市", "クマモトシ", kind)

    assert refusal.value.code == why
    assert refusal.value.field == "code"
    assert words in refusal.value.text("ja") + refusal.value.hint("ja")
    assert rows("tenant") == before
    # What is no code at all is refused before there is a command.
    refused = [event.facts["code"] for event in recorded("tenant.registered", "refused")]
    assert refused == ([why] if why.startswith("tenant.") else [])


def test_a_code_that_is_a_member_already_is_a_conflict(factory: Factory) -> None:
    factory.kumamoto_city()
    before = rows("tenant")

    with pytest.raises(Conflict) as refusal:
        factory.register_applicant("431001", "くまもと市", "クマモトシ", TenantKind.CITY)

    assert refusal.value.code == "tenant.already_registered"
    assert "熊本市" in refusal.value.text("ja")
    assert rows("tenant") == before


def test_the_operators_own_code_cannot_be_registered_again(factory: Factory) -> None:
    with pytest.raises(Conflict):
        factory.register_applicant("430005", "熊本県", "クマモトケン", TenantKind.PREFECTURE)


def test_the_same_code_twice_at_once_is_registered_once(database: Flask, factory: Factory) -> None:
    def attempt(_: int) -> str:
        with database.app_context():
            try:
                factory.kumamoto_city()
            except Conflict as refusal:
                return refusal.code
            finally:
                db.session.remove()
            return "registered"

    with ThreadPoolExecutor(4) as together:
        outcomes = sorted(together.map(attempt, range(4)))

    assert outcomes == ["registered"] + ["tenant.already_registered"] * 3


@pytest.mark.parametrize("kind", [TenantKind.UNION, TenantKind.COMPANY, TenantKind.ASSOCIATE])
def test_unions_companies_and_associates_need_no_code(factory: Factory, kind: TenantKind) -> None:
    tenant_id = factory.register_applicant(None, "菊池広域連合", "キクチコウイキレンゴウ", kind)

    with tenant_scope(OPERATOR):
        assert directory.tenant_by_id(db.session(), tenant_id).code is None
    with pytest.raises(Conflict):
        factory.register_applicant(None, "菊池広域連合", "キクチコウイキレンゴウ", kind)


@pytest.mark.usefixtures("all_prefectures")
def test_another_prefectures_code_is_admitted_where_the_setting_says_so(factory: Factory) -> None:
    tenant_id = factory.register_applicant("401307", "福岡市", "フクオカシ", TenantKind.CITY)

    with tenant_scope(OPERATOR):
        assert directory.tenant_by_code(db.session(), "401307").id == tenant_id


def test_the_setting_of_prefectures_is_read_strictly() -> None:
    assert parse_prefectures("") is None
    assert parse_prefectures("43, 44") == frozenset({"43", "44"})
    assert parse_prefectures("all") == ALL_PREFECTURES
    for wrong in ("48", "4", "43;44", "00"):
        with pytest.raises(Invalid):
            parse_prefectures(wrong)


@pytest.mark.parametrize("name", ["神代町", "葛󠄀城市", "𠮷野町", "髙﨑市①", "ﾊﾝｶｸ町", "か゚町"])
def test_a_name_is_stored_byte_for_byte(factory: Factory, name: str) -> None:
    tenant_id = factory.register_applicant("433675", name, "マチ", TenantKind.TOWN)

    with tenant_scope(OPERATOR):
        assert directory.tenant_by_id(db.session(), tenant_id).name.encode() == name.encode()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "text.empty"),
        ("　", "text.empty"),
        (" 熊本市", "text.edge_space"),
        ("熊本市　", "text.edge_space"),
        ("熊\u202e本市", "text.unseen"),
        ("熊\u200b本市", "text.unseen"),
        ("熊\0本市", "text.unseen"),
        ("熊\r\n本市", "text.unseen"),
        ("熊" * 121, "text.too_long"),
        ("か" + "\u3099" * 100, "text.too_long"),
    ],
)
def test_a_name_that_cannot_be_read_is_refused(factory: Factory, name: str, why: str) -> None:
    before = rows("tenant")

    with pytest.raises(Invalid) as refusal:
        factory.register_applicant("431001", name, "クマモトシ", TenantKind.CITY)

    assert (refusal.value.code, refusal.value.field) == (why, "name")
    assert rows("tenant") == before


def test_figures_given_with_the_registration_stand_with_source_and_day(actors: Actors) -> None:
    figure = StatisticInput(
        kind=StatisticKind.FISCAL_INDEX, value="0.70", basis_date=date(2022, 3, 31), source="総務省 令和3年度"
    )

    tenant_id = register_tenant(
        RegisterTenant(code="431001", name="熊本市", kana="クマモトシ", kind=TenantKind.CITY, statistics=(figure,)),
        actor=actors.onboarding,
    ).tenant_id

    with tenant_scope(OPERATOR):
        found = directory.statistic_values(db.session(), StatisticKind.FISCAL_INDEX, [tenant_id], date(2025, 4, 1))
    assert (str(found[tenant_id].value), found[tenant_id].source) == ("7/10", "総務省 令和3年度")


def test_a_wrong_figure_leaves_no_tenant_behind(actors: Actors) -> None:
    before = rows("tenant")
    figure = StatisticInput(kind=StatisticKind.POPULATION, value="1e3", basis_date=date(2020, 10, 1), source="国勢調査")

    with pytest.raises(Invalid):
        register_tenant(
            RegisterTenant(code="431001", name="熊本市", kana="クマモトシ", kind=TenantKind.CITY, statistics=(figure,)),
            actor=actors.onboarding,
        )

    assert (rows("tenant"), rows("statistic")) == (before, [])


def test_a_municipality_cannot_register_anybody(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    owner = actors.municipal(tenant_id, Role.TENANT_OWNER)
    before = rows("tenant")

    with pytest.raises(NotAllowed):
        register_tenant(RegisterTenant(code="432148", name="阿蘇市", kana="アソシ", kind=TenantKind.CITY), actor=owner)

    assert rows("tenant") == before
    assert recorded("tenant.registered", "denied")[-1].actor == owner.id


def test_an_order_takes_no_unknown_field_and_no_wrong_type() -> None:
    with pytest.raises(ValidationError):
        RegisterTenant(code=431001, name="熊本市", kana="クマモトシ", kind=TenantKind.CITY)  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        RegisterTenant.model_validate({"code": "431001", "name": "a", "kana": "ア", "kind": "city", "tenant_id": "x"})


def _edit(actors: Actors, command: EditTenant) -> int:
    return edit_tenant(command, actor=actors.onboarding).version


def test_an_edit_names_the_version_it_saw(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    command = EditTenant(
        tenant_id=tenant_id,
        version=1,
        code="431001",
        name="熊本市",
        kana="クマモトシ",
        name_en="Kumamoto City",
        valid_from=date(2025, 4, 1),
    )
    assert _edit(actors, command) == 2
    before = rows("tenant")

    with pytest.raises(Stale) as refusal:
        _edit(actors, command.model_copy(update={"name_en": "Kumamoto"}))

    assert refusal.value.facts == {"given": 1, "current": 2}
    assert rows("tenant") == before
    assert recorded("tenant.edited")[-1].facts["after"] == {"name_en": "Kumamoto City", "valid_from": "2025-04-01"}


def test_the_same_edit_again_changes_nothing_and_leaves_no_record(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    command = EditTenant(
        tenant_id=tenant_id, version=1, code="431001", name="熊本市", kana="クマモトシ", name_en=None, valid_from=None
    )

    assert _edit(actors, command) == 1
    assert recorded("tenant.edited") == []


def test_a_merger_changes_the_code_by_the_rules_of_registering(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    command = EditTenant(
        tenant_id=tenant_id, version=1, code="432024", name="八代市", kana="ヤツシロシ", name_en=None, valid_from=None
    )
    before = rows("tenant")

    for wrong in ("432025", "401307"):
        with pytest.raises(Invalid):
            _edit(actors, command.model_copy(update={"code": wrong}))
    assert rows("tenant") == before
    assert _edit(actors, command) == 2


def test_the_first_day_stays_once_onboarding_has_begun(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    factory.change_state(tenant_id, TenantState.SCREENING, TenantState.AGREED, TenantState.PROVISIONING)
    before = rows("tenant")

    with pytest.raises(Conflict) as refusal:
        _edit(
            actors,
            EditTenant(
                tenant_id=tenant_id,
                version=4,
                code="431001",
                name="熊本市",
                kana="クマモトシ",
                name_en=None,
                valid_from=date(2020, 4, 1),
            ),
        )

    assert refusal.value.code == "tenant.membership_began"
    assert rows("tenant") == before


def test_a_tenant_that_is_not_there_is_not_found(actors: Actors) -> None:
    with pytest.raises(NotFound):
        _edit(
            actors,
            EditTenant(tenant_id=new_id(), version=1, code=None, name="無", kana="ム", name_en=None, valid_from=None),
        )
