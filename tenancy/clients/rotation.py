"""The keys of a tenant's service client: one more, one fewer, and those whose last day is over.

Several public keys count at once, so that a system changes to a new one before the old one ends. Keycloak follows by a
job; what it is to hold on a day is `keys_in_force`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

from pydantic import StringConstraints
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, Invalid, message
from governance.kernel.field_type import Control, FieldType
from governance.kernel.field_types import EndDate, Id, LongLine, PlainLine, last_day
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy.clients.client_secrets import end_secrets
from tenancy.clients.commands import lock_client, require_own_rights
from tenancy.clients.keys import keys_of, public_key, with_key, without_keys
from tenancy.clients.ownership import enqueue_sync
from tenancy.clients.states import ClientState
from tenancy.clients.suspension import ClientId
from tenancy.clients.tables import ServiceClient
from tenancy.keycloak.keys import SigningKey
from tenancy.tenants.models import TenantDetails
from tenancy.tenants.queries import lock_tenant

STOPPED_FOR_GOOD = message(
    "client.stopped_for_good",
    ja="廃止した連携システムの鍵は変えられません。",
    en="The keys of a service client that was stopped for good cannot be changed.",
)
KEYS_OF_THE_OPERATOR = message(
    "client.keys_of_the_operator",
    ja="運営者の連携システムの鍵は変えられません。別の人の承認を受けて、登録し直してください。",
    en="The keys of the operator's service clients are not changed; register the client anew, which another approves.",
)
NO_SUCH_KEY = message(
    "client.no_such_key",
    ja="鍵「{given}」は、この連携システムにありません。",
    en="This service client has no key “{given}”.",
)
LAST_KEY = message(
    "client.last_key",
    ja="最終日のない鍵が 1 つは必要なので、この鍵は削除できません。",
    en="This key cannot be removed: one key without a last day has to stay.",
    hint_ja="先に新しい鍵を追加してください。すぐに使えなくしたいときは、連携システムを停止してください。",
    hint_en="Add a new key first. To end its use at once, suspend the service client.",
)
KEY_ENDS_IN_THE_PAST = message(
    "client.key_ends_in_the_past",
    ja="今の鍵の最終日 {given} が過ぎています。",
    en="The last day of the present keys, {given}, is in the past.",
)

_EXAMPLE: Final = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEAHXRjivklcF3eWEteF+0B9V4e1EO
hoXdYPrLcOBa1MiSxzyrTTcxDi0ks4jCLb7ShNYbypARADinsekxr4FKvg==
-----END PUBLIC KEY-----"""


def _checked(text: str) -> str:
    public_key(text, field="")
    return text


KEY_TEXT: Final = FieldType(
    name="public_key",
    read=lambda text: text,
    check=_checked,
    hint=Label(
        "PEM（-----BEGIN PUBLIC KEY----- から -----END PUBLIC KEY----- まで）または JWK。"
        "EC P-256 か、2048 ビット以上の RSA",
        "PEM, from -----BEGIN PUBLIC KEY----- to -----END PUBLIC KEY-----, or a JWK; EC P-256, or RSA of 2048 bits "
        "or more",
    ),
    control=Control.TEXT,
    is_document=True,
    right=(_EXAMPLE,),
    wrong=(("ssh-rsa AAAA", "client.key_unreadable"), ("-----BEGIN " + "PRIVATE KEY-----", "client.private_key_given")),
)

FormerLastDay = Annotated[
    EndDate | None,
    Input(
        "今の鍵の最終日",
        "Last day of the present keys",
        Label(
            "この日まで、今の鍵と新しい鍵の両方が使えます。空欄なら、今の鍵も期限なしで残ります。",
            "Until then the present keys and the new one both count; the present ones stay if empty.",
        ),
        option="former-last-day",
    ),
]


class AddClientKey(Command):
    """One more public key of a system, and when its present keys end."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    client_id: ClientId
    public_key: Annotated[str, StringConstraints(max_length=20_000), KEY_TEXT, Input("公開鍵", "Public key")]
    former_until: FormerLastDay = None


class ClientKeyAdded(Result):
    """`kid` is what an assertion that is signed with the key has in its header; `job_id` brings it to Keycloak."""

    client_id: UUID
    kid: str
    job_id: UUID


class MakeClientKey(Command):
    """A key pair that Moyai makes for a system: it keeps the public half and shows the private one once."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    client_id: ClientId
    former_until: FormerLastDay = None


class ClientKeyMade(Result):
    """`private_key` (PEM) is in the answer to the request that made it and in no later one; null then."""

    shown_once: ClassVar[frozenset[str]] = frozenset({"private_key"})

    client_id: UUID
    kid: str
    job_id: UUID
    private_key: str | None = None


class RemoveClientKey(Command):
    """A key of a system that is to count no more, and why."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    client_id: ClientId
    kid: Annotated[PlainLine, Input("鍵の名前", "Name of the key")]
    reason: Annotated[LongLine, Input("理由", "Reason")]


class ClientKeyRemoved(Result):
    """`job_id` is the job that takes the key out of Keycloak."""

    client_id: UUID
    job_id: UUID


class EndClientKeys(Command):
    """A system with keys whose last day is over."""

    tenant_id: UUID
    client_id: UUID


class ClientKeysEnded(Result):
    """The keys that count no more."""

    client_id: UUID
    kids: tuple[str, ...]


@handles(Permission.CLIENT_ADD_KEY, Event.CLIENT_KEY_ADDED, edits="client {client_id}", step_up=True)
def add_client_key(ctx: CommandContext, command: AddClientKey) -> ClientKeyAdded:
    """Add a public key; the present ones count until their last day, where one is given.

    Raises NotFound, NotAllowed for a system that may do what the actor may not, Invalid for a key or a day that cannot
    be, Conflict for the operator's and for one that was stopped for good.
    """
    client = _lock(ctx, command.tenant_id, command.client_id)
    require_own_rights(ctx, client.scopes)
    kid, job_id = _add(ctx, client, public_key(command.public_key), command.former_until)
    return ClientKeyAdded(client_id=client.id, kid=kid, job_id=job_id)


@handles(Permission.CLIENT_MAKE_KEY, Event.CLIENT_KEY_ADDED, edits="client {client_id}", step_up=True)
def make_client_key(ctx: CommandContext, command: MakeClientKey) -> ClientKeyMade:
    """Make a key pair, keep its public half as `add_client_key` does, and show the private one once; raises as it does.

    The private key is written nowhere here: neither in a row nor in the audit log nor with the idempotency key.
    """
    client = _lock(ctx, command.tenant_id, command.client_id)
    require_own_rights(ctx, client.scopes)
    made = SigningKey.generate()
    kid, job_id = _add(ctx, client, made.public_jwk, command.former_until)
    return ClientKeyMade(client_id=client.id, kid=kid, job_id=job_id, private_key=made.private_pem)


@handles(Permission.CLIENT_REMOVE_KEY, Event.CLIENT_KEY_REMOVED, edits="client {client_id}")
def remove_client_key(ctx: CommandContext, command: RemoveClientKey) -> ClientKeyRemoved:
    """Take one key out: Keycloak gives no token for it any more. Tokens it gave count until they run out.

    Raises NotFound, Invalid for a key that it has not, Conflict for the last key without a last day, for the
    operator's and for one that was stopped for good.
    """
    client = _lock(ctx, command.tenant_id, command.client_id)
    kids = [key["kid"] for key in keys_of(client.jwks)]
    if command.kid not in kids:
        raise Invalid(NO_SUCH_KEY, field="kid", given=command.kid)
    if not [kid for kid in kids if kid != command.kid and kid not in client.key_ends]:
        raise Conflict(LAST_KEY, field="kid")
    job_id = _remove(ctx, client, {command.kid})
    ctx.audit(subject=client.id, tenant_id=client.tenant_id, key=command.kid, reason=command.reason)
    return ClientKeyRemoved(client_id=client.id, job_id=job_id)


@handles(Permission.CLIENT_END_KEYS, Event.CLIENT_KEY_REMOVED)
def end_client_keys(ctx: CommandContext, command: EndClientKeys) -> ClientKeysEnded:
    """Take out the keys and secrets whose last day is over; the worker asks for it. Raises NotFound."""
    client = lock_client(ctx.session, command.client_id, command.tenant_id)
    kids = tuple(sorted(kid for kid, end in client.key_ends.items() if date.fromisoformat(end) <= ctx.today))
    secrets = end_secrets(ctx, client)
    if not kids and not secrets:
        ctx.mark_noop()
    if kids:
        _remove(ctx, client, set(kids))
    for kid in kids:
        ctx.audit(subject=client.id, tenant_id=client.tenant_id, key=kid)
    return ClientKeysEnded(client_id=client.id, kids=kids)


def clients_with_ended_keys(session: Session, today: date) -> list[tuple[UUID, UUID]]:
    """Tenant and id of each service client that has a key or secret whose last day is over."""
    found = session.execute(
        select(ServiceClient.tenant_id, ServiceClient.id, ServiceClient.key_ends, ServiceClient.secret_ends).where(
            or_(ServiceClient.key_ends != {}, ServiceClient.secret_ends != {})
        )
    )
    return [
        (tenant_id, client_id)
        for tenant_id, client_id, keys, secrets in found
        if any(date.fromisoformat(end) <= today for end in (*keys.values(), *secrets.values()))
    ]


def _lock(ctx: CommandContext, tenant_id: UUID, client_id: UUID) -> ServiceClient:
    tenant: TenantDetails = lock_tenant(ctx.session, tenant_id)
    client = lock_client(ctx.session, client_id, tenant.id)
    if tenant.is_operator:
        raise Conflict(KEYS_OF_THE_OPERATOR, field="client_id")
    if client.state == ClientState.STOPPED:
        raise Conflict(STOPPED_FOR_GOOD, field="client_id")
    return client


def _add(
    ctx: CommandContext, client: ServiceClient, key: Mapping[str, str], former_until: date | None
) -> tuple[str, UUID]:
    if former_until is not None and former_until <= ctx.today:
        raise Invalid(KEY_ENDS_IN_THE_PAST, field="former_until", given=last_day(former_until).isoformat())
    former = [one["kid"] for one in keys_of(client.jwks)]
    client.jwks = with_key(client.jwks, dict(key))
    if former_until is not None:
        # One that ends earlier already does so still.
        ends = {kid: min(former_until.isoformat(), client.key_ends.get(kid, "9999-12-31")) for kid in former}
        client.key_ends = {**client.key_ends, **ends}
    ctx.session.flush()
    job_id = enqueue_sync(ctx, client)
    facts: dict[str, Any] = {} if former_until is None else {"valid_until": former_until.isoformat()}
    ctx.audit(subject=client.id, tenant_id=client.tenant_id, key=key["kid"], **facts)
    return key["kid"], job_id


def _remove(ctx: CommandContext, client: ServiceClient, kids: set[str]) -> UUID:
    client.jwks = without_keys(client.jwks, kids)
    client.key_ends = {kid: end for kid, end in client.key_ends.items() if kid not in kids}
    ctx.session.flush()
    return enqueue_sync(ctx, client)
