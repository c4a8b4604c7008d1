"""Suspending and resuming a service client, and whose it is: with its owner, never back with the owner."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from governance.actors import Actor
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, Invalid, NotAllowed, NotFound
from governance.kernel.ids import new_id
from governance.permissions import Role
from tenancy.clients import queries
from tenancy.clients.commands import ClientRegistered, RegisterClient, register_client
from tenancy.clients.models import ServiceClientDetails
from tenancy.clients.suspension import (
    ResumeClient,
    SetClientOwner,
    SuspendClient,
    resume_client,
    set_client_owner,
    suspend_client,
)
from tenancy.clients.sync import record_keycloak_id
from tenancy.keycloak.keys import SigningKey
from tenancy.onboarding.intents import read_intent
from tenancy.people.commands import (
    DisableMember,
    RemoveMember,
    ResumeMember,
    disable_member,
    remove_member,
    resume_member,
)
from tests.actors import Actors
from tests.database_rows import recorded, rows
from tests.factories import Factory

JWKS = SigningKey.generate().public_jwks


def _register(tenant_id: UUID, name: str, actor: Actor, owner: UUID | None = None, *scopes: str) -> UUID:
    command = RegisterClient(
        tenant_id=tenant_id, name=name, jwks=JWKS, scopes=scopes or ("moyai:quota.read",), owner_member_id=owner
    )
    registered = register_client(command, actor=actor)
    assert isinstance(registered, ClientRegistered)
    return registered.client_id


def _client(tenant_id: UUID, client_id: UUID) -> ServiceClientDetails:
    with tenant_scope(OPERATOR):
        return queries.service_client(db.session(), tenant_id, client_id)


def _enabled(tenant_id: UUID) -> dict[UUID, bool]:
    """Which clients are to be enabled in Keycloak."""
    with tenant_scope(OPERATOR):
        wanted = read_intent(db.session(), tenant_id, on=clock.today(), now=clock.now()).service_clients
    return {one.service_client_id: one.enabled for one in wanted}


def _suspend(tenant_id: UUID, client_id: UUID) -> SuspendClient:
    return SuspendClient(tenant_id=tenant_id, client_id=client_id, reason="鍵の漏えいの疑い")


def _resume(tenant_id: UUID, client_id: UUID) -> ResumeClient:
    return ResumeClient(tenant_id=tenant_id, client_id=client_id, reason="疑いが晴れた")


def test_a_suspended_client_is_disabled_in_keycloak_and_resumed_as_it_was(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    admin = actors.municipal(tenant_id, Role.TENANT_CLIENT_ADMIN)
    client_id, other = (_register(tenant_id, name, admin) for name in ("住民サービス", "帳票"))
    with system_transaction(OPERATOR) as session:
        record_keycloak_id(session, tenant_id, client_id, "its id in Keycloak")
    before = _client(tenant_id, client_id)

    suspend_client(_suspend(tenant_id, client_id), actor=admin)

    suspended = _client(tenant_id, client_id)
    assert (suspended.state, suspended.suspension_cause) == ("suspended", "decided")
    assert _enabled(tenant_id) == {client_id: False, other: True}
    event = recorded("client.suspended")[-1]
    assert (event.subject, event.facts["reason"]) == (str(client_id), "鍵の漏えいの疑い")
    with pytest.raises(Conflict) as refusal:
        suspend_client(_suspend(tenant_id, client_id), actor=admin)
    assert refusal.value.code == "client.not_running"

    resume_client(_resume(tenant_id, client_id), actor=admin)

    assert _client(tenant_id, client_id) == before
    assert _enabled(tenant_id) == {client_id: True, other: True}
    assert recorded("client.resumed")[-1].facts["reason"] == "疑いが晴れた"
    with pytest.raises(Conflict) as refusal:
        resume_client(_resume(tenant_id, client_id), actor=admin)
    assert refusal.value.code == "client.not_suspended"
    with tenant_scope(OPERATOR):
        jobs = db.session.scalars(text("SELECT count(*) FROM job WHERE name = 'client.sync'")).one()
    assert jobs == 2


def test_one_that_was_not_in_keycloak_yet_waits_for_it_again(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    client_id = _register(tenant_id, "住民サービス", actors.security)

    suspend_client(_suspend(tenant_id, client_id), actor=actors.security)
    resume_client(_resume(tenant_id, client_id), actor=actors.security)

    assert _client(tenant_id, client_id).state == "registered"


def test_a_suspended_client_still_counts_against_the_quota(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    factory.define_standard()
    factory.put_on_standard(tenant_id)
    suspend_client(_suspend(tenant_id, _register(tenant_id, "一つ目", actors.security)), actor=actors.security)

    with pytest.raises(Conflict) as refusal:
        _register(tenant_id, "二つ目", actors.security)

    assert refusal.value.code == "quota.full"


@pytest.mark.parametrize("is_removed", [False, True])
def test_the_clients_of_a_person_are_suspended_with_the_person_and_no_others(
    actors: Actors, factory: Factory, is_removed: bool
) -> None:
    tenant_id = factory.kumamoto_city()
    person, colleague = (factory.add_person(tenant_id, f"{name}@example.jp") for name in ("one", "two"))
    owned = {
        name: _register(tenant_id, name, actors.security, owner)
        for name, owner in (
            ("本人", person.member_id),
            ("本人の二つ目", person.member_id),
            ("同僚", colleague.member_id),
            ("団体", None),
        )
    }
    suspend_client(_suspend(tenant_id, owned["本人の二つ目"]), actor=actors.security)

    if is_removed:
        remove_member(
            RemoveMember(tenant_id=tenant_id, member_id=person.member_id, reason="退職"), actor=actors.security
        )
    else:
        disable_member(
            DisableMember(tenant_id=tenant_id, member_id=person.member_id, reason="休職"), actor=actors.security
        )

    found = {name: _client(tenant_id, client_id) for name, client_id in owned.items()}
    assert {name: one.suspension_cause for name, one in found.items()} == {
        "本人": "with-owner",
        "本人の二つ目": "decided",
        "同僚": None,
        "団体": None,
    }
    event = recorded("client.suspended")[-1]
    assert (event.subject, event.command, event.facts) == (
        str(owned["本人"]),
        "remove_member" if is_removed else "disable_member",
        {"cause": "with-owner"},
    )


def test_whoever_comes_back_does_not_get_their_clients_back(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    person, other = (factory.add_person(tenant_id, f"{name}@example.jp") for name in ("one", "two"))
    client_id = _register(tenant_id, "住民サービス", actors.security, person.member_id)
    disable_member(DisableMember(tenant_id=tenant_id, member_id=person.member_id, reason="休職"), actor=actors.security)
    before = rows("service_client")

    with pytest.raises(Conflict) as refusal:
        resume_client(_resume(tenant_id, client_id), actor=actors.security)
    assert refusal.value.code == "client.owner_not_present"
    resume_member(ResumeMember(tenant_id=tenant_id, member_id=person.member_id, reason="復職"), actor=actors.security)

    assert rows("service_client") == before
    resume_client(_resume(tenant_id, client_id), actor=actors.security)
    assert _client(tenant_id, client_id).state == "registered"

    disable_member(DisableMember(tenant_id=tenant_id, member_id=person.member_id, reason="異動"), actor=actors.security)
    set_client_owner(
        SetClientOwner(tenant_id=tenant_id, client_id=client_id, owner_member_id=other.member_id), actor=actors.security
    )
    assert _client(tenant_id, client_id).state == "suspended", "whoever takes it over resumes it"
    resume_client(_resume(tenant_id, client_id), actor=actors.security)


def test_a_client_is_handed_from_person_to_tenant_and_its_record_says_so(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    person = factory.add_person(tenant_id, "one@example.jp")
    client_id = _register(tenant_id, "住民サービス", actors.security)

    given = set_client_owner(
        # The username in Keycloak names the person as well as the id of the list.
        SetClientOwner(tenant_id=tenant_id, client_id=client_id, owner_member_id=person.person_id),
        actor=actors.security,
    )

    assert (given.before, given.owner_member_id) == (None, person.member_id)
    assert _client(tenant_id, client_id).owner_member_id == person.member_id
    facts = recorded("client.owner_set")[-1].facts
    assert (facts["owner"], facts["owner_member_id"]) == ("person", str(person.member_id))
    with pytest.raises(Conflict) as refusal:
        set_client_owner(
            SetClientOwner(tenant_id=tenant_id, client_id=client_id, owner_member_id=person.member_id),
            actor=actors.security,
        )
    assert refusal.value.code == "client.same_owner"
    set_client_owner(SetClientOwner(tenant_id=tenant_id, client_id=client_id), actor=actors.security)
    assert _client(tenant_id, client_id).owner_member_id is None


def test_nobody_of_elsewhere_and_nobody_who_is_suspended_owns_a_client(actors: Actors, factory: Factory) -> None:
    kumamoto, aso = factory.kumamoto_city(), factory.aso_city()
    stranger, gone = factory.add_person(aso, "one@example.jp"), factory.add_person(kumamoto, "two@example.jp")
    disable_member(DisableMember(tenant_id=kumamoto, member_id=gone.member_id, reason="休職"), actor=actors.security)
    client_id = _register(kumamoto, "住民サービス", actors.security)
    before = rows("service_client")

    for owner in (stranger.member_id, new_id()):
        with pytest.raises(NotFound):
            set_client_owner(
                SetClientOwner(tenant_id=kumamoto, client_id=client_id, owner_member_id=owner), actor=actors.security
            )
    with pytest.raises(Invalid) as refusal:
        _register(kumamoto, "帳票", actors.security, gone.member_id)
    assert refusal.value.code == "client.owner_cannot_be"

    assert rows("service_client") == before
    with pytest.raises(IntegrityError), system_transaction(OPERATOR) as session:
        session.execute(text("UPDATE service_client SET owner_member_id = :owner"), {"owner": stranger.member_id})


def test_who_may_not_and_who_is_of_elsewhere_changes_nothing(actors: Actors, factory: Factory) -> None:
    kumamoto, aso = factory.kumamoto_city(), factory.aso_city()
    client_id = _register(kumamoto, "住民サービス", actors.security)
    before = rows("service_client")

    for actor in (actors.finance, actors.auditor, actors.municipal(kumamoto, Role.TENANT_USER_ADMIN)):
        with pytest.raises(NotAllowed):
            suspend_client(_suspend(kumamoto, client_id), actor=actor)
    admin_of_aso = actors.municipal(aso, Role.TENANT_CLIENT_ADMIN)
    for tenant_id in (kumamoto, aso):
        with pytest.raises(NotFound):
            suspend_client(_suspend(tenant_id, client_id), actor=admin_of_aso)

    assert rows("service_client") == before


def test_nobody_resumes_a_client_that_may_do_what_they_may_not(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    owner, admin = (actors.municipal(tenant_id, role) for role in (Role.TENANT_OWNER, Role.TENANT_CLIENT_ADMIN))
    client_id = _register(tenant_id, "監査", owner, None, "moyai:audit.read")
    suspend_client(_suspend(tenant_id, client_id), actor=admin)

    with pytest.raises(NotAllowed) as refusal:
        resume_client(_resume(tenant_id, client_id), actor=admin)

    assert refusal.value.code == "client.scope_above_own"
    assert _client(tenant_id, client_id).state == "suspended"
    resume_client(_resume(tenant_id, client_id), actor=owner)


def test_the_operators_clients_are_stopped_for_good_only(actors: Actors, factory: Factory) -> None:
    client_id = factory.add_service_client(actors.operator_tenant)
    before = rows("service_client")

    with pytest.raises(Conflict) as refusal:
        suspend_client(_suspend(actors.operator_tenant, client_id), actor=actors.security)

    assert refusal.value.code == "client.of_the_operator"
    assert rows("service_client") == before
