"""Commands that record what is done with the keys of Moyai's own accounts. The files are written by `key_rotation`."""

from __future__ import annotations

from uuid import UUID

from governance.commands import Command, CommandContext, Result, handles
from governance.events import Event
from governance.permissions import Permission


class RotateKeys(Command):
    """The next keys are published, and the accounts are about to sign with them. `kids` are their ids."""

    kids: tuple[str, ...]


class RetireKeys(Command):
    """The former keys are about to be withdrawn from Keycloak and removed. `kids` are their ids."""

    kids: tuple[str, ...]


class KeyChangeRecorded(Result):
    recorded_for: UUID
    """The stream that holds the event: the operator's."""


@handles(Permission.KEYCLOAK_CONFIGURE, Event.KEYS_ROTATED)
def rotate_keys(ctx: CommandContext, command: RotateKeys) -> KeyChangeRecorded:
    """Record which keys Moyai's accounts sign with from now on. The caller then puts them in use."""
    ctx.audit(subject=ctx.actor.tenant_id, kids=list(command.kids))
    return KeyChangeRecorded(recorded_for=ctx.actor.tenant_id)


@handles(Permission.KEYCLOAK_CONFIGURE, Event.KEYS_RETIRED)
def retire_keys(ctx: CommandContext, command: RetireKeys) -> KeyChangeRecorded:
    """Record which former keys end. The caller then withdraws them from Keycloak and removes their files."""
    ctx.audit(subject=ctx.actor.tenant_id, kids=list(command.kids))
    return KeyChangeRecorded(recorded_for=ctx.actor.tenant_id)
