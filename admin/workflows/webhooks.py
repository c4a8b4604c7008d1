"""The worker's deliveries: the events that wait for one webhook, one after the other, until one is not taken."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final
from uuid import UUID

import structlog

from governance.audit.queries import SealedEventFacts, sealed_after
from governance.commands import system_transaction
from governance.derived_secrets import secrets_key
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.webhooks import delivery
from governance.webhooks.delivery import Attempt, Lease
from governance.webhooks.states import DeliveryProblem

log = structlog.get_logger(__name__)

RUN_SECONDS: Final = 20
"""How long one run goes on before its thread does something else; what still waits is dispatched again."""

MAX_AT_ONCE: Final = 2
"""Runs of one process at a time, so that slow receivers leave threads for jobs and onboardings."""

_BATCH: Final = 50

Send = Callable[[str, Mapping[str, str], bytes], Attempt]
"""Makes one request: address, headers, body."""


class WebhookDelivery:
    """Delivers in this process. `send` makes a request; no transaction is open meanwhile."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._slots = threading.BoundedSemaphore(MAX_AT_ONCE)

    def run(self, webhook_id: UUID) -> None:
        """Deliver what waits for a webhook, oldest first, unless another worker does or it is not yet time.

        Ends with the first event that is not taken, whose next attempt is then due later. Exceptions of the database
        are raised; the lease then runs out.
        """
        if not self._slots.acquire(blocking=False):
            return
        try:
            with system_transaction(OPERATOR) as session:
                lease = delivery.acquire(session, webhook_id, clock.now())
            if lease is not None and self._deliver(lease):
                with system_transaction(OPERATOR) as session:
                    delivery.release(session, lease)
        finally:
            self._slots.release()

    def _deliver(self, lease: Lease) -> bool:
        """Whether the lease is still to be released."""
        key = secrets_key()
        with system_transaction(OPERATOR) as session:
            is_approved = delivery.is_approved(session, lease)
        if key is None or not is_approved:
            return self._fail(lease, Attempt(None, DeliveryProblem.NOT_APPROVED if key else DeliveryProblem.NO_KEY))
        ends_at = time.monotonic() + RUN_SECONDS
        while time.monotonic() < ends_at:
            with system_transaction(lease.scope) as session:
                events = sealed_after(session, lease.place, limit=_BATCH)
            if not events:
                return True
            for place, event in events:
                if not self._deliver_one(lease, key, place, event):
                    return False
                if lease.failures:
                    log.info("webhook.recovered", webhook=str(lease.webhook_id))
                lease = replace(lease, place=place, failures=0)
                if time.monotonic() >= ends_at:
                    break
        return True

    def _deliver_one(self, lease: Lease, key: bytes, place: int, event: SealedEventFacts) -> bool:
        """Whether the receiver took the event and the lease still holds."""
        body = delivery.message_of(event)
        now = clock.now()
        attempt = self._send(lease.url, delivery.signed_headers(lease, key, event, body, now), body)
        if attempt.problem is not None:
            return self._fail(lease, attempt)
        with system_transaction(OPERATOR) as session:
            return delivery.record_delivery(session, lease, place, attempt.status, now)

    @staticmethod
    def _fail(lease: Lease, attempt: Attempt) -> bool:
        if lease.failures == 0:
            log.warning("webhook.failed", webhook=str(lease.webhook_id), problem=attempt.problem, status=attempt.status)
        with system_transaction(OPERATOR) as session:
            delivery.record_failure(session, lease, attempt, clock.now())
        return False
