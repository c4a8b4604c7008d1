"""Naming operators from the machine: until the roles that name and approve have people, and never again."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from admin.identity.commands import OpenSession, open_session
from governance.actors import Actor, ActorKind, command_line_actor
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import NotAllowed
from governance.permissions import Role
from tenancy.keycloak.port import Realm
from tenancy.people.commands import AddMember, DisableMember, MemberAdded, add_member, disable_member
from tenancy.people.operators import named_from_command_line
from tests.actors import Actors
from tests.database_rows import recorded, rows
from tests.factories import Factory

SECURITY, APPROVER, AUDITOR = Role.OPERATOR_SECURITY, Role.OPERATOR_APPROVER, Role.OPERATOR_AUDITOR


def name(tenant_id: UUID, *roles: Role, given_name: str = "花子") -> MemberAdded:
    """Somebody of the operator, named from the machine."""
    actor = command_line_actor(tenant_id)
    email = f"person-{len(rows('member'))}@pref.example.jp"
    command = AddMember(tenant_id=tenant_id, family_name="県", given_name=given_name, email=email, roles=roles)
    added = add_member(command, actor=actor)
    assert isinstance(added, MemberAdded)
    return added


def sign_in(actors: Actors, person: MemberAdded, *roles: Role) -> None:
    """The person's first sign-in."""
    actor = Actor(str(person.person_id), ActorKind.PERSON, actors.operator_tenant, frozenset(roles))
    command = OpenSession(
        realm=Realm.OPERATORS,
        sid=str(person.member_id),
        sub=str(person.member_id),
        person_id=person.person_id,
        roles=frozenset(roles),
        secret_hash="0" * 32 + person.person_id.hex,
        csrf_secret="x",
        id_token_encrypted="x",
    )
    open_session(command, actor=actor)


def disable(actors: Actors, person: MemberAdded, actor: Actor) -> None:
    command = DisableMember(tenant_id=actors.operator_tenant, member_id=person.member_id, reason="誤り")
    disable_member(command, actor=actor)


def refused(tenant_id: UUID) -> str | None:
    """The code with which another operator is refused now, and that nothing changed; None where one is named."""
    before = rows("member"), rows("role_grant")
    try:
        name(tenant_id, AUDITOR)
    except NotAllowed as refusal:
        assert (rows("member"), rows("role_grant")) == before
        return refusal.code
    return None


def test_the_machine_names_operators_until_two_hold_security_and_one_approver(actors: Actors) -> None:
    operator = actors.operator_tenant
    name(operator, SECURITY)
    name(operator, APPROVER)
    assert refused(operator) is None
    name(operator, SECURITY)

    assert refused(operator) == "operator.named_by_people"

    added = [event for event in recorded("member.added") if event.tenant_id == operator]
    assert [event.actor for event in added] == [command_line_actor(operator).id] * 4
    [event] = recorded("member.added", "denied")
    assert event.facts["code"] == "operator.named_by_people"


@pytest.mark.parametrize(
    "people",
    [[[SECURITY], [SECURITY]], [[SECURITY, APPROVER]], [[SECURITY], [APPROVER], [APPROVER]], [[AUDITOR]] * 4],
)
def test_fewer_are_not_enough(actors: Actors, people: list[list[Role]]) -> None:
    for roles in people:
        name(actors.operator_tenant, *roles)

    assert refused(actors.operator_tenant) is None


def test_it_stays_over_when_those_who_signed_in_are_disabled(actors: Actors) -> None:
    operator = actors.operator_tenant
    people = [(name(operator, role), role) for role in (SECURITY, SECURITY, APPROVER)]
    for person, role in people:
        sign_in(actors, person, role)

    disable(actors, people[0][0], actors.security)
    assert refused(operator) == "operator.named_by_people"
    disable(actors, people[2][0], command_line_actor(operator))
    assert refused(operator) == "operator.named_by_people"


def test_an_address_that_nobody_reads_can_be_entered_again(actors: Actors) -> None:
    operator = actors.operator_tenant
    mistyped = name(operator, SECURITY)
    for role in (SECURITY, APPROVER):
        sign_in(actors, name(operator, role), role)
    assert refused(operator) == "operator.named_by_people"

    disable(actors, mistyped, command_line_actor(operator))
    name(operator, SECURITY)

    assert refused(operator) == "operator.named_by_people"


def test_people_of_operator_security_go_on_naming(actors: Actors, factory: Factory) -> None:
    for role in (SECURITY, SECURITY, APPROVER):
        name(actors.operator_tenant, role)

    added = factory.add_person(actors.operator_tenant, "next@pref.example.jp", AUDITOR)

    assert added.member_id in [row[0] for row in rows("member")]


def test_the_machine_still_adds_people_of_municipalities(actors: Actors, factory: Factory) -> None:
    city = factory.kumamoto_city()
    for role in (SECURITY, SECURITY, APPROVER):
        name(actors.operator_tenant, role)

    name(city, Role.TENANT_AUDITOR)

    assert len(recorded("member.added")) == 4


def test_who_was_named_from_the_machine_is_listed_for_ninety_days(actors: Actors, factory: Factory) -> None:
    factory.add_person(actors.operator_tenant, "by-a-person@pref.example.jp", AUDITOR)
    name(actors.operator_tenant, SECURITY, AUDITOR, given_name="一郎")
    name(actors.operator_tenant, APPROVER, given_name="二郎")

    def listed(days: int) -> list[tuple[str, str]]:
        with tenant_scope(OPERATOR):
            found = named_from_command_line(db.session(), actors.operator_tenant, clock.now() + timedelta(days=days))
        return [(one.given_name, one.by) for one in found]

    me = command_line_actor(actors.operator_tenant).id
    assert listed(0) == listed(89) == [("二郎", me), ("一郎", me)]
    assert listed(91) == []
