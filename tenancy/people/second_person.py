"""Who else must agree before a person is given a role. Each command that gives one asks here."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

from governance.actors import Actor, ActorKind
from governance.commands import CommandContext
from governance.permissions import Role, SecondPerson
from governance.persons import accounts_of_person
from tenancy.people import queries
from tenancy.people.states import MemberState
from tenancy.tenants.models import TenantDetails
from tenancy.tenants.queries import lock_tenant
from tenancy.tenants.states import STATE_EFFECTS, TenantState

ANNOUNCE_OWNER: Final = "member.announce-owner"
"""The job that mails a tenant's people that an owner was added whom none of its owners decided."""

TAKING_PART: Final = frozenset({TenantState.TRIAL, TenantState.ACTIVE, TenantState.SUSPENDED, TenantState.LEAVING})
"""States of a tenant whose people work with the platform: nobody from outside makes an owner of it alone."""


def announce_owner(ctx: CommandContext, tenant_id: UUID, person_id: UUID) -> None:
    """Enqueue the mail to the tenant's people about an owner whom none of its owners decided; nothing for others."""
    if ctx.approval is not None and ctx.approval.second_person is SecondPerson.OWNERS_ABSENT:
        payload = {"tenant_id": str(tenant_id), "person_id": str(person_id)}
        ctx.enqueue(ANNOUNCE_OWNER, payload, tenant_id=tenant_id)


def second_person_for(ctx: CommandContext, tenant_id: UUID, roles: Collection[Role]) -> SecondPerson | None:
    """Who decides that somebody of the tenant gets these roles; None where nobody need be asked.

    Roles of the operator: another of operator-security, but for the machine's command line, which names the first
    people. An owner of a tenant that takes part, added from outside: one of its owners; where none can decide, the
    approver. Raises NotFound for the tenant, whose row it locks.
    """
    tenant = lock_tenant(ctx.session, tenant_id)
    if tenant.is_operator:
        return None if ctx.actor.kind is ActorKind.SYSTEM else SecondPerson.ROLES
    if Role.TENANT_OWNER not in roles or not is_owner_from_outside(ctx.actor, tenant):
        return None
    own = accounts_of_person(ctx.session, ctx.actor.id)
    can_decide = STATE_EFFECTS[TenantState(tenant.state)].people_sign_in and any(
        owner.state is MemberState.ACTIVE and str(owner.person_id) not in own
        for owner in queries.owners(ctx.session, tenant.id, ctx.now)
    )
    return SecondPerson.OWNERS if can_decide else SecondPerson.OWNERS_ABSENT


def is_owner_from_outside(actor: Actor, tenant: TenantDetails) -> bool:
    """Whether an owner whom this actor adds would be one from outside of a tenant that takes part."""
    return tenant.state in TAKING_PART and actor.tenant_id != tenant.id
