"""A file of people: all or nothing, each wrong cell named, and nobody reaches above their own rights by it."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from xlsxwriter import Workbook

from governance import grants
from governance.actors import Actor, ActorKind
from governance.file_imports import ImportRefused
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, NotAllowed
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.people import queries
from tenancy.people.bulk_changes import ImportMembers, MembersImported, import_members, preview_members
from tenancy.people.member_file import read_people
from tenancy.people.models import MemberDetails, MemberImportPreview
from tenancy.people.states import MemberAction, MemberState
from tenancy.tenants.states import TenantState
from tests.actors import Actors
from tests.database_rows import recorded, rows
from tests.factories import Factory

HEADER = "姓,名,メールアドレス,役割,開始日,操作"
HANAKO = "肥後,花子,hanako@city.example.jp,会計担当、監査担当,,追加"
TARO = "髙﨑,太郎,Taro@city.example.jp,,,"
MARCH = datetime(2027, 3, 15, 3, tzinfo=UTC)


@pytest.fixture
def city(factory: Factory) -> UUID:
    """熊本市, which takes part, with two owners."""
    tenant_id = factory.add_member("431001", "熊本市")
    factory.add_person(tenant_id, "owner@city.example.jp", Role.TENANT_OWNER)
    factory.add_person(tenant_id, "second@city.example.jp", Role.TENANT_OWNER, family_name="二宮")
    return tenant_id


@pytest.fixture
def owner(actors: Actors, city: UUID) -> Actor:
    return actors.municipal(city, Role.TENANT_OWNER)


def _command(city: UUID, *lines: str, encoding: str = "utf-8") -> ImportMembers:
    content = "\r\n".join([HEADER, *lines, ""]).encode(encoding)
    return ImportMembers(tenant_id=city, content=content, reason="4月1日の人事異動")


def _import(city: UUID, actor: Actor, *lines: str) -> MembersImported:
    return import_members(_command(city, *lines), actor=actor)


def _preview(city: UUID, actor: Actor, *lines: str) -> MemberImportPreview:
    with tenant_scope(OPERATOR):
        return preview_members(db.session(), _command(city, *lines), actor=actor)


def _people(city: UUID) -> dict[str, MemberDetails]:
    with tenant_scope(OPERATOR):
        return {one.email: one for one in queries.members(db.session(), city, clock.now())}


def _refusals(city: UUID, actor: Actor, *lines: str) -> list[tuple[int, str, str, str]]:
    """Line, column, what stands there and why, of a file that is refused and changes nothing."""
    before = [rows(table) for table in ("member", "role_grant", "job")]
    verdict = _preview(city, actor, *lines)
    with pytest.raises(ImportRefused) as refusal:
        _import(city, actor, *lines)
    assert refusal.value.preview == verdict, "the preview says what the import says"
    assert [rows(table) for table in ("member", "role_grant", "job")] == before
    assert recorded("members.imported") == []
    return [(line, one.column, one.given, one.code) for line, _, one in verdict.placed_problems]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_people_are_added_with_their_roles_and_recorded_as_one_action(city: UUID, owner: Actor, encoding: str) -> None:
    added = import_members(_command(city, HANAKO, TARO, encoding=encoding), actor=owner)

    found = _people(city)
    hanako, taro = found["hanako@city.example.jp"], found["Taro@city.example.jp"]
    assert (added.added, added.changed, added.suspended, added.removed) == (2, 0, 0, 0)
    assert set(hanako.roles) == {Role.TENANT_FINANCE, Role.TENANT_AUDITOR, Role.TENANT_MEMBER}
    assert (taro.family_name, set(taro.roles), taro.state) == ("髙﨑", {Role.TENANT_MEMBER}, MemberState.INVITED)
    (whole,) = recorded("members.imported")
    assert (whole.tenant_id, whole.facts["people_added"], whole.facts["reason"]) == (city, 2, "4月1日の人事異動")
    subjects = {row.subject for row in recorded("member.added") if row.command == "import_members"}
    assert subjects == {str(hanako.person_id), str(taro.person_id)}
    assert "太郎" not in repr(whole.facts)


def test_a_workbook_says_what_a_csv_says(city: UUID) -> None:
    written = io.BytesIO()
    with Workbook(written) as book:
        sheet = book.add_worksheet("異動")
        sheet.write_row(0, 0, HEADER.split(","))
        sheet.write_row(1, 0, ["肥後", "花子", "hanako@city.example.jp", "会計担当、監査担当"])
        sheet.write_datetime(1, 4, datetime(2027, 4, 1), book.add_format({"num_format": "yyyy/mm/dd"}))

    read = read_people(written.getvalue())

    (row,) = read.rows
    assert (read.file_format, read.problems, row.problems) == ("xlsx", (), ())
    assert (row.line, row.family_name, row.action, row.valid_from) == (2, "肥後", MemberAction.ADD, date(2027, 4, 1))
    assert row.roles == frozenset({Role.TENANT_FINANCE, Role.TENANT_AUDITOR})


def test_three_bad_rows_are_named_with_column_value_and_reason_and_nothing_changes(city: UUID, owner: Actor) -> None:
    assert _refusals(
        city,
        owner,
        HANAKO,
        "肥後,次郎,jiro＠city.example.jp,,,",
        "肥後,三郎,saburo@city.example.jp,市長,,",
        "肥後,四郎,shiro@city.example.jp,,令和9年2月30日,",
    ) == [
        (3, "メールアドレス", "jiro＠city.example.jp", "text.not_an_address"),
        (4, "役割", "市長", "member_import.role_unknown"),
        (5, "開始日", "令和9年2月30日", "date.no_such_day"),
    ]


def test_nobody_is_there_twice_in_the_file_or_in_the_tenant(city: UUID, owner: Actor) -> None:
    assert _refusals(city, owner, HANAKO, HANAKO.replace("hanako@", "HANAKO@"), "a,b,OWNER@city.example.jp,,,") == [
        (3, "メールアドレス", "HANAKO@city.example.jp", "member_import.twice_in_file"),
        (4, "メールアドレス", "OWNER@city.example.jp", "member.address_taken"),
    ]


def test_a_file_that_was_imported_adds_nobody_again(city: UUID, owner: Actor) -> None:
    first = import_members(_command(city, HANAKO, TARO), actor=owner, key="april")
    before = rows("member")

    assert import_members(_command(city, HANAKO, TARO), actor=owner, key="april") == first
    with pytest.raises(ImportRefused):
        _import(city, owner, HANAKO, TARO)

    assert rows("member") == before


def test_the_quota_counts_who_is_there_after_the_whole_file(factory: Factory, city: UUID, owner: Actor) -> None:
    factory.define_standard(users=3)
    factory.put_on_standard(city)

    assert _refusals(city, owner, HANAKO, TARO) == [(1, "", "", "member_import.too_many_people")]
    done = _import(city, owner, HANAKO, TARO, ",,second@city.example.jp,,,停止")
    assert (done.added, done.suspended) == (2, 1)


def test_nobody_adds_above_their_own_rights(city: UUID, actors: Actors) -> None:
    user_admin = actors.municipal(city, Role.TENANT_USER_ADMIN)

    assert _refusals(
        city,
        user_admin,
        TARO,
        HANAKO,
        ",,owner@city.example.jp,,,停止",
        ",,second@city.example.jp,会計担当,,変更",
    ) == [
        (3, "役割", "監査担当（団体）", "member.role_above_own"),
        (3, "役割", "会計担当（団体）", "member.role_above_own"),
        (4, "メールアドレス", "owner@city.example.jp", "member.person_above_own"),
        (5, "操作", "変更", "permission.missing"),
        (5, "役割", "会計担当（団体）", "member.role_above_own"),
        (5, "役割", "会計担当（団体）", "member.person_above_own"),
    ]
    assert _import(city, user_admin, TARO).added == 1
    with pytest.raises(NotAllowed):
        _import(city, actors.municipal(city, Role.TENANT_FINANCE), TARO)


def test_owners_from_outside_and_people_of_the_operator_come_one_by_one(
    city: UUID, actors: Actors, factory: Factory
) -> None:
    aso = factory.aso_city()
    line = "阿蘇,一郎,ichiro@aso.example.jp,団体管理者,,追加"

    assert _refusals(city, actors.onboarding, line) == [(2, "役割", "団体管理者", "member_import.owner_from_outside")]
    assert _import(aso, actors.onboarding, line).added == 1, "nobody is there yet who could decide"
    with pytest.raises(Conflict) as refusal:
        _import(actors.operator_tenant, actors.security, line)
    assert refusal.value.code == "member_import.not_of_the_operator"


def test_a_transfer_of_april_is_prepared_in_march_and_comes_at_midnight(city: UUID, owner: Actor) -> None:
    with clock.at(MARCH):
        _import(city, owner, HANAKO)
        done = _import(
            city,
            owner,
            "肥後,花子,hanako@city.example.jp,連携システム管理担当,令和9年4月1日,変更",
            "異動,次郎,jiro@city.example.jp,会計担当,R9.4.1,追加",
        )
        assert (done.added, done.changed) == (1, 1)
        assert set(_people(city)["hanako@city.example.jp"].roles) >= {Role.TENANT_FINANCE, Role.TENANT_AUDITOR}
        with tenant_scope(OPERATOR):
            planned = queries.planned_role_changes(db.session(), city, clock.now())
        assert len(planned) == 4
        assert [code for *_, code in _refusals_again(city, owner)] == ["member_import.has_planned_changes"]
    with clock.at(datetime(2027, 3, 31, 14, 59, 59, tzinfo=UTC)):
        assert set(_people(city)["jiro@city.example.jp"].roles) == {Role.TENANT_MEMBER}
    with clock.at(datetime(2027, 3, 31, 15, tzinfo=UTC)):
        found = _people(city)
    assert set(found["hanako@city.example.jp"].roles) == {Role.TENANT_CLIENT_ADMIN, Role.TENANT_MEMBER}
    assert set(found["jiro@city.example.jp"].roles) == {Role.TENANT_FINANCE, Role.TENANT_MEMBER}


WITH_SECTION = "姓,名,所属,メールアドレス,役割,開始日,操作"


def _sections(city: UUID, at: datetime) -> dict[str, str | None]:
    with clock.at(at):
        return {address.split("@")[0].lower(): one.section for address, one in _people(city).items()}


def _with_sections(city: UUID, *lines: str) -> ImportMembers:
    content = "\n".join([WITH_SECTION, *lines]).encode()
    return ImportMembers(tenant_id=city, content=content, reason="4月1日の人事異動")


def test_a_section_is_given_changed_ended_and_prepared_as_on_the_page_of_a_person(city: UUID, actors: Actors) -> None:
    """Who administers people without granting roles does so, too: a row of a section alone leaves the roles alone."""
    owner, user_admin = actors.municipal(city, Role.TENANT_OWNER), actors.municipal(city, Role.TENANT_USER_ADMIN)
    april, midnight = MARCH.replace(day=31, hour=14, minute=59), datetime(2027, 3, 31, 15, tzinfo=UTC)
    with clock.at(MARCH):
        first = [
            "肥後,花子,総務課,hanako@city.example.jp,会計担当,,",
            "異動,次郎,税務課,jiro@city.example.jp,,R9.4.1,",
            "課外,三郎,,saburo@city.example.jp,,,",
        ]
        import_members(_with_sections(city, *first), actor=owner)
        roles = rows("role_grant")
        second = [
            ",,財政課,hanako@city.example.jp,,令和9年4月1日,変更",
            ",,会計課,jiro@city.example.jp,,令和9年4月1日,変更",
            ",,なし,second@city.example.jp,,,変更",
            ",,,owner@city.example.jp,利用者、団体管理者,,変更",
        ]
        with tenant_scope(OPERATOR):
            verdict = preview_members(db.session(), _with_sections(city, *second), actor=owner)
        assert [one.section for one in verdict.rows] == ["財政課", "会計課", None, None]
        done = import_members(_with_sections(city, *second[:3]), actor=user_admin)
    assert done.changed == 3
    assert rows("role_grant") == roles
    others = {"saburo": None, "owner": None, "second": None}
    assert _sections(city, MARCH) == {"hanako": "総務課", "jiro": None, **others}
    assert _sections(city, april) == {"hanako": "総務課", "jiro": None, **others}
    assert _sections(city, midnight) == {"hanako": "財政課", "jiro": "会計課", **others}
    with clock.at(midnight):
        again = ",,財政課,hanako@city.example.jp,,,変更", ",,なし,jiro@city.example.jp,,,変更"
        import_members(_with_sections(city, *again), actor=user_admin)
    assert _sections(city, midnight)["jiro"] is None
    found = [(one.facts["section"], one.facts["valid_from"]) for one in recorded("member.section_changed")]
    assert found == [
        ("総務課", None),
        ("税務課", "2027-04-01"),
        ("財政課", "2027-04-01"),
        ("会計課", "2027-04-01"),
        (None, None),
    ]
    assert {one.facts["reason"] for one in recorded("member.section_changed")} == {"4月1日の人事異動"}


def test_a_section_that_may_not_be_changed_or_cannot_be_read_is_named_and_nothing_changes(
    city: UUID, actors: Actors
) -> None:
    lines = "肥後,花子,総務課,hanako@city.example.jp,,,", "異動,次郎,,jiro@city.example.jp,,,"
    before = [rows(table) for table in ("member", "member_section", "role_grant", "job")]

    with tenant_scope(OPERATOR):
        verdict = preview_members(db.session(), _with_sections(city, *lines), actor=actors.onboarding)
        long = preview_members(
            db.session(),
            _with_sections(city, lines[0].replace("総務課", "長" * 121), ",,課,owner@city.example.jp,会計担当,,変更"),
            actor=actors.municipal(city, Role.TENANT_USER_ADMIN),
        )
    with pytest.raises(ImportRefused):
        import_members(_with_sections(city, *lines), actor=actors.onboarding)

    assert [(at, one.column, one.given, one.code) for at, _, one in verdict.placed_problems] == [
        (2, "所属", "総務課", "permission.missing")
    ]
    assert [(at, one.column, one.code) for at, _, one in long.placed_problems] == [
        (2, "所属", "text.too_long"),
        (3, "操作", "permission.missing"),
        (3, "役割", "member.role_above_own"),
        (3, "役割", "member.person_above_own"),
    ]
    assert [rows(table) for table in ("member", "member_section", "role_grant", "job")] == before


def _refusals_again(city: UUID, owner: Actor) -> list[tuple[int, str]]:
    verdict = _preview(city, owner, ",,hanako@city.example.jp,利用者,,変更")
    return [(line, one.code) for line, _, one in verdict.placed_problems]


def test_people_are_suspended_and_removed_and_their_grants_end(city: UUID, owner: Actor) -> None:
    _import(city, owner, HANAKO, TARO)

    done = _import(city, owner, "肥後,花子,hanako@city.example.jp,,,停止", ",,taro@city.example.jp,,,削除")

    found = _people(city)
    assert (done.suspended, done.removed) == (1, 1)
    assert found["hanako@city.example.jp"].state is MemberState.SUSPENDED
    assert "Taro@city.example.jp" not in found
    with tenant_scope(OPERATOR):
        held = grants.roles_of_people(db.session(), city, clock.now())
        jobs = [job.name for job in db.session.query(Job) if job.name == "member.withdraw"]
    assert found["hanako@city.example.jp"].person_id not in held
    assert len(jobs) == 2
    assert recorded("member.removed")[-1].facts["reason"] == "4月1日の人事異動"


def test_a_row_about_somebody_must_fit_them(city: UUID, owner: Actor) -> None:
    assert _refusals(
        city,
        owner,
        "別人,花子,owner@city.example.jp,,,停止",
        ",,nobody@city.example.jp,,,削除",
        ",,second@city.example.jp,,,変更",
        ",,second@city.example.jp,,R9.4.1,停止",
    ) == [
        (2, "姓", "別人", "member_import.another_name"),
        (3, "メールアドレス", "nobody@city.example.jp", "member_import.nobody_with_address"),
        (4, "役割", "", "member_import.roles_needed"),
        (5, "開始日", "R9.4.1", "member_import.no_day_for_action"),
        (5, "メールアドレス", "second@city.example.jp", "member_import.twice_in_file"),
    ]


def test_no_file_takes_the_last_owner_away_and_a_successor_in_it_counts(city: UUID, owner: Actor) -> None:
    gone = [",,owner@city.example.jp,,,停止", ",,second@city.example.jp,利用者,,変更"]

    assert [(line, code) for line, *_, code in _refusals(city, owner, *gone)] == [
        (2, "member.last_owner"),
        (3, "member.last_owner"),
    ]
    done = _import(city, owner, *gone, "後任,三郎,saburo@city.example.jp,団体管理者,,")
    assert (done.added, done.changed, done.suspended) == (1, 1, 1)


def test_nobody_gives_themselves_a_role_and_no_day_is_in_the_past(city: UUID, factory: Factory) -> None:
    added = factory.add_person(city, "self@city.example.jp", Role.TENANT_OWNER, family_name="自分")
    oneself = Actor(str(added.person_id), ActorKind.PERSON, city, frozenset({Role.TENANT_OWNER}))

    assert [
        (line, code)
        for line, *_, code in _refusals(
            city,
            oneself,
            ",,self@city.example.jp,団体管理者、会計担当,,変更",
            HANAKO.replace(",,追加", ",2020-04-01,追加"),
        )
    ] == [(2, "member.role_to_oneself"), (3, "member.role_begins_in_the_past")]


def test_a_row_that_changes_nothing_is_carried_out_without_a_trace(city: UUID, owner: Actor) -> None:
    _import(city, owner, HANAKO)
    before = rows("role_grant")

    done = _import(city, owner, HANAKO.replace("追加", "変更"))

    assert done.changed == 1
    assert rows("role_grant") == before
    assert recorded("member.role_granted") == []


def test_nobody_comes_to_a_tenant_that_left(city: UUID, actors: Actors, factory: Factory) -> None:
    factory.change_state(city, TenantState.LEAVING)

    with pytest.raises(Conflict) as refusal:
        _import(city, actors.security, HANAKO)

    assert refusal.value.code == "member.tenant_gone"
