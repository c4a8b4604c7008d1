"""The commands of service clients."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import StringConstraints
from sqlalchemy import select

from governance.commands import Command, CommandContext, Result, handles
from governance.events import Event
from governance.kernel.errors import Conflict, Invalid, message
from governance.kernel.field_types import JstDate
from governance.kernel.ids import new_id
from governance.kernel.plain_text import PlainLine, plain_line
from governance.kernel.sorted_unique import SORTED_UNIQUE
from governance.kernel.yen import printable
from governance.permissions import Permission
from tenancy.clients import queries
from tenancy.clients.keys import public_key_set
from tenancy.clients.states import ClientState
from tenancy.clients.tables import ServiceClient
from tenancy.keycloak.port import SERVICE_SCOPES, service_client_name
from tenancy.quotas.limits import enforce_quota
from tenancy.tenants.queries import lock_tenant
from tenancy.tenants.states import TenantState

SCOPE_UNKNOWN = message(
    "client.scope_unknown",
    ja="スコープ「{given}」はありません。使えるのは {known} です。",
    en="Unknown scope “{given}”; the known ones are {known}.",
)
NAME_TAKEN = message(
    "client.name_taken",
    ja="「{given}」という API利用者(システム) は、すでにこの団体にあります。",
    en="The tenant already has a service client named {given}.",
)
ENDS_BEFORE_IT_BEGINS = message(
    "client.ends_before_it_begins",
    ja="有効期限 {given} が過ぎています。",
    en="The client would end on {given}, which is in the past.",
)
CLIENT_OF_NO_MEMBER = message(
    "client.of_no_member",
    ja="{name}（{state}）の API利用者(システム) は登録できません。",
    en="{name} ({state}) cannot have a service client.",
)


class RegisterClient(Command):
    """A system of a tenant with its public key set (JWK Set as JSON text). Valid before `valid_until` (JST)."""

    tenant_id: UUID
    name: PlainLine
    jwks: Annotated[str, StringConstraints(max_length=20_000)]
    scopes: Annotated[tuple[str, ...], SORTED_UNIQUE]
    valid_until: JstDate | None = None


class ClientRegistered(Result):
    """`client_name` is what the system calls itself when it asks Keycloak for a token (client_id)."""

    client_id: UUID
    client_name: str


@handles(Permission.CLIENT_REGISTER, Event.CLIENT_REGISTERED)
def register_client(ctx: CommandContext, command: RegisterClient) -> ClientRegistered:
    """Register a system with its public keys; Keycloak follows by onboarding.

    Raises NotFound for the tenant, Invalid for keys, scopes, name or end that cannot be, Conflict for a name in use, a
    tenant that cannot have one, and a quota of service clients that is full.
    """
    name = plain_line(command.name, field="name")
    jwks = public_key_set(command.jwks)
    for scope in command.scopes:
        if scope not in SERVICE_SCOPES:
            raise Invalid(SCOPE_UNKNOWN, field="scopes", given=printable(scope), known=", ".join(SERVICE_SCOPES))
    if command.valid_until is not None and command.valid_until <= ctx.today:
        raise Invalid(ENDS_BEFORE_IT_BEGINS, field="valid_until", given=command.valid_until.isoformat())
    # Lock the tenant row: it serialises the quota check on its clients.
    tenant = lock_tenant(ctx.session, command.tenant_id)
    if tenant.is_operator or tenant.state in (TenantState.LEAVING, TenantState.LEFT):
        raise Conflict(CLIENT_OF_NO_MEMBER, field="tenant_id", name=tenant.name, state=tenant.state)
    same_name = select(ServiceClient.id).where(
        ServiceClient.tenant_id == tenant.id,
        ServiceClient.name == name,
        ServiceClient.state != ClientState.STOPPED.value,
    )
    if ctx.session.scalars(same_name).first() is not None:
        raise Conflict(NAME_TAKEN, field="name", given=name)
    enforce_quota(
        ctx.session, tenant.id, "service_clients", queries.count_running(ctx.session, tenant.id) + 1, today=ctx.today
    )
    client = ServiceClient(
        id=new_id(),
        tenant_id=tenant.id,
        name=name,
        jwks=jwks,
        scopes=list(command.scopes),
        state=ClientState.REGISTERED.value,
        valid_from=ctx.today,
        valid_until=command.valid_until,
        registered_by=ctx.actor.id,
        registered_at=ctx.now,
    )
    ctx.session.add(client)
    ctx.session.flush()
    ctx.audit(subject=client.id, tenant_id=tenant.id, scopes=list(command.scopes))
    return ClientRegistered(client_id=client.id, client_name=service_client_name(tenant.id, client.id))
