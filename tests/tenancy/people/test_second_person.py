"""Roles of the operator, owners from outside, and accounts of one person: what needs two people."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from admin.workflows.tenant_mails import OWNER_ADDED, mail_handlers
from governance import grants
from governance.actors import Actor, ActorKind, command_line_actor
from governance.approvals.states import Decision
from governance.commands import ApprovalRequested, system_transaction
from governance.declaration import build_command
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, DomainError, Invalid, NotAllowed, NotFound
from governance.kernel.ids import new_id
from governance.outbox.tables import Job
from governance.permissions import Role, SecondPerson
from governance.persons import accounts_of_person, persons_of
from tenancy.people import queries
from tenancy.people.accounts import JoinAccounts, join_accounts
from tenancy.people.commands import AddMember, MemberAdded, add_member
from tenancy.people.membership import membership_status
from tenancy.people.role_changes import EndRole, end_role
from tenancy.people.second_person import ANNOUNCE_OWNER
from tenancy.people.states import MemberState
from tenancy.people.sync import record_keycloak_id
from tenancy.tenants.states import TenantState
from tests.actors import Actors
from tests.database_rows import recorded, rows
from tests.factories import Factory
from tests.second_person import approve, decide


def person(tenant_id: UUID, email: str, *roles: Role) -> AddMember:
    return AddMember(tenant_id=tenant_id, family_name="肥後", given_name="花子", email=email, roles=roles)


def another(actor: Actor) -> Actor:
    """Somebody else with the same roles."""
    return Actor(str(new_id()), ActorKind.PERSON, actor.tenant_id, actor.roles)


def account(added: MemberAdded, tenant_id: UUID, *roles: Role) -> Actor:
    """The person who was added, signed in."""
    return Actor(str(added.person_id), ActorKind.PERSON, tenant_id, frozenset(roles))


def sign_in(added: MemberAdded) -> None:
    """The person has signed in once."""
    with system_transaction(OPERATOR) as session:
        session.execute(
            text("UPDATE member SET state = :state WHERE id = :id"),
            {"state": MemberState.ACTIVE.value, "id": added.member_id},
        )


def requested(command: AddMember, *, actor: Actor) -> ApprovalRequested:
    """The request that adding somebody was."""
    answer = add_member(command, actor=actor)
    assert isinstance(answer, ApprovalRequested)
    return answer


def roles_of(tenant_id: UUID, person_id: UUID) -> frozenset[Role]:
    with tenant_scope(OPERATOR):
        return grants.roles_in_force(db.session(), tenant_id, person_id, clock.now())


# -- roles of the operator


def test_an_operators_role_is_given_by_two_of_security(actors: Actors) -> None:
    command = person(actors.operator_tenant, "finance@pref.example", Role.OPERATOR_FINANCE)
    asked = requested(command, actor=actors.security)

    assert asked.second_person is SecondPerson.ROLES
    assert (rows("member"), rows("role_grant")) == ([], [])
    for actor, code in (
        (actors.security, "approval.own_request"),
        (actors.approver, "approval.not_yours"),
        (command_line_actor(actors.operator_tenant), "permission.decided_by_people"),
    ):
        with pytest.raises(NotAllowed) as refusal:
            approve(asked, actor=actor)
        assert refusal.value.code == code
    assert (rows("member"), rows("role_grant")) == ([], [])

    approve(asked, actor=another(actors.security))
    assert len(rows("member")) == len(rows("role_grant")) == 1
    assert recorded("member.added")[-1].facts["roles"] == ["operator-finance"]


def test_the_machine_names_the_first_people_alone(actors: Actors) -> None:
    command = person(actors.operator_tenant, "first@pref.example", Role.OPERATOR_SECURITY)

    assert isinstance(add_member(command, actor=command_line_actor(actors.operator_tenant)), MemberAdded)


def test_who_may_not_grant_a_role_cannot_request_it(actors: Actors) -> None:
    command = person(actors.operator_tenant, "x@pref.example", Role.BREAK_GLASS)

    with pytest.raises(NotAllowed) as refusal:
        add_member(command, actor=actors.security)

    assert refusal.value.code == "member.role_above_own"
    assert rows("approval_request") == []


# -- an owner from outside


def test_an_owner_from_outside_is_decided_by_an_owner(actors: Actors, factory: Factory) -> None:
    tenant_id, other = factory.add_member("431001", "熊本市"), factory.add_member("432148", "阿蘇市")
    owner = factory.add_person(tenant_id, "owner@city.example", Role.TENANT_OWNER)
    sign_in(owner)
    before, jobs = rows("member"), rows("job")
    asked = requested(person(tenant_id, "second@city.example", Role.TENANT_OWNER), actor=actors.onboarding)

    assert asked.second_person is SecondPerson.OWNERS
    assert rows("member") == before
    for actor in (
        actors.onboarding,
        actors.approver,
        actors.security,
        actors.municipal(tenant_id, Role.TENANT_FINANCE),
    ):
        with pytest.raises(NotAllowed):
            approve(asked, actor=actor)
    with pytest.raises(NotFound):
        approve(asked, actor=actors.municipal(other, Role.TENANT_OWNER))
    assert rows("member") == before

    approve(asked, actor=account(owner, tenant_id, Role.TENANT_OWNER))
    assert len(rows("member")) == len(before) + 1
    assert rows("job") == jobs


def test_an_owner_adds_an_owner_alone(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.add_member("431001", "熊本市")
    owner = account(
        factory.add_person(tenant_id, "owner@city.example", Role.TENANT_OWNER), tenant_id, Role.TENANT_OWNER
    )

    added = add_member(person(tenant_id, "second@city.example", Role.TENANT_OWNER), actor=owner)

    assert isinstance(added, MemberAdded)


@pytest.mark.parametrize("why", ["nobody", "never signed in", "suspended", "requester's own"])
def test_where_no_owner_can_decide_the_approver_does_and_everybody_is_mailed(
    actors: Actors, factory: Factory, why: str
) -> None:
    tenant_id = factory.add_member("431001", "熊本市")
    member = factory.add_person(tenant_id, "member@city.example")
    requester = actors.onboarding
    if why != "nobody":
        owner = factory.add_person(tenant_id, "owner@city.example", Role.TENANT_OWNER)
        if why != "never signed in":
            sign_in(owner)
    if why == "suspended":
        factory.change_state(tenant_id, TenantState.SUSPENDED)
    if why == "requester's own":
        same = factory.add_person(actors.operator_tenant, "owner@city.example", Role.OPERATOR_ONBOARDING)
        requester = account(same, actors.operator_tenant, Role.OPERATOR_ONBOARDING)
    asked = requested(person(tenant_id, "new@city.example", Role.TENANT_OWNER), actor=requester)

    assert asked.second_person is SecondPerson.OWNERS_ABSENT
    with pytest.raises(DomainError):
        approve(asked, actor=actors.municipal(tenant_id, Role.TENANT_OWNER))
    decided = approve(asked, actor=actors.approver)

    assert decided.result is not None
    with tenant_scope(OPERATOR):
        [job] = [one for one in db.session.query(Job) if one.name == ANNOUNCE_OWNER]
        payload = dict(job.payload)
    sent: list[tuple[str, str, str]] = []
    mail_handlers(lambda *mail: sent.append(mail), "https://moyai.example")[ANNOUNCE_OWNER](payload)
    with tenant_scope(OPERATOR):
        people = {one.email for one in queries.members(db.session(), tenant_id, clock.now())}
    assert {recipient for recipient, _, _ in sent} == people >= {"member@city.example", "new@city.example"}
    assert {subject for _, subject, _ in sent} == {OWNER_ADDED.subject.ja}
    assert all("熊本市" in body for _, _, body in sent)
    assert str(member.person_id) not in repr(sent)


def test_another_owner_signing_in_makes_it_another_request(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.add_member("431001", "熊本市")
    owner = factory.add_person(tenant_id, "owner@city.example", Role.TENANT_OWNER)
    command = person(tenant_id, "new@city.example", Role.TENANT_OWNER)
    before = requested(command, actor=actors.onboarding)
    sign_in(owner)

    now = requested(command, actor=actors.onboarding)

    assert (before.second_person, now.second_person) == (SecondPerson.OWNERS_ABSENT, SecondPerson.OWNERS)
    assert before.approval_id != now.approval_id


@pytest.mark.parametrize("role", [Role.TENANT_OWNER, Role.TENANT_FINANCE])
def test_before_a_tenant_takes_part_the_operator_adds_people_alone(
    actors: Actors, factory: Factory, role: Role
) -> None:
    tenant_id = factory.kumamoto_city()

    assert isinstance(add_member(person(tenant_id, "a@city.example", role), actor=actors.security), MemberAdded)


# -- finance and approver


def test_nobody_is_made_finance_and_approver(actors: Actors) -> None:
    both = person(actors.operator_tenant, "x@pref.example", Role.OPERATOR_FINANCE, Role.OPERATOR_APPROVER)

    for actor in (actors.security, command_line_actor(actors.operator_tenant)):
        with pytest.raises(Invalid) as refusal:
            add_member(both, actor=actor)
        assert refusal.value.code == "member.roles_exclude_each_other"
    assert (rows("member"), rows("approval_request")) == ([], [])


def grant_by_database(tenant_id: UUID, person_id: UUID, role: Role) -> None:
    with system_transaction(OPERATOR) as session:
        session.execute(
            text(
                "INSERT INTO role_grant (id, tenant_id, person_id, role, valid_from, granted_by)"
                " VALUES (:id, :tenant, :person, :role, now(), 'test')"
            ),
            {"id": new_id(), "tenant": tenant_id, "person": person_id, "role": role.value},
        )


@pytest.mark.parametrize("has_two_accounts", [False, True])
@pytest.mark.parametrize("held", [Role.OPERATOR_FINANCE, Role.OPERATOR_APPROVER])
def test_the_database_grants_nobody_the_other_one(
    actors: Actors, factory: Factory, held: Role, has_two_accounts: bool
) -> None:
    wanted = ({Role.OPERATOR_FINANCE, Role.OPERATOR_APPROVER} - {held}).pop()
    added = factory.add_person(actors.operator_tenant, "x@pref.example", held)
    receiver = added.person_id
    if has_two_accounts:
        receiver = factory.add_person(actors.operator_tenant, "y@pref.example", Role.OPERATOR_AUDITOR).person_id
        joined(actors, str(added.person_id), str(receiver))
    before = rows("role_grant")

    with pytest.raises(IntegrityError, match="finance and approver"):
        grant_by_database(actors.operator_tenant, receiver, wanted)

    assert rows("role_grant") == before
    grant_by_database(actors.operator_tenant, receiver, Role.OPERATOR_ONBOARDING)


def test_who_holds_both_keeps_finance_until_it_ends(actors: Actors, factory: Factory) -> None:
    finance = factory.add_person(actors.operator_tenant, "x@pref.example", Role.OPERATOR_FINANCE)
    approver = factory.add_person(actors.operator_tenant, "y@pref.example", Role.OPERATOR_APPROVER)
    joined(actors, str(finance.person_id), str(approver.member_id))

    assert roles_of(actors.operator_tenant, finance.person_id) == {Role.OPERATOR_FINANCE}
    assert roles_of(actors.operator_tenant, approver.person_id) == frozenset()
    with system_transaction(OPERATOR) as session:
        record_keycloak_id(session, actors.operator_tenant, approver.person_id, "approver-at-keycloak")
        status = membership_status(session, actors.operator_tenant, "approver-at-keycloak", clock.now())
    assert status is not None
    assert status.granted == frozenset()

    with tenant_scope(OPERATOR):
        shown = queries.member(db.session(), actors.operator_tenant, approver.member_id, clock.now())
    assert (shown.roles, shown.excluded_roles) == ((), (Role.OPERATOR_APPROVER,))

    command = EndRole(
        tenant_id=actors.operator_tenant,
        member_id=finance.member_id,
        role=Role.OPERATOR_FINANCE,
        reason="承認者になるため",
    )
    asked = end_role(command, actor=actors.security)
    assert isinstance(asked, ApprovalRequested)
    with pytest.raises(NotAllowed):
        approve(asked, actor=actors.security)
    assert roles_of(actors.operator_tenant, approver.person_id) == frozenset()
    approve(asked, actor=another(actors.security))
    assert roles_of(actors.operator_tenant, approver.person_id) == {Role.OPERATOR_APPROVER}


def test_a_role_that_is_not_held_is_not_ended(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    of_tenant = factory.add_person(tenant_id, "x@city.example", Role.TENANT_FINANCE)
    of_operator = factory.add_person(actors.operator_tenant, "x@pref.example", Role.OPERATOR_FINANCE)
    before = rows("role_grant")

    for tenant, member, role, code in (
        (tenant_id, of_tenant, Role.TENANT_AUDITOR, "member.role_not_held"),
        (actors.operator_tenant, of_operator, Role.OPERATOR_APPROVER, "member.role_not_held"),
    ):
        with pytest.raises(Conflict) as refusal:
            end_role(
                EndRole(tenant_id=tenant, member_id=member.member_id, role=role, reason="異動"), actor=actors.security
            )
        assert refusal.value.code == code
    assert rows("role_grant") == before


# -- accounts of one person


def request_join(actors: Actors, account: str, other: str) -> ApprovalRequested:
    command = build_command(JoinAccounts, account=account, other=other, reason="同じ職員")
    return join_accounts(command, actor=actors.security)


def joined(actors: Actors, one: str, other: str) -> dict[str, Any] | None:
    return approve(request_join(actors, one, other), actor=another(actors.security)).result


def test_joined_accounts_are_one_person_through_all_of_them(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    a, b, c = (
        str(factory.add_person(tenant, f"{name}@example.jp", *roles).person_id)
        for tenant, name, roles in (
            (actors.operator_tenant, "a", [Role.OPERATOR_AUDITOR]),
            (tenant_id, "b", []),
            (actors.operator_tenant, "c", [Role.OPERATOR_AUDITOR]),
        )
    )
    with tenant_scope(OPERATOR):
        assert accounts_of_person(db.session(), a) == {a}

    joined(actors, a, b)
    joined(actors, "cli:hanako", b)
    joined(actors, "cli:hanako", c)

    everything = {a, b, c, "cli:hanako"}
    with tenant_scope(OPERATOR):
        for one in everything:
            assert accounts_of_person(db.session(), one) == everything
    with tenant_scope(tenant_id):
        # The tenant sees no account of the operator's, but knows whose its own is.
        assert accounts_of_person(db.session(), b) == {b}
        assert len(persons_of(db.session(), b)) == 3
    assert recorded("member.accounts_joined")[-1].facts["accounts"] == sorted(everything)


def test_accounts_are_joined_by_two_of_security_only(actors: Actors, factory: Factory) -> None:
    one = factory.add_person(actors.operator_tenant, "a@example.jp", Role.OPERATOR_AUDITOR)
    command = JoinAccounts(account=str(one.person_id), other="cli:root", reason="同じ職員")
    before = rows("person_account")

    for actor in (actors.finance, actors.approver, actors.onboarding, actors.municipal(new_id(), Role.TENANT_OWNER)):
        with pytest.raises(NotAllowed):
            join_accounts(command, actor=actor)
    asked = join_accounts(command, actor=actors.security)
    for actor in (actors.security, actors.approver):
        with pytest.raises(NotAllowed):
            approve(asked, actor=actor)
    decide(asked, Decision.REJECTED, actor=another(actors.security))
    assert rows("person_account") == before


@pytest.mark.parametrize(
    ("account", "other", "code"),
    [
        ("root", "cli:root", "member.no_account"),
        ("cli:", "cli:root", "member.no_account"),
        ("cli:a b", "cli:root", "member.no_account"),
        ("cli:root", "cli:root", "member.same_account"),
        ("cli:root", "cli:www", "member.accounts_of_nobody"),
        ("00000000-0000-7000-8000-000000000000", "cli:root", "not_found"),
    ],
)
def test_what_is_no_account_is_joined_to_nothing(actors: Actors, account: str, other: str, code: str) -> None:
    with pytest.raises(DomainError) as refusal:
        request_join(actors, account, other)

    assert refusal.value.code == code
    assert (rows("person_account"), rows("approval_request")) == ([], [])


def test_what_is_joined_already_needs_no_approval(actors: Actors, factory: Factory) -> None:
    one = factory.add_person(actors.operator_tenant, "a@example.jp", Role.OPERATOR_AUDITOR)
    joined(actors, str(one.person_id), "cli:root")

    with pytest.raises(Conflict) as refusal:
        joined(actors, "cli:root", str(one.member_id))
    assert refusal.value.code == "approval.nothing_to_do"
