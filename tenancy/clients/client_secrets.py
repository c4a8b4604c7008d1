"""Secrets of a service client whose system cannot use keys: made here, shown once, kept by Keycloak alone.

Each secret is a client of its own in Keycloak, with its own client_id, so that two of them overlap while a system
changes: Keycloak 26 keeps one secret a client (its rotation is a preview feature). Each has a last day.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Final
from uuid import UUID

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, Invalid, message
from governance.kernel.field_types import Count, EndDate, Id, LongLine, last_day
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy.clients.commands import ENDS_BEFORE_IT_BEGINS, STOPPED_ALREADY, lock_client, require_own_rights
from tenancy.clients.ownership import enqueue_sync
from tenancy.clients.states import ClientState
from tenancy.clients.suspension import ClientId
from tenancy.clients.tables import ServiceClient
from tenancy.keycloak.client_secrets import client_secret
from tenancy.keycloak.port import service_client_name
from tenancy.tenants.queries import lock_tenant

MAX_SECRETS: Final = 2
MAX_DAYS: Final = 366

NO_SECRET_OF_THE_OPERATORS: Final = message(
    "client.no_secret_of_the_operators",
    ja="運営者の連携システムは、シークレットを使えません。公開鍵を登録してください。",
    en="Service clients of the operator use no secrets; register a public key.",
)
TOO_MANY_SECRETS: Final = message(
    "client.too_many_secrets",
    ja="シークレットは {most} 個までです。",
    en="A service client has at most {most} secrets.",
    hint_ja="使わなくなったシークレットを、先に削除してください。",
    hint_en="Remove the one that is not used any more first.",
)
ENDS_TOO_LATE: Final = message(
    "client.secret_ends_too_late",
    ja="シークレットの最終日は、{latest} までの日にしてください。",
    en="A secret ends on {latest} at the latest.",
)
NO_SUCH_SECRET: Final = message(
    "client.no_such_secret",
    ja="シークレット {given} は、この連携システムにありません。",
    en="This service client has no secret {given}.",
)


class MakeClientSecret(Command):
    """A secret for a system that cannot use keys: it is shown once. Valid before `valid_until` (JST)."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    client_id: ClientId
    valid_until: Annotated[
        EndDate,
        Input("最終日（この日まで有効）", "Last day", Label("1 年以内", "within a year"), option="last-day"),
    ]


class ClientSecretMade(Result):
    """`secret` is in the answer to the request that made it and in no later one; null then.

    It is used with `client_name` as the client_id; `job_id` brings it to Keycloak.
    """

    shown_once: ClassVar[frozenset[str]] = frozenset({"secret"})

    client_id: UUID
    client_name: str
    number: int
    job_id: UUID
    secret: str | None = None


class RemoveClientSecret(Command):
    """A secret of a system that is to count no more, and why."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    client_id: ClientId
    number: Annotated[Count, Input("シークレットの番号", "Number of the secret")]
    reason: Annotated[LongLine, Input("理由", "Reason")]


class ClientSecretRemoved(Result):
    """`job_id` is the job that takes the secret out of Keycloak."""

    client_id: UUID
    job_id: UUID


@handles(Permission.CLIENT_MAKE_SECRET, Event.CLIENT_SECRET_MADE, edits="client {client_id}", step_up=True)
def make_client_secret(ctx: CommandContext, command: MakeClientSecret) -> ClientSecretMade:
    """Make a secret beside those there are, and show it once.

    It is written nowhere here: neither in a row nor in the audit log nor with the idempotency key nor in the job.

    Raises NotFound, NotAllowed for a system that may do what the actor may not, Invalid for a day in the past or beyond
    a year, Conflict for a third secret, without the installation's key, for the operator's and for one that was stopped
    for good.
    """
    if command.valid_until <= ctx.today:
        raise Invalid(ENDS_BEFORE_IT_BEGINS, field="valid_until", given=last_day(command.valid_until).isoformat())
    latest = ctx.today + timedelta(days=MAX_DAYS)
    if command.valid_until > latest:
        raise Invalid(ENDS_TOO_LATE, field="valid_until", latest=last_day(latest).isoformat())
    client = _lock(ctx, command.tenant_id, command.client_id)
    require_own_rights(ctx, client.scopes)
    if len(client.secret_ends) >= MAX_SECRETS:
        raise Conflict(TOO_MANY_SECRETS, field="client_id", most=MAX_SECRETS)
    number = client.secret_number + 1
    secret = client_secret(client.id, number)
    client.secret_number = number
    client.secret_ends = {**client.secret_ends, str(number): command.valid_until.isoformat()}
    ctx.session.flush()
    job_id = enqueue_sync(ctx, client)
    ctx.audit(subject=client.id, tenant_id=client.tenant_id, number=number, valid_until=command.valid_until.isoformat())
    return ClientSecretMade(
        client_id=client.id,
        client_name=service_client_name(client.tenant_id, client.id, number),
        number=number,
        job_id=job_id,
        secret=secret,
    )


@handles(Permission.CLIENT_REMOVE_SECRET, Event.CLIENT_SECRET_REMOVED, edits="client {client_id}")
def remove_client_secret(ctx: CommandContext, command: RemoveClientSecret) -> ClientSecretRemoved:
    """Take one secret out: its tokens are refused from now on, also those that have not run out.

    Raises NotFound, Invalid for a secret that it has not, Conflict for the operator's and for one that was stopped.
    """
    client = _lock(ctx, command.tenant_id, command.client_id)
    if str(command.number) not in client.secret_ends:
        raise Invalid(NO_SUCH_SECRET, field="number", given=command.number)
    job_id = _remove(ctx, client, [command.number])
    ctx.audit(subject=client.id, tenant_id=client.tenant_id, number=command.number, reason=command.reason)
    return ClientSecretRemoved(client_id=client.id, job_id=job_id)


def end_secrets(ctx: CommandContext, client: ServiceClient) -> list[int]:
    """Take out the client's secrets whose last day is over, each with an audit event; returns their numbers."""
    ended = sorted(int(number) for number, end in client.secret_ends.items() if end <= ctx.today.isoformat())
    if ended:
        _remove(ctx, client, ended)
    for number in ended:
        ctx.audit(subject=client.id, tenant_id=client.tenant_id, event=Event.CLIENT_SECRET_REMOVED, number=number)
    return ended


def _remove(ctx: CommandContext, client: ServiceClient, numbers: list[int]) -> UUID:
    client.secret_ends = {number: end for number, end in client.secret_ends.items() if int(number) not in numbers}
    ctx.session.flush()
    return enqueue_sync(ctx, client, numbers)


def _lock(ctx: CommandContext, tenant_id: UUID, client_id: UUID) -> ServiceClient:
    tenant = lock_tenant(ctx.session, tenant_id)
    client = lock_client(ctx.session, client_id, tenant.id)
    if tenant.is_operator:
        raise Conflict(NO_SECRET_OF_THE_OPERATORS, field="client_id")
    if client.state == ClientState.STOPPED:
        raise Conflict(STOPPED_ALREADY, field="client_id")
    return client
