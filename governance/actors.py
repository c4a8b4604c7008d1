"""Who acts: a person, a service client, the system itself. An actor's roles are already both in token and in grant."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from governance.kernel.database import OPERATOR, TenantScope
from governance.kernel.errors import NotAllowed, message
from governance.permissions import DECISIONS, OPERATOR_ROLES, Permission, Role, permissions_of

COMMAND_LINE_PREFIX: Final = "cli:"
"""How the id of an actor at the operator's machine begins. No person's or client's id does: those are uuids."""

DIRECTORY_PREFIX: Final = "scim:"
"""How the id of a municipality's directory begins: what follows is the id of its token."""

DECIDED_BY_PEOPLE = message(
    "permission.decided_by_people",
    ja="この端末のコマンドライン（{actor}）では、承認・却下などの決定はできません。",
    en="The command line of this machine ({actor}) approves and decides nothing.",
    hint_ja="画面でログインするか、moyai login で本人としてログインしてから行ってください。",
    hint_en="Sign in to the console, or as yourself with `moyai login`, and decide there.",
)


class ActorKind(StrEnum):
    PERSON = "person"
    CLIENT = "client"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who sends a command or a query. `id` is the person's or client's uuid, or `cli:<user>` / `system:<part>`."""

    id: str
    kind: ActorKind
    tenant_id: UUID
    roles: frozenset[Role]
    by_scope: frozenset[Permission] = frozenset()
    """What a service client's scopes allow; a client has no roles, and a person no scopes."""
    of_operator: bool = False
    """Whether it is a service client of the operator's, which acts for all tenants as far as its scopes go."""
    is_directory: bool = False
    """Whether it is a municipality's directory (SCIM): it stops whoever leaves, and gives no role that administers."""
    sudo_uid: int | None = None
    """The SUDO_UID of a command line: recorded as a fact of its audit events, and trusted for nothing."""
    second_factor_at: datetime | None = field(default=None, compare=False)
    """When a person last signed in with a second factor, in the session in which they act; None for without one."""

    def may(self, permission: Permission) -> bool:
        """Whether a role in force, or a scope of a service client, allows this permission.

        The command line of the machine decides nothing that another person asked for, whatever its roles.
        """
        if self.is_command_line and permission in DECISIONS:
            return False
        return permission in permissions_of(self.roles) or permission in self.by_scope

    @property
    def is_command_line(self) -> bool:
        """Whether a user of the operating system acts, who is no person of Moyai's."""
        return self.id.startswith(COMMAND_LINE_PREFIX)

    @property
    def is_operator(self) -> bool:
        return self.kind is ActorKind.SYSTEM or self.of_operator or bool(self.roles & OPERATOR_ROLES)

    @property
    def tenant_scope(self) -> TenantScope:
        """Whose rows this actor's transactions see: all for the operator, the own tenant's for everybody else."""
        return OPERATOR if self.is_operator else self.tenant_id


def command_line_actor(operator_tenant_id: UUID) -> Actor:
    """The user at the operator's own machine: `cli:<user>` with the operator's roles, never a municipality.

    The user is the process's real uid (getuid(2)), by its name in the password database where it has one. No variable
    of the environment changes it; SUDO_UID is kept beside it.
    """
    return Actor(
        id=f"{COMMAND_LINE_PREFIX}{_user_name()}",
        kind=ActorKind.SYSTEM,
        tenant_id=operator_tenant_id,
        roles=OPERATOR_ROLES | {Role.SYSTEM},
        sudo_uid=_sudo_uid(os.environ.get("SUDO_UID", "")),
    )


def refuse_command_line(actor: Actor) -> None:
    """Raise NotAllowed for the command line of the machine: what another person asked for is decided by a person."""
    if actor.is_command_line:
        raise NotAllowed(DECIDED_BY_PEOPLE, actor=actor.id)


def system_actor(part: str, operator_tenant_id: UUID) -> Actor:
    """A part of Moyai that works by itself, such as the onboarding worker."""
    return Actor(
        id=f"system:{part}", kind=ActorKind.SYSTEM, tenant_id=operator_tenant_id, roles=frozenset({Role.SYSTEM})
    )


def _user_name() -> str:
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _sudo_uid(given: str) -> int | None:
    """The uid in SUDO_UID; None for what cannot be one: anybody may set the variable to anything."""
    return int(given) if given.isascii() and given.isdigit() and len(given) <= 10 else None
