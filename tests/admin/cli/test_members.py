"""`moyai member`: people of a tenant and of the operator, added, listed and suspended."""

from __future__ import annotations

from uuid import UUID

import pytest

from governance.grants import roles_of_people
from governance.kernel.clock import now
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from tenancy.onboarding.unsynced_members import operators_to_provision
from tenancy.people import queries
from tenancy.people.commands import AddMember, add_member
from tests.actors import Actors
from tests.admin.cli.command_line import Moyai
from tests.database_rows import recorded, rows
from tests.factories import Factory

HANAKO = ("--family-name", "肥後", "--given-name", "花子", "--email", "hanako@city.kumamoto.lg.jp")


@pytest.fixture
def city(factory: Factory) -> UUID:
    return factory.kumamoto_city()


def _roles(tenant_id: UUID, person_id: str) -> frozenset[Role]:
    with tenant_scope(OPERATOR):
        return roles_of_people(db.session(), tenant_id, now()).get(UUID(person_id), frozenset())


def _owner(actors: Actors, city: UUID, email: str) -> None:
    command = AddMember(tenant_id=city, family_name="肥後", given_name="太郎", email=email, roles=(Role.TENANT_OWNER,))
    add_member(command, actor=actors.onboarding)


def test_a_person_is_added_with_roles(moyai: Moyai, city: UUID) -> None:
    code, added, _ = moyai("member", "add", "431001", *HANAKO, "--role", "tenant-owner", "--role", "tenant-finance")

    assert code == 0
    with tenant_scope(OPERATOR):
        found = queries.member(db.session(), city, UUID(added["member_id"]), now())
        assert (str(found.person_id), found.email, found.state) == (
            added["person_id"],
            "hanako@city.kumamoto.lg.jp",
            "invited",
        )
    assert _roles(city, added["person_id"]) == {Role.TENANT_OWNER, Role.TENANT_FINANCE, Role.TENANT_MEMBER}


def test_a_person_without_roles_is_a_plain_member(moyai: Moyai, city: UUID) -> None:
    _, added, _ = moyai("member", "add", "431001", *HANAKO)

    assert _roles(city, added["person_id"]) == {Role.TENANT_MEMBER}


def test_a_person_of_the_operator_is_left_for_the_worker_to_make_in_keycloak(
    moyai: Moyai, operator_tenant: UUID
) -> None:
    _, added, _ = moyai("member", "add", "430005", *HANAKO, "--role", "operator-security")

    with tenant_scope(OPERATOR):
        ((row, wanted),) = operators_to_provision(db.session(), now())
        assert (str(row.id), wanted.roles) == (added["member_id"], frozenset({"operator-security"}))
    assert _roles(operator_tenant, added["person_id"]) == {Role.OPERATOR_SECURITY}


def test_a_tenant_without_a_code_goes_by_its_id(moyai: Moyai) -> None:
    registered = ("tenant", "register", "--name", "阿蘇広域行政事務組合", "--kana", "アソコウイキ", "--kind", "union")
    union_id = moyai(*registered)[1]["tenant_id"]

    code, added, _ = moyai("member", "add", union_id, *HANAKO)

    assert code == 0
    _, listed, _ = moyai("member", "list", union_id)
    assert (listed["code"], [row["id"] for row in listed["members"]]) == (None, [added["member_id"]])


@pytest.mark.parametrize(
    ("words", "reason", "field"),
    [
        (("431001", *HANAKO[:5], "hanako"), "text.not_an_address", "--email"),
        (("431001", *HANAKO[:1], "肥\u200b後", *HANAKO[2:]), "text.unseen", "--family-name"),
        (("431001", *HANAKO[:3], "", *HANAKO[4:]), "text.empty", "--given-name"),
        (("431001", *HANAKO, "--role", "operator-finance"), "member.role_of_another_realm", "--role"),
        (("430005", *HANAKO), "member.roles_missing", "--role"),
        (("431002", *HANAKO), "code.check_digit", "CODE"),
    ],
)
def test_what_cannot_be_added_is_refused_with_what_was_typed(
    moyai: Moyai, city: UUID, words: tuple[str, ...], reason: str, field: str
) -> None:
    assert moyai.refusal("member", "add", *words) == (2, reason, field)
    assert rows("member") == []
    assert rows("role_grant") == []


def test_the_wrong_option_stands_before_the_words_a_person_reads(moyai: Moyai, city: UUID) -> None:
    code, text, stderr = moyai.text("member", "add", "431001", *HANAKO[:5], "hanako")

    assert (code, text) == (2, "")
    assert all(line.startswith("--email: ") for line in stderr.splitlines())


@pytest.mark.parametrize(
    ("role", "reason", "field"), [("system", "member.role_of_another_realm", "--role"), ("owner", "usage", "roles")]
)
def test_a_role_that_nobody_is_given_is_refused(moyai: Moyai, city: UUID, role: str, reason: str, field: str) -> None:
    assert moyai.refusal("member", "add", "431001", *HANAKO, "--role", role) == (2, reason, field)
    assert rows("member") == []


def test_break_glass_is_given_by_nobody(moyai: Moyai) -> None:
    assert moyai.refusal("member", "add", "430005", *HANAKO, "--role", "break-glass") == (
        1,
        "member.role_above_own",
        "--role",
    )
    assert rows("member") == []


def test_the_same_address_twice_is_refused(moyai: Moyai, city: UUID) -> None:
    moyai("member", "add", "431001", *HANAKO)
    before = rows("member")

    assert moyai.refusal("member", "add", "431001", *HANAKO) == (1, "member.address_taken", "--email")
    assert rows("member") == before


def test_people_are_listed_with_their_roles_and_of_one_tenant_only(
    moyai: Moyai, actors: Actors, factory: Factory, city: UUID
) -> None:
    _owner(actors, city, "owner@city.kumamoto.lg.jp")
    _owner(actors, factory.aso_city(), "owner@city.aso.lg.jp")
    moyai("member", "add", "431001", *HANAKO)

    _, listed, _ = moyai("member", "list", "431001")

    assert [(row["email"], row["state"], row["roles"]) for row in listed["members"]] == [
        ("owner@city.kumamoto.lg.jp", "invited", ["tenant-member", "tenant-owner"]),
        ("hanako@city.kumamoto.lg.jp", "invited", ["tenant-member"]),
    ]
    assert moyai("member", "list", "431001", "--state", "suspended")[1]["members"] == []
    assert "肥後 花子  hanako@city.kumamoto.lg.jp  tenant-member" in moyai.text("member", "list", "431001")[1]


@pytest.mark.parametrize("by", ["member_id", "person_id"])
def test_a_disabled_person_loses_every_right_and_a_job_follows(moyai: Moyai, city: UUID, by: str) -> None:
    _, added, _ = moyai("member", "add", "431001", *HANAKO, "--role", "tenant-finance")

    code, disabled, _ = moyai("member", "disable", "431001", added[by], "--reason", "異動")

    assert (code, disabled["grants_ended"]) == (0, 2)
    assert _roles(city, added["person_id"]) == frozenset()
    assert [row["state"] for row in moyai("member", "list", "431001")[1]["members"]] == ["suspended"]
    assert any(UUID(disabled["job_id"]) in row for row in rows("job"))
    assert [event.subject for event in recorded("member.disabled")] == [added["person_id"]]


def test_the_last_owner_stays(moyai: Moyai, city: UUID) -> None:
    _, owner, _ = moyai("member", "add", "431001", *HANAKO, "--role", "tenant-owner")

    refused = moyai.refusal("member", "disable", "431001", owner["member_id"], "--reason", "異動")

    assert refused == (1, "member.last_owner", "MEMBER_ID")
    assert Role.TENANT_OWNER in _roles(city, owner["person_id"])


def test_a_person_is_not_disabled_through_another_tenant(moyai: Moyai, factory: Factory, city: UUID) -> None:
    factory.aso_city()
    _, added, _ = moyai("member", "add", "431001", *HANAKO)

    for given in added.values():
        assert moyai.refusal("member", "disable", "432148", given, "--reason", "異動") == (1, "not_found", "MEMBER_ID")
    assert _roles(city, added["person_id"]) == {Role.TENANT_MEMBER}


def test_disabling_needs_a_reason_that_can_be_read(moyai: Moyai, city: UUID) -> None:
    _, added, _ = moyai("member", "add", "431001", *HANAKO)
    words = ("member", "disable", "431001", added["member_id"])

    assert moyai.refusal(*words)[:2] == (2, "usage")
    assert moyai.refusal(*words, "--reason", "") == (2, "text.empty", "--reason")
    assert moyai.refusal(*words, "--reason", " 異動") == (2, "text.edge_space", "--reason")
    assert _roles(city, added["person_id"]) == {Role.TENANT_MEMBER}


@pytest.mark.parametrize("by", ["member_id", "person_id"])
def test_one_person_is_shown_as_in_the_list(moyai: Moyai, city: UUID, by: str) -> None:
    _, added, _ = moyai("member", "add", "431001", *HANAKO, "--role", "tenant-finance")

    code, shown, _ = moyai("member", "show", "431001", added[by])

    assert (code, shown) == (0, moyai("member", "list", "431001")[1]["members"][0])
