"""The tenants of one account: which it may use, which ask for it, and as whom its person answers them.

A request sees the rows of the tenant it is signed in to. What concerns the person's account beyond it is read here, in
the operator's scope, for the account that this session or token proves and for no other.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from governance.actors import Actor, ActorKind
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from tenancy.people.models import ConsentRequest, OwnMembership
from tenancy.people.shared_accounts import asked_person, consent_requests, own_memberships
from tenancy.preferences.commands import person_of


def memberships_of(actor: Actor) -> list[OwnMembership]:
    """The tenants that the actor's account may use; none for who is no person of a tenant."""
    if actor.kind is not ActorKind.PERSON or actor.is_operator:
        return []
    with tenant_scope(OPERATOR):
        return own_memberships(db.session(), actor.tenant_id, UUID(actor.id))


def consent_requests_of(actor: Actor) -> list[ConsentRequest]:
    """The tenants that ask the actor's account; none for who is no person of a tenant."""
    if actor.kind is not ActorKind.PERSON or actor.is_operator:
        return []
    with tenant_scope(OPERATOR):
        return consent_requests(db.session(), actor.tenant_id, UUID(actor.id), clock.now())


def as_asked(actor: Actor, command: Any) -> Actor:
    """As whom the actor answers, given a command with the `member_id` of what they would be. Raises as `asked_as`."""
    return asked_as(actor, command.member_id)


def asked_as(actor: Actor, member_id: UUID) -> Actor:
    """The actor as the member that they would be of the tenant that asks, with no right but to answer.

    Whoever answered before is found again. Raises NotAllowed for who is no person, NotFound where their account was not
    asked this.
    """
    person_id = person_of(actor)
    with tenant_scope(OPERATOR):
        tenant_id, asked_id = asked_person(db.session(), actor.tenant_id, person_id, member_id)
    return Actor(str(asked_id), ActorKind.PERSON, tenant_id, frozenset({Role.TENANT_MEMBER}))
