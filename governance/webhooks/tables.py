"""Rows of webhooks."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase, enum_check
from governance.webhooks.states import WebhookState


class Webhook(TableBase):
    """Where events of a tenant's stream are sent; with `all_streams`, which the operator's has, those of every stream.

    `version` counts the commands about it. `place` is that of the last event delivered: the position of its sealing
    where all streams are sent, else its number in the stream. `fence` rises with every lease and with every command, so
    that what a worker found out about an earlier state is not recorded. `secret_number` is 0 until a secret was shown.
    """

    __tablename__ = "webhook"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        enum_check("state", WebhookState, name="state_known"),
        CheckConstraint("place >= 0 AND secret_number >= 0 AND failures >= 0", name="counts_positive"),
        CheckConstraint("(secret_number = 0) = (secret_issued_at IS NULL)", name="secret_has_a_time"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    name: Mapped[str]
    url: Mapped[str]
    all_streams: Mapped[bool]
    state: Mapped[str]
    version: Mapped[int]
    place: Mapped[int] = mapped_column(BigInteger)
    secret_number: Mapped[int]
    secret_issued_at: Mapped[datetime | None]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    fence: Mapped[int] = mapped_column(BigInteger)
    leased_until: Mapped[datetime | None]
    next_attempt_at: Mapped[datetime]
    failures: Mapped[int]
    failing_since: Mapped[datetime | None]
    last_attempt_at: Mapped[datetime | None]
    last_success_at: Mapped[datetime | None]
    last_status: Mapped[int | None]
    last_problem: Mapped[str | None]
