"""Who acts: a person, a service client, the system itself. An actor's roles are already both in token and in grant."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from governance.kernel.database import OPERATOR, TenantScope
from governance.permissions import OPERATOR_ROLES, Permission, Role, permissions_of


class ActorKind(StrEnum):
    PERSON = "person"
    CLIENT = "client"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who sends a command or a query. `id` is the person's or client's uuid, or `cli:<login>` / `system:<part>`."""

    id: str
    kind: ActorKind
    tenant_id: UUID
    roles: frozenset[Role]
    by_scope: frozenset[Permission] = frozenset()
    """What a service client's scopes allow; a client has no roles, and a person no scopes."""

    def may(self, permission: Permission) -> bool:
        """Whether a role in force, or a scope of a service client, allows this permission."""
        return permission in permissions_of(self.roles) or permission in self.by_scope

    @property
    def is_operator(self) -> bool:
        return self.kind is ActorKind.SYSTEM or bool(self.roles & OPERATOR_ROLES)

    @property
    def tenant_scope(self) -> TenantScope:
        """Whose rows this actor's transactions see: all for the operator, the own tenant's for everybody else."""
        return OPERATOR if self.is_operator else self.tenant_id


def command_line_actor(operator_tenant_id: UUID) -> Actor:
    """The person at the operator's own machine: `cli:<login name>` with the operator's roles, never a municipality."""
    return Actor(
        id=f"cli:{getpass.getuser()}",
        kind=ActorKind.SYSTEM,
        tenant_id=operator_tenant_id,
        roles=OPERATOR_ROLES | {Role.SYSTEM},
    )


def system_actor(part: str, operator_tenant_id: UUID) -> Actor:
    """A part of Moyai that works by itself, such as the onboarding worker."""
    return Actor(
        id=f"system:{part}", kind=ActorKind.SYSTEM, tenant_id=operator_tenant_id, roles=frozenset({Role.SYSTEM})
    )
