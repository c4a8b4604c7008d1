"""The commands of service clients."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from pydantic import StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, Invalid, Language, message
from governance.kernel.field_type import Control, FieldType
from governance.kernel.field_types import Id, JstDate, PlainLine
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
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


JWK_SET: Final = FieldType(
    name="jwk_set",
    read=lambda text: text,
    hint=Label('JWK Set（{"keys": [ … ]}）', 'A JWK Set: {"keys": [ … ]}'),
    control=Control.TEXT,
    is_document=True,
    right=('{"keys": []}',),
    wrong=(("x" * 20_001, "input.wrong"),),
)


def scope_choices(session: Session, language: Language) -> list[tuple[str, str]]:
    """The scopes that a service client may have, by the names that its tokens carry."""
    return [(scope, scope) for scope in SERVICE_SCOPES]


class RegisterClient(Command):
    """A system of a tenant with its public key set (JWK Set as JSON text). Valid before `valid_until` (JST)."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    name: Annotated[PlainLine, Input("名称", "Name")]
    # The text as it was sent: the handler brings it into canonical form, so that a repeated request has equal digests.
    jwks: Annotated[str, StringConstraints(max_length=20_000), JWK_SET, Input("公開鍵（JWK Set）", "Public keys")]
    scopes: Annotated[
        tuple[str, ...], SORTED_UNIQUE, Input("スコープ", "Scopes", choices=scope_choices, option="scope")
    ] = ()
    valid_until: Annotated[
        JstDate | None,
        Input("有効期限", "Valid until", Label("この日から使えない", "no longer valid on this day"), former=("until",)),
    ] = None


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
    jwks = public_key_set(command.jwks)
    for scope in command.scopes:
        if scope not in SERVICE_SCOPES:
            raise Invalid(SCOPE_UNKNOWN, field="scopes", given=printable(scope), known=", ".join(SERVICE_SCOPES))
    if command.valid_until is not None and command.valid_until <= ctx.today:
        raise Invalid(ENDS_BEFORE_IT_BEGINS, field="valid_until", given=command.valid_until.isoformat())
    # Lock the tenant row: it serialises the quota check on its clients.
    tenant = lock_tenant(ctx.session, command.tenant_id)
    if tenant.is_operator or tenant.state in (TenantState.LEAVING, TenantState.LEFT):
        raise Conflict(CLIENT_OF_NO_MEMBER, field="tenant_id", name=tenant.name, state=TenantState(tenant.state))
    same_name = select(ServiceClient.id).where(
        ServiceClient.tenant_id == tenant.id,
        ServiceClient.name == command.name,
        ServiceClient.state != ClientState.STOPPED.value,
    )
    if ctx.session.scalars(same_name).first() is not None:
        raise Conflict(NAME_TAKEN, field="name", given=command.name)
    enforce_quota(
        ctx.session, tenant.id, "service_clients", queries.count_running(ctx.session, tenant.id) + 1, today=ctx.today
    )
    client = ServiceClient(
        id=new_id(),
        tenant_id=tenant.id,
        name=command.name,
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
