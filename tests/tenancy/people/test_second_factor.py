"""A lost second factor is reset by two people: one asks, another decides, and only then Keycloak is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

import pytest

from admin.workflows.job_handlers import handlers
from governance.actors import Actor, ActorKind
from governance.approvals.commands import DecideApproval, decide_approval
from governance.approvals.states import Decision
from governance.commands import ApprovalRequested
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, DomainError, NotAllowed
from governance.kernel.ids import new_id
from governance.outbox.tables import Job
from governance.permissions import Role
from tenancy.keycloak.port import Identities, Realm
from tenancy.people.commands import DisableMember, disable_member
from tenancy.people.second_factor import RESET_FACTOR, ResetFactor, reset_factor
from tests.actors import Actors
from tests.database_rows import recorded, rows
from tests.factories import Factory, Visitors
from tests.second_person import approve


@dataclass
class Resets:
    """In the place of the port to Keycloak: keeps whose second factor was reset, and where."""

    asked: list[tuple[UUID, Realm]] = field(default_factory=list)

    def reset_second_factor(self, person_id: UUID, realm: Realm) -> int:
        self.asked.append((person_id, realm))
        return 1


def member(tenant_id: UUID, *roles: Role) -> UUID:
    """A person who is in Keycloak; their person_id, which is also the username there."""
    return UUID(Visitors().person(tenant_id, *roles).id)


def reset_of(tenant_id: UUID, person_id: UUID) -> ResetFactor:
    return ResetFactor(tenant_id=tenant_id, member_id=person_id, reason="端末を紛失したため")


def request(tenant_id: UUID, person_id: UUID, actor: Actor) -> ApprovalRequested:
    requested = reset_factor(reset_of(tenant_id, person_id), actor=actor)
    assert isinstance(requested, ApprovalRequested)
    return requested


def jobs() -> list[dict[str, Any]]:
    with tenant_scope(OPERATOR):
        return [job.payload for job in db.session.query(Job) if job.name == RESET_FACTOR]


@pytest.mark.parametrize("decider", [Role.OPERATOR_APPROVER, Role.OPERATOR_SECURITY])
@pytest.mark.parametrize("realm", list(Realm))
def test_another_person_decides_and_then_keycloak_is_asked_once(
    actors: Actors, factory: Factory, realm: Realm, decider: Role
) -> None:
    is_operator = realm is Realm.OPERATORS
    tenant_id = actors.operator_tenant if is_operator else factory.kumamoto_city()
    person = member(tenant_id, Role.OPERATOR_FINANCE if is_operator else Role.TENANT_OWNER)
    keycloak = Resets()

    requested = request(tenant_id, person, actors.security)
    assert (jobs(), recorded("member.factor_reset")) == ([], [])
    another = Actor(str(new_id()), ActorKind.PERSON, actors.operator_tenant, frozenset({decider}))
    approve(requested, actor=another)
    for payload in jobs():
        handlers(cast(Identities, keycloak))[RESET_FACTOR](payload)

    assert keycloak.asked == [(person, realm)]
    (event,) = recorded("member.factor_reset")
    assert (event.subject, event.tenant_id, event.actor) == (str(person), tenant_id, another.id)
    assert event.facts["approval"] == str(requested.approval_id)


def test_what_is_sent_back_resets_nothing(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    requested = request(tenant_id, member(tenant_id, Role.TENANT_OWNER), actors.security)

    rejection = DecideApproval(
        approval_id=requested.approval_id, digest=requested.digest, decision=Decision.REJECTED, reason="本人ではない"
    )
    decide_approval(rejection, actor=actors.approver)

    assert (jobs(), recorded("member.factor_reset")) == ([], [])


def test_nobody_decides_the_own_request_and_finance_decides_none(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    requested = request(tenant_id, member(tenant_id, Role.TENANT_OWNER), actors.security)

    for actor in (actors.security, actors.finance, actors.onboarding, actors.auditor):
        with pytest.raises(DomainError):
            approve(requested, actor=actor)

    assert (jobs(), recorded("member.factor_reset")) == ([], [])


def test_only_security_asks_for_a_reset(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    person = member(tenant_id, Role.TENANT_OWNER)
    owner = actors.municipal(tenant_id, Role.TENANT_OWNER)
    before = rows("approval_request")

    for actor in (actors.onboarding, actors.finance, actors.approver, actors.auditor, owner):
        with pytest.raises(NotAllowed):
            reset_factor(reset_of(tenant_id, person), actor=actor)

    assert rows("approval_request") == before


def test_who_is_suspended_or_not_in_keycloak_has_none_to_reset(actors: Actors, factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    suspended = member(tenant_id)
    disable_member(DisableMember(tenant_id=tenant_id, member_id=suspended, reason="異動"), actor=actors.security)
    new = factory.add_person(tenant_id, "new@example.jp").person_id
    before = rows("approval_request")

    for person, code in ((suspended, "member.factor_not_present"), (new, "member.factor_not_in_keycloak")):
        with pytest.raises(Conflict) as refused:
            reset_factor(reset_of(tenant_id, person), actor=actors.security)
        assert refused.value.code == code

    assert rows("approval_request") == before
