"""What a worker needs to deliver: the lease on a webhook, the next events, and what came of an attempt.

One worker at a time delivers for a webhook, one event after the other, and the place moves on only when the receiver
took the event. So events arrive in the order of their sealing, and one whose outcome was not recorded arrives again
under the same id. All of it is system state: a delivery is no audit event, which would be delivered in its turn.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from governance.approvals import approved_commands
from governance.audit.queries import SealedEventFacts, is_sealed_after
from governance.kernel.database import OPERATOR, TenantScope, database_now
from governance.webhooks.commands import change_webhook_address, create_webhook
from governance.webhooks.signing import derive_secret, sign
from governance.webhooks.states import RETRY_DELAYS, DeliveryProblem, WebhookState
from governance.webhooks.tables import Webhook

LEASE: Final = timedelta(seconds=60)
"""Longer than an attempt may take; renewed with each outcome that is recorded."""

SECRET_OVERLAP: Final = timedelta(days=1)
"""How long deliveries are also signed with the former secret."""

MAX_BODY_BYTES: Final = 64 * 1024
"""An event whose facts make the body longer is sent without them."""


class Attempt(NamedTuple):
    """What came of one request: the HTTP status, None without an answer; and what was wrong, None for a delivery."""

    status: int | None
    problem: DeliveryProblem | None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to deliver for one webhook, until it runs out or the webhook is changed."""

    webhook_id: UUID
    tenant_id: UUID
    all_streams: bool
    fence: int
    url: str
    secret_number: int
    secret_issued_at: datetime | None
    place: int
    failures: int

    @property
    def scope(self) -> TenantScope:
        """Whose events are read: row-level security shows no other's."""
        return OPERATOR if self.all_streams else self.tenant_id


def due(session: Session, now: datetime, limit: int = 100) -> list[UUID]:
    """Ids of the webhooks for which something waits and that no worker has a lease on; the longest due first."""
    waits = is_sealed_after(Webhook.__table__.c.place, Webhook.__table__.c.tenant_id, Webhook.__table__.c.all_streams)
    query = select(Webhook.id).where(*_free(now), waits).order_by(Webhook.next_attempt_at, Webhook.id).limit(limit)
    return list(session.scalars(query))


def acquire(session: Session, webhook_id: UUID, now: datetime) -> Lease | None:
    """Lease a webhook by the database's clock; None where another worker has it, or nothing is to be sent now.

    Commits nothing.
    """
    taken = session.execute(
        update(Webhook)
        .where(Webhook.id == webhook_id, *_free(now))
        .values(leased_until=database_now() + LEASE, fence=Webhook.fence + 1)
        .returning(
            Webhook.id,
            Webhook.tenant_id,
            Webhook.all_streams,
            Webhook.fence,
            Webhook.url,
            Webhook.secret_number,
            Webhook.secret_issued_at,
            Webhook.place,
            Webhook.failures,
        )
        .execution_options(synchronize_session=False)
    ).one_or_none()
    return None if taken is None else Lease(*taken)


def is_approved(session: Session, lease: Lease) -> bool:
    """Whether two people set this address for this webhook; a row that somebody wrote otherwise gets nothing."""
    created = (
        (done["webhook_id"], body["tenant_id"], body["url"])
        for body, done in approved_commands(session, create_webhook.name)
    )
    if (str(lease.webhook_id), str(lease.tenant_id), lease.url) in created:
        return True
    changed = ((body["webhook_id"], body["url"]) for body, _ in approved_commands(session, change_webhook_address.name))
    return (str(lease.webhook_id), lease.url) in changed


def message_of(event: SealedEventFacts) -> bytes:
    """The body of a delivery: `type`, `timestamp`, and the event as the feed has it under `data`.

    Facts that would make it longer than MAX_BODY_BYTES are null; they are read over the API.
    """
    data = event.model_dump(mode="json")
    body = _json({"type": data["event"], "timestamp": data["recorded_at"], "data": data})
    if len(body) > MAX_BODY_BYTES:
        body = _json({"type": data["event"], "timestamp": data["recorded_at"], "data": {**data, "facts": None}})
    return body


def signed_headers(lease: Lease, key: bytes, event: SealedEventFacts, body: bytes, now: datetime) -> dict[str, str]:
    """The headers of one attempt. The id is the event's, in every attempt and after sending again."""
    numbers = [lease.secret_number]
    issued_at = lease.secret_issued_at
    if lease.secret_number > 1 and issued_at is not None and now < issued_at + SECRET_OVERLAP:
        numbers.append(lease.secret_number - 1)
    secrets = [derive_secret(key, lease.webhook_id, number) for number in numbers]
    timestamp = int(now.timestamp())
    return {
        "Content-Type": "application/json",
        "webhook-id": str(event.id),
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secrets, str(event.id), timestamp, body),
    }


def record_delivery(session: Session, lease: Lease, place: int, status: int | None, now: datetime) -> bool:
    """Move on to the place of an event that the receiver took, and renew the lease; False once the lease is lost."""
    return _record(
        session,
        lease,
        place=place,
        failures=0,
        failing_since=None,
        last_attempt_at=now,
        last_success_at=now,
        last_status=status,
        last_problem=None,
        next_attempt_at=now,
        leased_until=database_now() + LEASE,
    )


def record_failure(session: Session, lease: Lease, attempt: Attempt, now: datetime) -> bool:
    """Keep what was wrong, and when the next attempt is made; the lease ends. False once it was lost already."""
    failures = lease.failures + 1
    delay = RETRY_DELAYS[min(failures, len(RETRY_DELAYS)) - 1]
    return _record(
        session,
        lease,
        failures=failures,
        failing_since=func.coalesce(Webhook.failing_since, now),
        last_attempt_at=now,
        last_status=attempt.status,
        last_problem=None if attempt.problem is None else attempt.problem.value,
        next_attempt_at=now + delay,
        leased_until=None,
    )


def release(session: Session, lease: Lease) -> None:
    """End the lease before it runs out."""
    _record(session, lease, leased_until=None)


def _record(session: Session, lease: Lease, **values: Any) -> bool:
    done = session.execute(
        update(Webhook)
        .where(Webhook.id == lease.webhook_id, Webhook.fence == lease.fence)
        .values(**values)
        .returning(Webhook.id)
        .execution_options(synchronize_session=False)
    )
    return done.one_or_none() is not None


def _free(now: datetime) -> Sequence[ColumnElement[bool]]:
    return (
        Webhook.state == WebhookState.ACTIVE,
        Webhook.secret_number > 0,
        Webhook.next_attempt_at <= now,
        or_(Webhook.leased_until.is_(None), Webhook.leased_until < database_now()),
    )


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
