"""Reading webhooks: where they send to, and how their deliveries fare."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import func, literal, select
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session

from governance.audit.queries import count_sealed_after
from governance.kernel.errors import require_found
from governance.kernel.labels import Label
from governance.kernel.models import ReadModel
from governance.kernel.waiting import WaitingSelect, waiting_columns
from governance.webhooks.states import RETRY_DELAYS, DeliveryProblem, WebhookState
from governance.webhooks.tables import Webhook

WEBHOOK: Final = Label("送信先", "webhook")
MAX_COUNTED: Final = 10_000
"""Events waiting are counted so far and no further."""


FAILURES_UNTIL_REPORTED: Final = len(RETRY_DELAYS)
"""A receiver that is restarted misses a few attempts, and nobody has to do anything about it."""


class WebhookFacts(ReadModel):
    """A webhook with the state of its deliveries.

    `all_streams`: the events of every tenant, where `tenant_id` is the operator; else those of the tenant's stream.
    `secret_number` is 0 until a secret was issued: nothing is sent before. `waiting` counts the events that are
    sealed and not delivered, 10,000 standing for more. While the receiver takes nothing, `failing_since` is when that
    began, `failures` the attempts since and `next_attempt_at` the next one; `last_status` is the HTTP status of the
    last attempt, null where there was no answer. `version` counts the commands about it, and no delivery.
    """

    id: UUID
    tenant_id: UUID
    name: str
    url: str
    all_streams: bool
    state: WebhookState
    version: int
    secret_number: int
    secret_issued_at: datetime | None
    created_by: str
    created_at: datetime
    waiting: int
    failures: int
    failing_since: datetime | None
    next_attempt_at: datetime
    last_attempt_at: datetime | None
    last_success_at: datetime | None
    last_status: int | None
    last_problem: DeliveryProblem | None


def webhooks(session: Session) -> list[WebhookFacts]:
    """Every webhook of this scope, ended ones too, in the order they were made."""
    return [_to_facts(session, row) for row in session.scalars(select(Webhook).order_by(Webhook.id))]


def webhook_by_id(session: Session, webhook_id: UUID) -> WebhookFacts:
    """One webhook. Raises NotFound."""
    return _to_facts(session, require_found(session.get(Webhook, webhook_id), what=WEBHOOK, given=webhook_id))


def failing_webhooks() -> WaitingSelect:
    """Columns of `governance.kernel.waiting`: the webhooks whose receiver has taken nothing in so many attempts that
    the next ones are made at the longest interval only, one a row.

    One that was paused, changed or resumed since is none of them.
    """
    facts = func.jsonb_build_object(
        *("webhook", Webhook.id, "name", Webhook.name),
        *("problem", Webhook.last_problem, "status", Webhook.last_status),
    )
    columns = waiting_columns(literal(1), facts=facts, since=Webhook.failing_since, tenants=array([Webhook.tenant_id]))
    return select(*columns).where(
        Webhook.state == WebhookState.ACTIVE.value, Webhook.failures >= FAILURES_UNTIL_REPORTED
    )


def names_of_webhooks(session: Session, webhook_ids: Collection[str]) -> dict[str, str]:
    """The names of those of these webhooks that the scope shows, by id as text."""
    found = session.execute(select(Webhook.id, Webhook.name).where(Webhook.id.in_(map(UUID, webhook_ids))))
    return {str(webhook_id): name for webhook_id, name in found}


def _to_facts(session: Session, row: Webhook) -> WebhookFacts:
    stream = None if row.all_streams else row.tenant_id
    values = {name: getattr(row, name) for name in WebhookFacts.model_fields if name != "waiting"}
    is_ended = row.state == WebhookState.ENDED
    waiting = 0 if is_ended else count_sealed_after(session, row.place, stream=stream, most=MAX_COUNTED)
    values["state"] = WebhookState(row.state)
    values["last_problem"] = None if row.last_problem is None else DeliveryProblem(row.last_problem)
    return WebhookFacts(**values, waiting=waiting)
