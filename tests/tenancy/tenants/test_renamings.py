"""A tenant's new name and code: planned for a day, undone until then, carried out once at its midnight."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from admin.workflows.renamings import carry_out_renamings
from billing.notices.queries import notice_by_id
from governance.commands import system_transaction
from governance.declaration import build_command
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.errors import Conflict, Invalid, NotAllowed
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.tenants.commands import EditTenant, edit_tenant
from tenancy.tenants.models import TenantDetails
from tenancy.tenants.queries import TenantFilter, former_names, list_tenants
from tenancy.tenants.queries import tenant as find_tenant
from tenancy.tenants.renamings import (
    RenameTenant,
    RenamingFacts,
    UndoRenaming,
    planned_renaming,
    rename_tenant,
    renamings,
    undo_renaming,
)
from tenancy.tenants.state_changes import SYNC_TENANT
from tenancy.tenants.states import TenantState
from tests.actors import Actors
from tests.database_rows import recorded, rows
from tests.factories import IN_FISCAL_YEAR_2025, Factory

DAY = date(2025, 10, 1)
BEFORE = datetime(2025, 9, 30, 23, 59, tzinfo=clock.JST)
ON_THE_DAY = datetime(2025, 10, 1, 0, 0, tzinfo=clock.JST)
TABLES = ("tenant", "tenant_renaming", "job")


def plan(tenant_id: UUID, actors: Actors, **other: Any) -> UUID:
    """A change of 阿蘇市 to 中央市, but for what is given."""
    wanted: dict[str, Any] = {
        "code": "432148",
        "name": "中央市",
        "kana": "チュウオウシ",
        "name_en": "Chuo",
        "valid_from": DAY,
    }
    command = build_command(RenameTenant, tenant_id=tenant_id, reason="廃置分合", **wanted | other)
    return rename_tenant(command, actor=actors.onboarding).renaming_id


def worker_looks(actors: Actors, at: datetime) -> None:
    with clock.at(at):
        carry_out_renamings(lambda: actors.worker)


def read(tenant_id: UUID) -> tuple[TenantDetails, list[RenamingFacts]]:
    with system_transaction(OPERATOR) as session:
        return find_tenant(session, tenant_id), renamings(session, tenant_id)


def jobs_for_keycloak() -> list[dict[str, Any]]:
    with system_transaction(OPERATOR) as session:
        return list(session.scalars(select(Job.payload).where(Job.name == SYNC_TENANT)))


def test_the_new_name_counts_from_midnight_once_and_is_found_by_the_former_one(
    actors: Actors, factory: Factory
) -> None:
    tenant_id = factory.add_member("432148", "阿蘇市")
    with clock.at(IN_FISCAL_YEAR_2025):
        renaming_id = plan(tenant_id, actors)
    worker_looks(actors, BEFORE)

    before, [planned] = read(tenant_id)
    assert (before.name, planned.id, planned.is_planned, planned.former) == ("阿蘇市", renaming_id, True, None)
    assert jobs_for_keycloak() == []

    # The worker was down at midnight; twice is once.
    worker_looks(actors, ON_THE_DAY.replace(hour=9))
    worker_looks(actors, ON_THE_DAY.replace(hour=9))

    after, [done] = read(tenant_id)
    assert (after.code, after.name, after.kana, after.name_en) == ("432148", "中央市", "チュウオウシ", "Chuo")
    assert after.version == before.version + 1
    assert done.former is not None
    assert (done.former["name"], done.is_planned) == ("阿蘇市", False)
    assert jobs_for_keycloak() == [{"tenant_id": str(tenant_id)}]
    (event,) = recorded("tenant.renamed")
    assert (event.tenant_id, event.facts["before"]["name"], event.facts["after"]["name"]) == (
        *(tenant_id, "阿蘇市"),
        "中央市",
    )
    with system_transaction(OPERATOR) as session:
        found = list_tenants(session, TenantFilter(words="阿蘇"))
        assert [one.id for one in found] == [tenant_id]
        assert former_names(session, "阿蘇", found) == {tenant_id: "阿蘇市"}


def test_what_was_issued_before_keeps_the_former_name(actors: Actors, factory: Factory) -> None:
    with clock.at(IN_FISCAL_YEAR_2025):
        factory.add_members({"432148": ("阿蘇市", 24_930)})
        factory.adopt(factory.draft())
        factory.record(1_000_000)
        prepared = factory.prepare()
        factory.approve(prepared)
        notice_id = factory.issue_notices(prepared.run_id)["432148"]
        plan(factory.ids["432148"], actors)
    worker_looks(actors, ON_THE_DAY)

    assert read(factory.ids["432148"])[0].name == "中央市"
    with system_transaction(OPERATOR) as session:
        notice = notice_by_id(session, notice_id)
    assert "中央市" not in notice.model_dump_json()
    assert notice.addressee == "阿蘇市"


def test_it_is_undone_until_its_day_and_not_afterwards(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.aso_city()
    with clock.at(IN_FISCAL_YEAR_2025):
        first = plan(tenant_id, actors)
        with pytest.raises(Conflict) as twice:
            plan(tenant_id, actors, name="別の市")
        undo = UndoRenaming(tenant_id=tenant_id, renaming_id=first, reason="告示の訂正")
        undo_renaming(undo, actor=actors.onboarding)
        with pytest.raises(Conflict) as undone:
            undo_renaming(undo, actor=actors.onboarding)
        second = plan(tenant_id, actors, name="阿蘇新市")
    undo = UndoRenaming(tenant_id=tenant_id, renaming_id=second, reason="告示の訂正")
    with clock.at(ON_THE_DAY), pytest.raises(Conflict) as late:
        undo_renaming(undo, actor=actors.onboarding)
    worker_looks(actors, ON_THE_DAY)

    assert (twice.value.code, undone.value.code) == ("renaming.planned_already", "renaming.ended_already")
    assert late.value.code == "renaming.ended_already"
    after, found = read(tenant_id)
    assert (after.name, [one.undone_at is None for one in found]) == ("阿蘇新市", [True, False])
    with system_transaction(OPERATOR) as session:
        assert planned_renaming(session, tenant_id) is None


@pytest.mark.parametrize(
    ("given", "refusal", "code"),
    [
        ({"valid_from": date(2025, 6, 2)}, Invalid, "renaming.not_in_future"),
        ({"code": "431001"}, Conflict, "tenant.already_registered"),
        ({"code": "434434"}, Invalid, "tenant.code_of_another_kind"),
        ({"name": "阿蘇市", "kana": "アソシ", "name_en": None}, Conflict, "renaming.nothing_changes"),
    ],
)
def test_what_cannot_be_planned_is_refused_and_changes_nothing(
    actors: Actors, factory: Factory, given: dict[str, Any], refusal: type[Exception], code: str
) -> None:
    factory.kumamoto_city()
    tenant_id = factory.aso_city()
    before = [rows(table) for table in TABLES]

    with clock.at(IN_FISCAL_YEAR_2025), pytest.raises(refusal) as refused:
        plan(tenant_id, actors, **given)

    assert getattr(refused.value, "code", None) == code
    assert [rows(table) for table in TABLES] == before


def test_nobody_plans_it_without_the_right_or_of_a_tenant_that_has_left(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.aso_city()
    wanted: dict[str, Any] = {
        "code": None,
        "name": "別",
        "kana": "ベツ",
        "name_en": None,
        "valid_from": DAY,
        "reason": "別",
    }
    command = build_command(RenameTenant, tenant_id=tenant_id, **wanted)
    for nobody in (actors.finance, actors.municipal(tenant_id, Role.TENANT_OWNER)):
        with clock.at(IN_FISCAL_YEAR_2025), pytest.raises(NotAllowed):
            rename_tenant(command, actor=nobody)
    factory.change_state(tenant_id, TenantState.LEFT)
    with clock.at(IN_FISCAL_YEAR_2025), pytest.raises(Conflict) as left:
        plan(tenant_id, actors)

    assert left.value.code == "renaming.has_left"
    assert read(tenant_id)[1] == []


def test_a_code_that_became_anothers_meanwhile_stops_no_other_tenant(actors: Actors, factory: Factory) -> None:
    first, second = factory.aso_city(), factory.kumamoto_city()
    with clock.at(IN_FISCAL_YEAR_2025):
        plan(first, actors, code="432032")
        plan(second, actors, code="431001", name="新熊本市")
        factory.register_applicant("432032", "人吉市", population=31108)
    worker_looks(actors, ON_THE_DAY)

    assert [read(one)[0].name for one in (first, second)] == ["阿蘇市", "新熊本市"]


def test_a_name_edited_at_once_is_brought_to_keycloak_too(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.add_member("432148", "阿蘇市")
    present = read(tenant_id)[0]
    fields = {name: getattr(present, name) for name in ("code", "kana", "name_en", "valid_from", "version")}

    edit_tenant(build_command(EditTenant, tenant_id=tenant_id, name="新阿蘇市", **fields), actor=actors.onboarding)

    assert jobs_for_keycloak() == [{"tenant_id": str(tenant_id)}]
