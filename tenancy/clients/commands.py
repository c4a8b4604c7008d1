"""The commands of service clients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Final
from uuid import UUID

from pydantic import StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, Invalid, Language, NotAllowed, message, require_found
from governance.kernel.field_type import Control, FieldType
from governance.kernel.field_types import EndDate, Id, LongLine, PlainLine, last_day
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.sorted_unique import SORTED_UNIQUE
from governance.kernel.yen import printable
from governance.outbox import INPUT_ENTERED
from governance.permissions import TENANT_SCOPES, Permission, SecondPerson, scope_wording
from tenancy.clients import queries
from tenancy.clients.keys import canonical_set, public_key_set
from tenancy.clients.ownership import possible_owner
from tenancy.clients.states import ClientState
from tenancy.clients.tables import ServiceClient
from tenancy.keycloak.port import OPERATOR_SERVICE_SCOPES, SERVICE_SCOPES, service_client_name
from tenancy.quotas.limits import enforce_quota
from tenancy.tenants.models import TenantDetails
from tenancy.tenants.queries import lock_tenant
from tenancy.tenants.states import TenantState

SCOPE_UNKNOWN = message(
    "client.scope_unknown",
    ja="許可する操作「{given}」はありません。使えるのは {known} です。",
    en="Unknown scope “{given}”; the known ones are {known}.",
)
NAME_TAKEN = message(
    "client.name_taken",
    ja="「{given}」という連携システムは、すでにこの団体にあります。",
    en="The tenant already has a service client named {given}.",
)
ENDS_BEFORE_IT_BEGINS = message(
    "client.ends_before_it_begins",
    ja="最終日 {given} が過ぎています。",
    en="The last day {given} is in the past.",
)
CLIENT_OF_NO_MEMBER = message(
    "client.of_no_member",
    ja="{name}（{state}）の連携システムは登録できません。",
    en="{name} ({state}) cannot have a service client.",
)
SCOPE_ABOVE_OWN = message(
    "client.scope_above_own",
    ja="「{scope}」は、あなた自身に権限がないため、付けられません。",
    en="You cannot allow “{scope}”: you are not permitted that yourself.",
    hint_ja="団体管理者に登録を依頼してください。",
    hint_en="Ask an owner of your tenant to register the client.",
)
NO_OWNER_THERE = message(
    "client.no_owner_there",
    ja="運営者の連携システムは、個人の所有にできません。",
    en="A service client of the operator has no person as its owner.",
)
STOPPED_ALREADY = message(
    "client.stopped_already",
    ja="この連携システムは、すでに廃止されています。",
    en="This service client was stopped for good already.",
)
NOT_THE_OPERATORS = message(
    "client.not_the_operators",
    ja="ここで廃止できるのは、運営者の連携システムだけです。",
    en="Only service clients of the operator are stopped here.",
)


KEY_OF_OPERATORS_MISSING = message(
    "client.key_of_operators_missing",
    ja="運営者の連携システムには、公開鍵が必要です。",
    en="A service client of the operator needs a public key.",
)
NO_KEYS: Final = canonical_set([])

JWK_SET: Final = FieldType(
    name="jwk_set",
    read=lambda text: text,
    hint=Label('JWK Set（{"keys": [ … ]}）', 'A JWK Set: {"keys": [ … ]}'),
    control=Control.TEXT,
    is_document=True,
    right=('{"keys": []}',),
    wrong=(("x" * 20_001, "input.wrong"),),
)


OWNER: Final = Input(
    "所有者",
    "Owner",
    Label(
        "空欄なら団体の所有です。利用者の所有にすると、その人の停止や削除とともに停止します。",
        "The tenant itself if empty. One of a person's is suspended together with the person.",
    ),
    empty=Label("団体の所有", "the tenant's own"),
    option="owner",
)
"""Whose a client is: the id of a person of the tenant."""


def scope_choices(session: Session, language: Language) -> list[tuple[str, str]]:
    """The scopes that a service client may have, worded by what they allow: the operator's are the most."""
    return [(scope, scope_wording(scope).text(language)) for scope in OPERATOR_SERVICE_SCOPES]


class RegisterClient(Command):
    """A system of a tenant with its public key set (JWK Set as JSON text). Valid before `valid_until` (JST)."""

    added_later: ClassVar = frozenset({"owner_member_id"})

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    name: Annotated[PlainLine, Input("名称", "Name")]
    # The text as it was sent: the handler brings it into canonical form, so that a repeated request has equal digests.
    jwks: Annotated[
        Annotated[str, StringConstraints(max_length=20_000), JWK_SET] | None,
        Input(
            "公開鍵（JWK Set）",
            "Public keys",
            Label(
                "鍵を使えないシステムは空欄にして、登録の後でシークレットを作ります。",
                "Leave it empty for a system that cannot use keys, and make a secret for it afterwards.",
            ),
        ),
    ] = None
    scopes: Annotated[
        tuple[str, ...], SORTED_UNIQUE, Input("許可する操作", "Scopes", choices=scope_choices, option="scope")
    ] = ()
    valid_until: Annotated[
        EndDate | None,
        Input(
            "最終日（この日まで有効）",
            "Last day",
            Label("空欄なら期限なし", "no end if empty"),
            option="last-day",
        ),
    ] = None

    owner_member_id: Annotated[Id | None, OWNER] = None


class ClientRegistered(Result):
    """`client_name` is what the system calls itself when it asks Keycloak for a token (client_id)."""

    client_id: UUID
    client_name: str


def _who_decides(ctx: CommandContext, command: RegisterClient) -> SecondPerson | None:
    """What the operator's own systems may do is decided as the operator's roles are."""
    return SecondPerson.ROLES if lock_tenant(ctx.session, command.tenant_id).is_operator else None


@handles(Permission.CLIENT_REGISTER, Event.CLIENT_REGISTERED, approval=_who_decides, step_up=True)
def register_client(ctx: CommandContext, command: RegisterClient) -> ClientRegistered:
    """Register a system with its public keys; Keycloak follows by onboarding.

    One of the operator's own needs a second person, and `moyai keycloak configure` makes it in Keycloak.

    Raises NotFound for the tenant, Invalid for keys, scopes, name or end that cannot be, NotAllowed for a scope beyond
    the own rights, Conflict for a name in use, a tenant that cannot have one, and a full quota of service clients.
    """
    jwks = NO_KEYS if command.jwks is None else public_key_set(command.jwks)
    if command.valid_until is not None and command.valid_until <= ctx.today:
        raise Invalid(ENDS_BEFORE_IT_BEGINS, field="valid_until", given=last_day(command.valid_until).isoformat())
    # Lock the tenant row: it serialises the quota check on its clients.
    tenant = lock_tenant(ctx.session, command.tenant_id)
    if tenant.is_operator and command.jwks is None:
        raise Invalid(KEY_OF_OPERATORS_MISSING, field="jwks")
    _require_scopes(ctx, tenant, command.scopes)
    if tenant.state in (TenantState.LEAVING, TenantState.LEFT):
        raise Conflict(CLIENT_OF_NO_MEMBER, field="tenant_id", name=tenant.name, state=TenantState(tenant.state))
    same_name = select(ServiceClient.id).where(
        ServiceClient.tenant_id == tenant.id,
        ServiceClient.name == command.name,
        ServiceClient.state != ClientState.STOPPED.value,
    )
    if ctx.session.scalars(same_name).first() is not None:
        raise Conflict(NAME_TAKEN, field="name", given=command.name)
    owner_id = None
    if command.owner_member_id is not None:
        if tenant.is_operator:
            raise Conflict(NO_OWNER_THERE, field="owner_member_id")
        owner_id = possible_owner(ctx, tenant.id, command.owner_member_id)
    if not tenant.is_operator:
        running = queries.count_running(ctx.session, tenant.id)
        enforce_quota(ctx.session, tenant.id, "service_clients", running + 1, today=ctx.today)
    client = ServiceClient(
        id=new_id(),
        tenant_id=tenant.id,
        name=command.name,
        jwks=jwks,
        scopes=list(command.scopes),
        state=ClientState.REGISTERED.value,
        valid_from=ctx.today,
        valid_until=command.valid_until,
        owner_member_id=owner_id,
        registered_by=ctx.actor.id if ctx.approval is None else ctx.approval.requested_by,
        registered_at=ctx.now,
    )
    ctx.session.add(client)
    ctx.session.flush()
    if tenant.state is TenantState.PROVISIONING:
        ctx.enqueue(INPUT_ENTERED, {"tenant_id": str(tenant.id)}, tenant_id=tenant.id)
    ctx.audit(subject=client.id, tenant_id=tenant.id, scopes=list(command.scopes))
    return ClientRegistered(client_id=client.id, client_name=service_client_name(tenant.id, client.id))


class StopOperatorClient(Command):
    """A system of the operator's to stop, and why."""

    client_id: Annotated[
        Id, Input("連携システム", "Service client", Label("", "The id that `service-client list` prints."))
    ]
    reason: Annotated[LongLine, Input("理由", "Reason")]


class OperatorClientStopped(Result):
    """The client that is let in no more."""

    client_id: UUID


@handles(Permission.CLIENT_STOP, Event.CLIENT_STOPPED)
def stop_operator_client(ctx: CommandContext, command: StopOperatorClient) -> OperatorClientStopped:
    """Stop a system of the operator's: its tokens are refused from now on.

    `moyai keycloak configure` disables it in Keycloak. Raises NotFound, Conflict for one that is stopped already and
    for a municipality's.
    """
    client = lock_client(ctx.session, command.client_id)
    if not lock_tenant(ctx.session, client.tenant_id).is_operator:
        raise Conflict(NOT_THE_OPERATORS, field="client_id")
    if client.state == ClientState.STOPPED:
        raise Conflict(STOPPED_ALREADY, field="client_id")
    client.state = ClientState.STOPPED.value
    ctx.session.flush()
    ctx.audit(subject=client.id, tenant_id=client.tenant_id, reason=command.reason)
    return OperatorClientStopped(client_id=client.id)


class SyncOperatorClients(Command):
    """The operator's systems that `moyai keycloak configure` has made or found as they should be."""

    client_ids: tuple[UUID, ...]


class OperatorClientsSynced(Result):
    """Those that were not in Keycloak before."""

    client_ids: tuple[UUID, ...]


@handles(Permission.KEYCLOAK_CONFIGURE, Event.CLIENT_SYNCED)
def sync_operator_clients(ctx: CommandContext, command: SyncOperatorClients) -> OperatorClientsSynced:
    """Record which of the operator's systems are in Keycloak now. Only the machine's command line may."""
    found = ctx.session.scalars(
        select(ServiceClient)
        .where(ServiceClient.id.in_(command.client_ids), ServiceClient.state == ClientState.REGISTERED)
        .order_by(ServiceClient.id)
        .with_for_update()
    ).all()
    for client in found:
        client.state = ClientState.ACTIVE.value
        ctx.audit(subject=client.id, tenant_id=client.tenant_id)
    if not found:
        ctx.mark_noop()
    ctx.session.flush()
    return OperatorClientsSynced(client_ids=tuple(client.id for client in found))


def _named(scopes: Iterable[str]) -> Label:
    """What each scope allows, with its name as programs write it."""
    words = [(scope_wording(scope), scope) for scope in scopes]
    return Label(
        "、".join(f"{label.ja}（{scope}）" for label, scope in words),
        ", ".join(f"{label.en} ({scope})" for label, scope in words),
    )


def lock_client(session: Session, client_id: UUID, tenant_id: UUID | None = None) -> ServiceClient:
    """The client's row, locked. Raises NotFound, also for one of another tenant than the one that is named."""
    query = select(ServiceClient).where(ServiceClient.id == client_id)
    if tenant_id is not None:
        query = query.where(ServiceClient.tenant_id == tenant_id)
    found = session.scalars(query.with_for_update()).first()
    return require_found(found, what=queries.SERVICE_CLIENT, given=client_id, field="client_id")


def _require_scopes(ctx: CommandContext, tenant: TenantDetails, scopes: tuple[str, ...]) -> None:
    known = OPERATOR_SERVICE_SCOPES if tenant.is_operator else SERVICE_SCOPES
    for scope in scopes:
        if scope not in known:
            raise Invalid(SCOPE_UNKNOWN, field="scopes", given=printable(scope), known=_named(known))
    # The operator's are given by two people, as its roles are; a municipality's by one, out of the own rights.
    if not tenant.is_operator:
        require_own_rights(ctx, scopes)


def require_own_rights(ctx: CommandContext, scopes: Iterable[str]) -> None:
    """Raises NotAllowed for a scope that allows what the actor may not: nobody gets rights by way of a client."""
    for scope in scopes:
        if not all(ctx.actor.may(one) for one in TENANT_SCOPES.get(scope, ())):
            raise NotAllowed(SCOPE_ABOVE_OWN, field="scopes", scope=scope_wording(scope))
