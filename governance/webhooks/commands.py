"""The commands of webhooks. Where events are sent is decided by two people; everything else stops or repeats that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time
from typing import Annotated, ClassVar, Final
from uuid import UUID

from sqlalchemy import column, select, table
from sqlalchemy.orm import Session

from governance.audit.queries import last_place, place_before
from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.derived_secrets import secrets_key
from governance.events import Event
from governance.kernel.clock import JST
from governance.kernel.errors import Conflict, message, not_found, require_found
from governance.kernel.field_types import Id, JstDate, PlainLine
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.locks import advisory_lock
from governance.permissions import Permission, SecondPerson
from governance.webhooks.address import WebhookAddress, split_address
from governance.webhooks.queries import WEBHOOK
from governance.webhooks.signing import derive_secret
from governance.webhooks.states import WebhookState
from governance.webhooks.tables import Webhook

MAX_WEBHOOKS: Final = 20
"""How many may be active or paused at once: each is a receiver that the worker waits for."""

ADDRESS_TAKEN = message(
    "webhook.address_taken",
    ja="このアドレスには、すでに送信先「{name}」が送っています。",
    en="The webhook {name} sends to this address already.",
    hint_ja="その送信先を使うか、終了してから登録してください。",
    hint_en="Use that one, or end it first.",
)
TOO_MANY = message(
    "webhook.too_many",
    ja="送信先は {most} 件までです。",
    en="There may be at most {most} webhooks.",
    hint_ja="使わない送信先を終了してください。",
    hint_en="End one that is not used.",
)
ENDED = message(
    "webhook.ended",
    ja="送信先「{name}」は終了しています。",
    en="The webhook {name} has ended.",
    hint_ja="新しい送信先を登録してください。",
    hint_en="Create another one.",
)
KEY_MISSING = message(
    "webhook.key_missing",
    ja="署名の鍵（監査記録の封印の鍵）がまだないか、読み取れません。",
    en="The key that signs, which is that of the audit log, is missing or cannot be read.",
    hint_ja="moyai worker を起動するか、鍵のファイルをバックアップから戻してください。",
    hint_en="Start `moyai worker`, or restore the file of the key from the backup.",
)
NOTHING_SINCE = message(
    "webhook.nothing_since",
    ja="{since} からあとに、送り直す監査記録はありません。",
    en="Nothing was delivered since {since} that could be sent again.",
)

# Governance knows of a tenant no more than what its own foreign keys do: that it has an id.
_TENANT = table("tenant", column("id"))


class CreateWebhook(Command):
    """Whose events are sent where: a tenant's own, or every tenant's where the tenant is the operator."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    name: Annotated[PlainLine, Input("名称", "Name", Label("例: 県の SIEM", "as in: the prefecture's SIEM"))]
    url: Annotated[WebhookAddress, Input("アドレス", "Address")]


class WebhookCreated(Result):
    webhook_id: UUID


@handles(Permission.WEBHOOK_CREATE, Event.WEBHOOK_CREATED, approval=SecondPerson.SETTINGS)
def create_webhook(ctx: CommandContext, command: CreateWebhook) -> WebhookCreated:
    """Create a webhook for what is sealed from now on. Nothing is sent before its secret is issued.

    Raises NotFound for the tenant, Conflict for an address in use and for one webhook too many.
    """
    advisory_lock(ctx.session, "webhooks")
    if ctx.session.execute(select(_TENANT.c.id).where(_TENANT.c.id == command.tenant_id)).first() is None:
        raise not_found(what=Label("団体", "tenant"), given=command.tenant_id, field="tenant_id")
    is_operators = command.tenant_id == ctx.actor.tenant_id
    present = ctx.session.scalars(select(Webhook).where(Webhook.state != WebhookState.ENDED)).all()
    _require_free(present, command.tenant_id, command.url)
    if len(present) >= MAX_WEBHOOKS:
        raise Conflict(TOO_MANY, most=MAX_WEBHOOKS)
    webhook = Webhook(
        id=new_id(),
        tenant_id=command.tenant_id,
        name=command.name,
        url=command.url,
        all_streams=is_operators,
        state=WebhookState.ACTIVE.value,
        version=1,
        place=last_place(ctx.session, stream=None if is_operators else command.tenant_id),
        secret_number=0,
        created_by=ctx.actor.id if ctx.approval is None else ctx.approval.requested_by,
        created_at=ctx.now,
        fence=0,
        next_attempt_at=ctx.now,
        failures=0,
    )
    ctx.session.add(webhook)
    ctx.session.flush()
    ctx.audit(subject=webhook.id, tenant_id=command.tenant_id, host=split_address(command.url).hostname)
    return WebhookCreated(webhook_id=webhook.id)


class ChangeWebhookAddress(Command):
    """Another address for a webhook. What waits is sent there, signed with the same secret."""

    webhook_id: Annotated[Id, Input("送信先", "Webhook", Label("", "The id that `webhook list` prints."))]
    url: Annotated[WebhookAddress, Input("新しいアドレス", "New address")]


class WebhookAddressChanged(Result):
    webhook_id: UUID


@handles(
    Permission.WEBHOOK_CHANGE_ADDRESS,
    Event.WEBHOOK_ADDRESS_CHANGED,
    approval=SecondPerson.SETTINGS,
    edits="webhook {webhook_id}",
)
def change_webhook_address(ctx: CommandContext, command: ChangeWebhookAddress) -> WebhookAddressChanged:
    """Send to another address from now on.

    Raises NotFound, Conflict for a webhook that has ended and for an address in use.
    """
    advisory_lock(ctx.session, "webhooks")
    webhook = _lock(ctx.session, command.webhook_id)
    if webhook.url == command.url:
        ctx.mark_noop()
        return WebhookAddressChanged(webhook_id=webhook.id)
    present = ctx.session.scalars(select(Webhook).where(Webhook.state != WebhookState.ENDED)).all()
    _require_free(present, webhook.tenant_id, command.url)
    webhook.url = command.url
    _begin_anew(webhook, ctx.now)
    ctx.session.flush()
    ctx.audit(subject=webhook.id, tenant_id=webhook.tenant_id, host=split_address(command.url).hostname)
    return WebhookAddressChanged(webhook_id=webhook.id)


class IssueWebhookSecret(Command):
    """Another secret for a webhook: the first one, or the next. For a day deliveries are signed with both."""

    webhook_id: Annotated[Id, Input("送信先", "Webhook", Label("", "The id that `webhook list` prints."))]


class WebhookSecretIssued(Result):
    """The secret, in the answer to the request that issued it and in no later one; null then."""

    shown_once: ClassVar[frozenset[str]] = frozenset({"secret"})

    webhook_id: UUID
    number: int
    secret: str | None = None


@handles(Permission.WEBHOOK_ISSUE_SECRET, Event.WEBHOOK_SECRET_ISSUED, edits="webhook {webhook_id}")
def issue_webhook_secret(ctx: CommandContext, command: IssueWebhookSecret) -> WebhookSecretIssued:
    """Issue the next secret and show it once. Raises NotFound, Conflict for an ended webhook and without a key."""
    webhook = _lock(ctx.session, command.webhook_id)
    key = secrets_key()
    if key is None:
        raise Conflict(KEY_MISSING)
    webhook.secret_number += 1
    webhook.secret_issued_at = ctx.now
    _begin_anew(webhook, ctx.now)
    ctx.session.flush()
    ctx.audit(subject=webhook.id, tenant_id=webhook.tenant_id, number=webhook.secret_number)
    return WebhookSecretIssued(
        webhook_id=webhook.id,
        number=webhook.secret_number,
        secret=derive_secret(key, webhook.id, webhook.secret_number),
    )


class ChangeWebhookState(Command):
    """Pause a webhook, go on with it, or end it for good. What is sealed while it is paused waits."""

    webhook_id: Annotated[Id, Input("送信先", "Webhook", Label("", "The id that `webhook list` prints."))]
    state: Annotated[WebhookState, Input("状態", "State")]


class WebhookStateChanged(Result):
    webhook_id: UUID
    state: WebhookState


@handles(Permission.WEBHOOK_CHANGE_STATE, Event.WEBHOOK_STATE_CHANGED, edits="webhook {webhook_id}")
def change_webhook_state(ctx: CommandContext, command: ChangeWebhookState) -> WebhookStateChanged:
    """Pause, resume or end. Resuming tries at once, whatever failed before. Raises NotFound, Conflict once ended."""
    webhook = _lock(ctx.session, command.webhook_id)
    if webhook.state == command.state:
        ctx.mark_noop()
        return WebhookStateChanged(webhook_id=webhook.id, state=command.state)
    before = webhook.state
    webhook.state = command.state.value
    _begin_anew(webhook, ctx.now)
    ctx.session.flush()
    ctx.audit(subject=webhook.id, tenant_id=webhook.tenant_id, before=before, after=command.state.value)
    return WebhookStateChanged(webhook_id=webhook.id, state=command.state)


class ResendWebhook(Command):
    """Send again what was recorded since a day (0:00 JST), each event under the id that it had before."""

    webhook_id: Annotated[Id, Input("送信先", "Webhook", Label("", "The id that `webhook list` prints."))]
    since: Annotated[
        JstDate,
        Input(
            "この日の記録から", "Since", Label("この日の 0 時から後の記録を、もう一度送ります", "from 0:00 of this day")
        ),
    ]


class WebhookResent(Result):
    webhook_id: UUID


@handles(Permission.WEBHOOK_RESEND, Event.WEBHOOK_RESENT, edits="webhook {webhook_id}")
def resend_webhook(ctx: CommandContext, command: ResendWebhook) -> WebhookResent:
    """Send again from a day on. A receiver that keeps the ids drops what it has.

    Raises NotFound, Conflict for a webhook that has ended and where nothing was delivered since.
    """
    webhook = _lock(ctx.session, command.webhook_id)
    midnight = datetime.combine(command.since, time(), JST)
    place = place_before(ctx.session, midnight, stream=None if webhook.all_streams else webhook.tenant_id)
    if place is None or place >= webhook.place:
        raise Conflict(NOTHING_SINCE, field="since", since=command.since.isoformat())
    webhook.place = place
    _begin_anew(webhook, ctx.now)
    ctx.session.flush()
    ctx.audit(subject=webhook.id, tenant_id=webhook.tenant_id, since=command.since.isoformat())
    return WebhookResent(webhook_id=webhook.id)


def _lock(session: Session, webhook_id: UUID) -> Webhook:
    """The webhook's row, locked. Raises NotFound, and Conflict for one that has ended."""
    found = session.scalars(select(Webhook).where(Webhook.id == webhook_id).with_for_update()).first()
    webhook = require_found(found, what=WEBHOOK, given=webhook_id, field="webhook_id")
    if webhook.state == WebhookState.ENDED:
        raise Conflict(ENDED, name=webhook.name)
    return webhook


def _require_free(present: Sequence[Webhook], tenant_id: UUID, url: str) -> None:
    for other in present:
        if (other.tenant_id, other.url) == (tenant_id, url):
            raise Conflict(ADDRESS_TAKEN, field="url", name=other.name)


def _begin_anew(webhook: Webhook, now: datetime) -> None:
    """Give it its next version, try at once, and let a worker that delivers by what was before record nothing."""
    webhook.version += 1
    webhook.fence += 1
    webhook.leased_until = None
    webhook.next_attempt_at = now
    webhook.failures = 0
