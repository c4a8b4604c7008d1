"""People: who may be added with which role, and what ends when somebody is disabled."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from flask import Flask

from governance import grants
from governance.actors import Actor, ActorKind, command_line_actor
from governance.declaration import build_command
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, DomainError, Invalid, NotAllowed, NotFound
from governance.kernel.ids import new_id
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.people import commands, queries
from tenancy.people.commands import AddMember, DisableMember, MemberAdded, RemoveMember, disable_member, remove_member
from tenancy.people.states import MemberState
from tenancy.preferences.filters import SaveFilter, save_filter, saved_filters
from tenancy.tenants.states import TenantState
from tests.actors import Actors
from tests.database_rows import recorded, rows
from tests.factories import Factory
from tests.second_person import directly

add_member = directly(commands.add_member, MemberAdded)


def _person(tenant_id: UUID, email: str = "hanako@city.kumamoto.lg.jp", *roles: Role) -> AddMember:
    return AddMember(tenant_id=tenant_id, family_name="肥後", given_name="花子", email=email, roles=roles)


def _owner(actors: Actors, tenant_id: UUID, email: str = "owner@city.kumamoto.lg.jp") -> MemberAdded:
    return add_member(_person(tenant_id, email, Role.TENANT_OWNER), actor=actors.onboarding)


def _roles(tenant_id: UUID, person_id: UUID) -> frozenset[Role]:
    with tenant_scope(OPERATOR):
        return grants.roles_in_force(db.session(), tenant_id, person_id, clock.now())


def _disable(actors: Actors, tenant_id: UUID, member_id: UUID) -> UUID:
    return disable_member(
        DisableMember(tenant_id=tenant_id, member_id=member_id, reason="異動"), actor=actors.security
    ).job_id


def _number_of_filters(tenant_id: UUID, person_id: UUID) -> int:
    with tenant_scope(OPERATOR):
        return len(saved_filters(db.session(), tenant_id, person_id))


def test_a_new_owner_is_invited_and_holds_the_grants(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()

    added = _owner(actors, tenant_id)

    with tenant_scope(OPERATOR):
        session = db.session()
        member = queries.member(session, tenant_id, added.person_id, clock.now())
        assert [one.id for one in queries.unsynced_members(session, tenant_id, clock.now(), 10)] == [added.member_id]
        assert [owner.id for owner in queries.owners(session, tenant_id, clock.now())] == [added.member_id]
    assert (member.id, member.state, member.password_mail_sent_at) == (added.member_id, "invited", None)
    assert _roles(tenant_id, added.person_id) == {Role.TENANT_OWNER, Role.TENANT_MEMBER}
    record = recorded("member.added")[-1]
    assert (record.subject, record.tenant_id) == (str(added.person_id), tenant_id)
    assert "花子" not in repr(record.facts)
    assert "@" not in repr(record.facts)


@pytest.mark.parametrize(
    ("giver", "role"),
    [
        (Role.TENANT_USER_ADMIN, Role.TENANT_OWNER),
        (Role.TENANT_USER_ADMIN, Role.TENANT_AUDITOR),
        (Role.OPERATOR_ONBOARDING, Role.TENANT_FINANCE),
    ],
)
def test_nobody_gives_a_role_above_the_own_rights(actors: Actors, factory: Factory, giver: Role, role: Role) -> None:
    tenant_id = factory.kumamoto_city()
    actor = actors.onboarding if giver is Role.OPERATOR_ONBOARDING else actors.municipal(tenant_id, giver)

    with pytest.raises(NotAllowed) as refusal:
        add_member(_person(tenant_id, "taro@city.kumamoto.lg.jp", role), actor=actor)

    assert refusal.value.code == "member.role_above_own"
    assert (rows("member"), rows("role_grant")) == ([], [])


def test_a_user_admin_adds_plain_members(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()

    added = add_member(_person(tenant_id), actor=actors.municipal(tenant_id, Role.TENANT_USER_ADMIN))

    assert _roles(tenant_id, added.person_id) == {Role.TENANT_MEMBER}


@pytest.mark.parametrize("role", [Role.OPERATOR_FINANCE, Role.BREAK_GLASS, Role.SYSTEM])
def test_a_municipality_has_no_people_with_an_operators_role(actors: Actors, factory: Factory, role: Role) -> None:
    tenant_id = factory.kumamoto_city()

    with pytest.raises(Invalid) as refusal:
        add_member(_person(tenant_id, "x@y.jp", role), actor=command_line_actor(actors.operator_tenant))

    assert refusal.value.code == "member.role_of_another_realm"
    assert rows("member") == []


def test_people_of_the_operator_have_operators_roles_and_no_other(actors: Actors) -> None:
    added = add_member(
        _person(actors.operator_tenant, "approver@pref.kumamoto.lg.jp", Role.OPERATOR_APPROVER), actor=actors.security
    )
    assert _roles(actors.operator_tenant, added.person_id) == {Role.OPERATOR_APPROVER}
    before = rows("member")

    for command in (
        _person(actors.operator_tenant, "a@pref.kumamoto.lg.jp", Role.TENANT_OWNER),
        _person(actors.operator_tenant, "b@pref.kumamoto.lg.jp"),
    ):
        with pytest.raises(Invalid):
            add_member(command, actor=actors.security)
    with pytest.raises(NotAllowed):
        add_member(_person(actors.operator_tenant, "c@pref.kumamoto.lg.jp", Role.BREAK_GLASS), actor=actors.security)
    assert rows("member") == before


def test_an_address_is_used_once_in_a_tenant_however_it_is_written(actors: Actors, factory: Factory) -> None:
    tenant_id, other = factory.kumamoto_city(), factory.aso_city()
    _owner(actors, tenant_id, "Owner@City.kumamoto.lg.jp")
    before = rows("member")

    with pytest.raises(Conflict) as refusal:
        _owner(actors, tenant_id, "owner@city.kumamoto.lg.jp")

    assert refusal.value.code == "member.address_taken"
    assert rows("member") == before
    _owner(actors, other, "owner@city.kumamoto.lg.jp")


@pytest.mark.parametrize(
    ("field", "value"),
    [("family_name", ""), ("given_name", "花\u202e子"), ("email", "花子@city.lg.jp"), ("family_name", "肥" * 121)],
)
def test_what_cannot_be_a_name_or_address_is_refused(actors: Actors, factory: Factory, field: str, value: str) -> None:
    tenant_id = factory.kumamoto_city()

    with pytest.raises(Invalid) as refusal:
        add_member(build_command(AddMember, **dict(_person(tenant_id)) | {field: value}), actor=actors.onboarding)

    assert refusal.value.field == field
    assert rows("member") == []


def test_another_tenants_id_answers_like_an_absent_one(actors: Actors, factory: Factory) -> None:
    tenant_id, other = factory.kumamoto_city(), factory.aso_city()
    stranger = _owner(actors, other)
    owner = actors.municipal(tenant_id, Role.TENANT_OWNER)
    before = rows("member")

    said = []
    for command in (_person(other), _person(new_id())):
        with pytest.raises(NotFound) as refusal:
            add_member(command, actor=owner)
        said.append(refusal.value.code)
    for tenant, member in ((other, stranger.member_id), (tenant_id, stranger.member_id), (tenant_id, new_id())):
        with pytest.raises(NotFound) as refusal:
            disable_member(DisableMember(tenant_id=tenant, member_id=member, reason="異動"), actor=owner)
        said.append(refusal.value.code)

    assert set(said) == {"not_found"}
    assert rows("member") == before


def test_a_tenant_that_left_takes_nobody_in(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    factory.change_state(tenant_id, TenantState.LEFT)

    with pytest.raises(Conflict) as refusal:
        _owner(actors, tenant_id)

    assert refusal.value.code == "member.tenant_gone"
    assert rows("member") == []


def test_the_quota_of_users_is_never_overshot_by_many_at_once(
    database: Flask, actors: Actors, factory: Factory
) -> None:
    tenant_id = factory.kumamoto_city()
    factory.define_standard()
    factory.put_on_standard(tenant_id)

    def attempt(number: int) -> str:
        with database.app_context():
            try:
                add_member(_person(tenant_id, f"p{number}@city.kumamoto.lg.jp"), actor=actors.onboarding)
            except DomainError as refusal:
                return refusal.code
            finally:
                db.session.remove()
            return "added"

    with ThreadPoolExecutor(6) as together:
        outcomes = sorted(together.map(attempt, range(6)))

    assert outcomes == ["added"] * 3 + ["quota.full"] * 3
    assert len(rows("member")) == 3


def test_disabling_ends_every_grant_and_leaves_the_job_that_follows(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    _owner(actors, tenant_id, "first@city.kumamoto.lg.jp")
    second = _owner(actors, tenant_id, "second@city.kumamoto.lg.jp")

    job_id = _disable(actors, tenant_id, second.member_id)

    assert _roles(tenant_id, second.person_id) == frozenset()
    with tenant_scope(OPERATOR):
        session = db.session()
        assert queries.member(session, tenant_id, second.member_id, clock.now()).state == MemberState.SUSPENDED
        job = session.get_one(Job, job_id)
    assert (job.name, job.payload["person_id"], job.tenant_id) == ("member.withdraw", str(second.person_id), tenant_id)
    assert recorded("member.disabled")[-1].facts == {"reason": "異動", "grants_ended": 2}


def test_what_a_person_looked_for_goes_when_they_are_removed_and_stays_while_they_are_suspended(
    actors: Actors, factory: Factory
) -> None:
    tenant_id = factory.kumamoto_city()
    first, second = (_owner(actors, tenant_id, f"{name}@city.kumamoto.lg.jp") for name in ("a", "b"))
    for added in (first, second):
        person = Actor(str(added.person_id), ActorKind.PERSON, tenant_id, frozenset({Role.TENANT_OWNER}))
        save_filter(SaveFilter(address="/audit?q=yamada", name="山田さん"), actor=person)

    _disable(actors, tenant_id, second.member_id)
    assert _number_of_filters(tenant_id, second.person_id) == 1
    remove_member(RemoveMember(tenant_id=tenant_id, member_id=second.member_id, reason="退職"), actor=actors.security)

    assert [_number_of_filters(tenant_id, one.person_id) for one in (first, second)] == [1, 0]


def test_the_last_owner_cannot_be_disabled(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    owner = _owner(actors, tenant_id)
    add_member(_person(tenant_id), actor=actors.onboarding)

    with pytest.raises(Conflict) as refusal:
        _disable(actors, tenant_id, owner.member_id)

    assert refusal.value.code == "member.last_owner"
    assert Role.TENANT_OWNER in _roles(tenant_id, owner.person_id)
    assert rows("job") == []


def test_two_owners_disabled_at_once_leave_one(database: Flask, actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    owners = [_owner(actors, tenant_id, f"{name}@city.kumamoto.lg.jp").member_id for name in ("a", "b")]

    def attempt(member_id: UUID) -> str:
        with database.app_context():
            try:
                _disable(actors, tenant_id, member_id)
            except Conflict as refusal:
                return refusal.code
            finally:
                db.session.remove()
            return "disabled"

    with ThreadPoolExecutor(2) as together:
        outcomes = sorted(together.map(attempt, owners))

    assert outcomes == ["disabled", "member.last_owner"]


def test_disabling_twice_is_a_conflict(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    _owner(actors, tenant_id)
    member = add_member(_person(tenant_id), actor=actors.onboarding)
    _disable(actors, tenant_id, member.member_id)

    with pytest.raises(Conflict) as refusal:
        _disable(actors, tenant_id, member.member_id)

    assert refusal.value.code == "member.not_present"
    assert len(rows("job")) == 1


def test_who_may_not_add_or_disable_does_not(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    member = _owner(actors, tenant_id)
    before = rows("member")

    for actor in (actors.finance, actors.municipal(tenant_id, Role.TENANT_AUDITOR), actors.municipal(tenant_id)):
        with pytest.raises(NotAllowed):
            add_member(_person(tenant_id), actor=actor)
        with pytest.raises(NotAllowed):
            disable_member(DisableMember(tenant_id=tenant_id, member_id=member.member_id, reason="異動"), actor=actor)

    assert rows("member") == before


def test_a_command_with_roles_in_any_order_is_the_same_command() -> None:
    tenant_id = new_id()
    words = {"tenant_id": str(tenant_id), "family_name": "肥後", "given_name": "花子", "email": "a@b.jp"}

    said = AddMember.model_validate_json(json.dumps(words | {"roles": ["tenant-owner", "tenant-finance"]}))

    assert said.roles == _person(tenant_id, "a@b.jp", Role.TENANT_FINANCE, Role.TENANT_OWNER).roles
