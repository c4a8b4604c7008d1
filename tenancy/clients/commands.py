"""The write door of service clients."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, StringConstraints
from sqlalchemy import select

from governance.commands import Order, Outcome, Work, command
from governance.events import Event
from governance.kernel import clock
from governance.kernel.errors import Conflict, Invalid, reason
from governance.kernel.ids import new_id
from governance.kernel.plain_text import Line, plain_line
from governance.kernel.yen import shown
from governance.permissions import Permission
from tenancy.clients import queries
from tenancy.clients.keys import public_key_set
from tenancy.clients.tables import ClientState, ServiceClient
from tenancy.keycloak.port import SERVICE_SCOPES, service_client_name
from tenancy.quotas.limits import refuse_above
from tenancy.tenants.queries import tenant as tenant_of
from tenancy.tenants.states import TenantState

SCOPE_UNKNOWN = reason(
    "client.scope_unknown",
    ja="スコープ「{given}」はありません。使えるのは {known} です。",
    en="There is no scope “{given}”; known are {known}.",
)
NAME_TAKEN = reason(
    "client.name_taken",
    ja="「{given}」という API利用者(システム) は、すでにこの団体にあります。",
    en="The tenant has a service client named {given} already.",
)
ENDS_BEFORE_IT_BEGINS = reason(
    "client.ends_before_it_begins",
    ja="有効期限 {given} が過ぎています。",
    en="The client would end on {given}, which is past.",
)
CLIENT_OF_NO_MEMBER = reason(
    "client.of_no_member",
    ja="{name}（{state}）の API利用者(システム) は登録できません。",
    en="{name} ({state}) cannot have a service client.",
)


def _in_one_order(scopes: Any) -> Any:
    return tuple(sorted(set(scopes))) if isinstance(scopes, list | tuple | set | frozenset) else scopes


class RegisterClient(Order):
    """A system of a tenant with its public key set (JWK Set as JSON text). Valid before `valid_until` (JST)."""

    tenant_id: UUID
    name: Line
    jwks: Annotated[str, StringConstraints(max_length=20_000)]
    scopes: Annotated[tuple[str, ...], BeforeValidator(_in_one_order)]
    valid_until: date | None = None


class ClientRegistered(Outcome):
    """`client_name` is what the system calls itself when it asks Keycloak for a token (client_id)."""

    client_id: UUID
    client_name: str


@command(Permission.CLIENT_REGISTER, Event.CLIENT_REGISTERED)
def register_client(work: Work, order: RegisterClient) -> ClientRegistered:
    """Register a system with its public keys; Keycloak follows by onboarding.

    Raises NotFound for the tenant, Invalid for keys, scopes, name or end that cannot be, Conflict for a name in use, a
    tenant that cannot have one, and a quota of service clients that is full.
    """
    name = plain_line(order.name, field="name")
    jwks = public_key_set(order.jwks)
    for scope in order.scopes:
        if scope not in SERVICE_SCOPES:
            raise Invalid(SCOPE_UNKNOWN, field="scopes", given=shown(scope), known=", ".join(SERVICE_SCOPES))
    if order.valid_until is not None and order.valid_until <= clock.today():
        raise Invalid(ENDS_BEFORE_IT_BEGINS, field="valid_until", given=order.valid_until.isoformat())
    # The tenant's row is the turn of everybody who counts its clients.
    tenant = tenant_of(work.session, order.tenant_id, lock=True)
    if tenant.is_operator or tenant.state in (TenantState.LEAVING, TenantState.LEFT):
        raise Conflict(CLIENT_OF_NO_MEMBER, field="tenant_id", name=tenant.name, state=tenant.state)
    same_name = select(ServiceClient.id).where(
        ServiceClient.tenant_id == tenant.id,
        ServiceClient.name == name,
        ServiceClient.state != ClientState.STOPPED.value,
    )
    if work.session.scalars(same_name).first() is not None:
        raise Conflict(NAME_TAKEN, field="name", given=name)
    refuse_above(work.session, tenant.id, "service_clients", queries.count_running(work.session, tenant.id) + 1)
    client = ServiceClient(
        id=new_id(),
        tenant_id=tenant.id,
        name=name,
        jwks=jwks,
        scopes=list(order.scopes),
        state=ClientState.REGISTERED.value,
        valid_from=clock.today(),
        valid_until=order.valid_until,
        registered_by=work.actor.id,
        registered_at=work.now,
    )
    work.session.add(client)
    work.session.flush()
    work.record(subject=client.id, tenant_id=tenant.id, scopes=list(order.scopes))
    return ClientRegistered(client_id=client.id, client_name=service_client_name(tenant.id, client.id))
